"""Whether another vLLM has the interfaces that `entmin.hosts.vllm` uses, without installing it.

    pip download --no-deps vllm==0.33.0
    python benchmarks/vllm_interfaces.py vllm-0.33.0-*.whl          a wheel, or a folder that holds `vllm`

Run it where the vLLM that was tested is installed. Of each definition below the source is compared, docstrings and
comments left out; what differs is shown, and the exit code is 1.
"""

from __future__ import annotations

import ast
import difflib
import sys
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

V1, V2 = "vllm/v1/sample/", "vllm/v1/worker/gpu/sample/"
USED = {
    V1 + "logits_processor/interface.py": ("LogitsProcessor", "BatchUpdate", "MoveDirectionality"),
    V1 + "logits_processor/__init__.py": ("build_logitsprocs", "validate_logits_processors_parameters"),
    V1 + "logits_processor/state.py": ("BatchUpdateBuilder", "LogitsProcessors"),
    V1 + "sampler.py": ("Sampler.apply_logits_processors", "Sampler.sample"),
    V2 + "logits_processor/interface.py": ("LogitsProcessor", "LogitsContext", "LogitsProcRequestState"),
    V2 + "logits_processor/loader.py": ("build_custom_logits_processors",),
    V2 + "sampler.py": ("Sampler.apply_sampling_params",),
    "vllm/v1/worker/gpu_input_batch.py": ("InputBatch.condense", "InputBatch.add_request", "InputBatch.remove_request"),
}
"""Files, and what of them the host was written against: its bases, who builds and calls it, and in which order."""


def reader(place: Path) -> Callable[[str], str]:
    """What reads a file of a wheel or a folder by its name."""
    if place.is_dir():
        return lambda name: (place / name).read_text()
    wheel = zipfile.ZipFile(place)
    return lambda name: wheel.read(name).decode()


def definition(text: str, name: str) -> list[str]:
    """Lines of a class, a function or a method, as Python would write them; none where it is not there."""
    body: list[ast.stmt] = ast.parse(text).body
    found: ast.AST | None = None
    for part in name.split("."):
        kinds = (ast.ClassDef, ast.FunctionDef)
        found = next((node for node in body if isinstance(node, kinds) and node.name == part), None)
        body = found.body if found is not None else []
    if found is None:
        return []
    for node in ast.walk(found):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(found).splitlines()


def main() -> None:
    """Compare, print, and exit with 1 where something differs."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    spec = find_spec("vllm")
    if spec is None or spec.origin is None:
        sys.exit("vLLM is not installed here: use the environment that `make vllm-test` sets up")
    here, there = reader(Path(spec.origin).parents[1]), reader(Path(sys.argv[1]))
    differ = 0
    for file, names in USED.items():
        for name in names:
            ours, theirs = definition(here(file), name), definition(there(file), name)
            if not ours:
                sys.exit(f"{file} of the vLLM that is installed has no {name}")
            same = ours == theirs
            print(f"{'same' if same else 'DIFFERS' if theirs else 'MISSING':8} {file}: {name}")
            print(
                *difflib.unified_diff(ours, theirs, "installed", "other", lineterm=""),
                sep="\n",
                end="" if same else "\n",
            )
            differ += not same
    sys.exit(bool(differ))


if __name__ == "__main__":
    main()
