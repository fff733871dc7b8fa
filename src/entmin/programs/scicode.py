"""The targets of SciCode's tests, one file for each problem, and the three supplied steps.

Each problem's part of the published file of targets is copied into the cache once, because a program must not see the
targets of others. The development problems come with reference programs, which make their own targets.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import os
from collections.abc import Iterator
from functools import cache
from importlib import resources
from importlib.metadata import version
from pathlib import Path

from entmin.cache_folder import cache_folder
from entmin.errors import EntminError
from entmin.problem import Problem
from entmin.programs.known import sections
from entmin.sandbox import Case, Limits, Program, open_sandbox

TARGETS = "ENTMIN_SCICODE_TARGETS"
TARGETS_SHA256 = "48b0272a88b17dbd29777c217e1b4fb2b019b92e11cc2add847409db9541b890"
PACKAGES = ("numpy", "scipy", "h5py", "sympy", "mpmath")
WHERE = (
    "fetch test_data.h5 (the SciCode repository links it; Google Drive file 17G_k65N_6yFFZ2O-jQH00Lh6iaw3z-AW) and "
    f"name it with -T targets=PATH or {TARGETS}; or use -T split=dev, which makes its own targets"
)


@cache
def supplied() -> dict[str, str]:
    """The three steps that are given, not asked: step to code."""
    return sections("scicode_supplied.md")


def targets_for(row: Problem, sandbox: str = "bubblewrap") -> str:
    """The file with the targets of one problem and of no other.

    Raises:
        EntminError: the file of targets is missing, or a reference program failed.
    """
    assert isinstance(row.gold, dict)
    source = row.gold["targets"]
    if source is None:
        raise EntminError(f"scicode: the file of targets is missing; {WHERE}")
    if source == "reference":
        made_of = [row.gold, inside(), [version(name) for name in PACKAGES]]
        key = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]
        kept = cache_folder() / "scicode" / f"dev-{key}-{row.id}.h5"
        if not kept.is_file():
            _keep(kept, _made(row, sandbox))
    else:
        kept = cache_folder() / "scicode" / f"{TARGETS_SHA256[:16]}-{row.id}.h5"
        if not kept.is_file():
            _keep(kept, _part(source, row))
    return str(kept)


def _keep(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and moved, so that two judges at work see a whole file or none.
    aside = path.with_suffix(f".{os.getpid()}.{hashlib.sha256(os.urandom(8)).hexdigest()[:8]}")
    aside.write_bytes(data)
    aside.replace(path)


def _part(source: str, row: Problem) -> bytes:
    """The problem's part of the published file."""
    import io

    import h5py

    assert isinstance(row.gold, dict)
    buffer = io.BytesIO()
    with h5py.File(source, "r") as whole, h5py.File(buffer, "w") as part:
        for step in row.gold["steps"]:
            if step["tests"]:
                whole.copy(whole[step["id"]], part, step["id"])
    return buffer.getvalue()


@cache
def inside() -> str:
    """The source of scicode_inside.py."""
    return (resources.files("entmin.programs") / "scicode_inside.py").read_text(encoding="utf-8")


def _made(row: Problem, sandbox: str) -> bytes:
    """Targets computed by the reference programs, in a sandbox like everything else."""
    assert isinstance(row.gold, dict)
    code, rows = row.gold["dependencies"], []
    for step in row.gold["steps"]:
        code += f"\n{step['reference']}\n"
        rows.append((step["id"], code, [recording(test) for test in step["tests"]]))
    program = Program(
        "call",
        inside(),
        (Case(arguments=(rows,)),),
        function="make_targets",
        packages=PACKAGES,
    )
    limits = Limits(cpu_seconds=600, wall_seconds=1800, memory_mib=4096, file_mib=256, disk_mib=512, output_mib=32)
    outcome = open_sandbox(sandbox).run(program, limits)[0]
    if outcome.ending != "ok" or not isinstance(outcome.result, str):
        raise EntminError(
            f"scicode {row.id}: its reference program failed ({outcome.ending}: {outcome.detail}); "
            "are the packages of 'entmin[code]' installed?"
        )
    return base64.b64decode(outcome.result)


def recording(test: str) -> str:
    """The test with its last assertion replaced by one line that sets ``target`` to what was compared with it.

    A test without ``target`` keeps its assertion and sets None.
    """
    tree = ast.parse(test)
    compared = {index: expression for node in tree.body for index, expression in _compared(node)}
    kept = [node for node in tree.body if not any(True for _ in _compared(node))]
    if not compared:
        value: ast.expr = ast.Constant(0)
    elif set(compared) == {None}:
        value = compared[None]
    else:
        members = sorted(index for index in compared if index is not None)
        value = ast.Tuple([compared[index] for index in members], ast.Load())
    kept.append(ast.Assign([ast.Name("target", ast.Store())], value))
    return ast.unparse(ast.fix_missing_locations(ast.Module(kept, [])))


def _compared(node: ast.stmt) -> Iterator[tuple[int | None, ast.expr]]:
    """What an assertion compares with ``target`` or with a member of it."""
    if not isinstance(node, ast.Assert):
        return
    for inner in ast.walk(node):
        if isinstance(inner, ast.Call) and len(inner.args) >= 2 and _is_target(inner.args[1]):
            yield _member(inner.args[1]), inner.args[0]
        elif isinstance(inner, ast.Compare) and len(inner.comparators) == 1 and _is_target(inner.comparators[0]):
            yield _member(inner.comparators[0]), inner.left


def _is_target(node: ast.expr) -> bool:
    return (node.value if isinstance(node, ast.Subscript) else node).__dict__.get("id") == "target"


def _member(node: ast.expr) -> int | None:
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return int(node.slice.value)  # type: ignore[arg-type]
    return None
