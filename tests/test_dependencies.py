"""pyproject.toml names what src imports, in the right extra, and nothing else."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "entmin"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]

DISTRIBUTIONS = {"yaml": "pyyaml", "pydantic_core": "pydantic", "llama_cpp": "llama-cpp-python", "hydra": "hydra-core"}
"""Distributions that are not called what they install."""
NOT_IMPORTED = {
    "gguf": "transformers imports it to read the model behind an alias",
    "ipywidgets": "Inspect wants it in a notebook",
    "tensorboard": "the trainer imports it to write a run's curves",
}
NOT_DECLARED = {
    "triton": "comes with torch's CUDA builds",
    "hydra-core": "comes with veRL",
    "omegaconf": "comes with veRL",
    "lighteval": "the tool of people who already have it; `make lighteval-test` proves it",
    "lm-eval": "the harness of people who already have it; `make lm-eval-test` proves it",
    "sglang": "the server of people who already have it; it brings its own torch and CUDA packages",
    "llama-cpp-python": "the library of people who already have it; it is built from source for their machine",
}
ROOMS = {
    "evals": "eval",
    "grading": "eval",
    "programs": "code",
    "report": "eval",
    "reproduce": "eval",
    "sandbox": "eval",
    "serve": "serve",
    "play": "serve",
    "settle": "eval",
    "stats": "eval",
    "tasks": "eval",
    "train": "train",
}
"""The extra that a folder may count on; the others have the base only."""
BASE_FILES = {
    "engine/adapters.py": {"peft", "safetensors"},  # an adapter's model; the error names the extra
    "engine/checkpoint.py": {"safetensors"},  # which transformers itself brings
    "clients.py": {"openai"},  # what clients of servers share: evaluation and training, whose extras bring it
    "hosts/vllm.py": {"vllm"},
    "hosts/llama_cpp.py": {"llama-cpp-python"},
    "hosts/lighteval.py": {"lighteval"},
    "hosts/lm_eval.py": {"lm-eval"},
    "hosts/sglang.py": {"sglang"},
    "hosts/verl.py": {"verl"},
    "train/verl/launch.py": {"verl", "hydra-core", "omegaconf"},
}
"""What a file outside those folders may need beside the base."""


def distribution(module):
    root = module.split(".")[0]
    return DISTRIBUTIONS.get(root, root).lower().replace("_", "-")


def names(requirements):
    return {re.match(r"[\w.-]+", line)[0].lower() for line in requirements}


def extra(name):
    """Distributions of an extra, those of the extras inside it included."""
    found = set()
    for line in EXTRAS[name]:
        inner = re.fullmatch(r"entmin\[([\w,]+)\]", line)
        found |= set().union(*map(extra, inner[1].split(","))) if inner else names([line])
    return found


def imported(path):
    """Third-party distributions that a file imports, those for type checking included."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module)
    return {distribution(m) for m in modules if m.split(".")[0] not in sys.stdlib_module_names} - {"entmin"}


FILES = {path.relative_to(PACKAGE).as_posix(): imported(path) for path in sorted(PACKAGE.rglob("*.py"))}
BASE = names(PROJECT["dependencies"])
EVERYTHING = BASE | set().union(*(extra(name) for name in EXTRAS if name != "dev"))


def test_what_is_imported_is_declared():
    assert set().union(*FILES.values()) - EVERYTHING == set(NOT_DECLARED)


def test_what_is_declared_is_imported():
    assert EVERYTHING - set().union(*FILES.values()) == set(NOT_IMPORTED)


@pytest.mark.parametrize("file", FILES)
def test_a_room_imports_what_its_extra_brings(file):
    room = file.split("/")[0]
    allowed = BASE | (extra(ROOMS[room]) if room in ROOMS else set()) | BASE_FILES.get(file, set())
    assert FILES[file] - allowed - {"triton"} == set()


def test_the_light_extras_are_all_in_all():
    assert extra("all") == EVERYTHING - BASE - {"vllm", "verl"} | {"transformers"}
    assert extra("all") <= extra("dev")


def test_every_extra_is_explained_and_belongs_to_the_right_verb():
    from entmin.cli import VERBS
    from entmin.extras import EXTRAS as EXPLAINED

    assert set(EXPLAINED) == set(EXTRAS) - {"all", "dev"}
    assert {verb.extra for verb in VERBS.values()} <= {"", *EXPLAINED}
