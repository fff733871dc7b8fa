"""Grading processes that are killed while they grade, and environments in which an extra is missing."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import venv
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from entmin.cli import VERBS
from tests.faults.conftest import ASKED, assert_same, outcome
from tests.faults.forked import Forked
from tests.faults.table import fault


def children(pid: int) -> list[int]:
    """The grading processes of a process."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid and b"entmin.grading.child" in (path / "cmdline").read_bytes():
                found.append(int(path.name))
        except (OSError, ValueError):
            continue
    return found


def ready(pid: int) -> bool:
    """Whether a grading process has made its imports and confined itself."""
    try:
        limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
    except OSError:
        return False
    return any(line.split()[:4] == ["Max", "file", "size", "0"] for line in limits)


def processor_seconds(pid: int) -> float:
    """What a process has used so far; a busy machine changes nothing about it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def killing(run, spent: float) -> int:
    """Kill a run's first grading process, and each that has graded for so many processor seconds; how many."""
    killed, begun = 0, {}
    while run.alive():
        time.sleep(0.05)
        for pid in children(run.process.pid):
            if killed and not ready(pid):
                continue
            used = processor_seconds(pid)
            if not killed or used - begun.setdefault(pid, used) >= spent:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed += 1
    return killed


def problems(folder, number):
    rows = [{"id": i, "question": f"{i} + 1?", "answer": str(i + 1)} for i in range(number)]
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@fault(
    "dead grader", "eval", "a grading process killed while it starts, and each one after 0.03 s of grading",
    "ends with 0; every verdict as in an undisturbed run",
)  # fmt: skip
def test_graders_die_during_a_run(model, tmp_path, times):
    runs = []
    for name in ("whole", "killed"):
        here = Forked(tmp_path / name)
        here.folder.mkdir()
        problems(here.folder, 60)
        run = here.start("eval", model, *ASKED, "--task", "sums.jsonl", "--judge", "math")
        number = killing(run, 0.03) if name == "killed" else 0
        assert run.wait() == 0, run.text
        runs.append(outcome("eval", here.folder)["logs"])
    (whole,), (killed,) = (list(one.values()) for one in runs)
    assert_same(killed, whole)
    assert number >= 1
    times(number)


@fault(
    "dead grader", "grade", "a grading process killed while it starts, and each one after 0.2 s of grading",
    "ends with 0; the file of verdicts is that of an undisturbed run",
)  # fmt: skip
def test_graders_die_while_a_file_is_graded(tmp_path, times):
    rows = [{"id": i, "prediction": rf"so \boxed{{\frac{{{i}}}{{7}}}}", "gold": r"\frac{3}{7}"} for i in range(1500)]
    texts, number = [], 0
    for name in ("whole", "killed"):
        here = Forked(tmp_path / name)
        here.folder.mkdir()
        (here.folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        run = here.start("grade", "math500", "in.jsonl", "-o", "out.jsonl", "--workers", "1")
        number = killing(run, 0.2) if name == "killed" else 0
        assert run.wait() == 0, run.text
        texts.append((here.folder / "out.jsonl").read_text())
    assert texts[0] == texts[1]
    assert number >= 1
    times(number)


def closure(names):
    """Distributions that these need, and theirs, without any extra."""
    found, waiting = {}, list(names)
    while waiting:
        name = waiting.pop()
        try:
            one = distribution(name)
        except PackageNotFoundError:
            continue  # for another platform
        if one.metadata["Name"].lower() in found:
            continue
        found[one.metadata["Name"].lower()] = one
        needed = [Requirement(line) for line in one.requires or []]
        waiting += [r.name for r in needed if r.marker is None or r.marker.evaluate({"extra": ""})]
    return list(found.values())


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A real environment with the base distributions only, as links to those installed here."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder / "venv", with_pip=False)
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    for one in closure(["entmin"]):
        for top in {file.parts[0] for file in one.files or [] if file.parts[0] not in ("..", "__pycache__")}:
            if not (site / top).exists() and not top.endswith(".pth"):
                (site / top).symlink_to(Path(str(one.locate_file(top))).resolve())
    (site / "source.pth").write_text(str(Path(__file__).parents[2] / "src"))
    return folder / "venv/bin/python"


@fault(
    "missing extras", "all", "every verb that needs an extra, in an environment without one; `make wheel-test` does it "
    "with the wheel",
    "ends with 2 and one line that names the extra and the pip command; nothing is written",
)  # fmt: skip
def test_a_missing_extra(bare, tmp_path, times):
    verbs = {name: verb.extra for name, verb in VERBS.items() if verb.extra}
    for name, extra in verbs.items():
        line = [bare, "-m", "entmin", name, *(["em-ft"] if name == "train" else []), "smollm2-135m"]
        done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=60, env={"PATH": "/usr/bin"})
        assert done.returncode == 2, done.stderr
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
        assert f"pip install 'entmin[{extra}]'" in done.stderr
        assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []
    assert sys.executable != str(bare)
    times(len(verbs))
