"""Disks that are full or read-only, and files that end in the middle of a line."""

from __future__ import annotations

import json
import os
import random

import pytest

from tests.faults.conftest import assert_same, outcome
from tests.faults.disks import disk
from tests.faults.forked import Forked
from tests.faults.table import Fault, fault, marks

LARGEST = {"eval": 300, "compare": 600, "settle": 500, "train": 2500}
"""Kilobytes that an undisturbed run nearly fills."""


def full(name):
    done = "a disk that is full at a seeded random point of the run; then it is made larger"
    holds = "ends with 1, one message that says to free space, no traceback; then as if undisturbed"
    return pytest.param(name, marks=marks(Fault("full disk", name, done, holds)))


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("name", [full(name) for name in LARGEST])
def test_a_full_disk(name, whole, tmp_path, request, times):
    verb, same, _ = whole(name)
    chance, done = random.Random(f"disk {name}"), 0
    for number in range(max(2, request.config.getoption("--kills", 3) // 8)):
        with disk(tmp_path / str(number), chance.randrange(8, LARGEST[name])) as small:
            here = Forked(small.folder / "here", {"HOME": str(small.folder), "XDG_DATA_HOME": str(small.folder)})
            here.said = tmp_path
            run = here.start(*verb.arguments)
            if run.wait() != 0:
                done += 1
                assert run.code == 1, run.text
                assert "Traceback" not in run.text, run.text
                assert "free" in run.text.lower(), run.text
                small.mount("size=64m")
                again = here.start(*verb.again(here.folder))
                assert again.wait() == 0, again.text
            assert_same(outcome(name, here.folder), same)
    assert done
    times(done)


def read_only(name):
    done = "results on a disk that is mounted read-only"
    return pytest.param(name, marks=marks(Fault("read-only results", name, done, "ends with 1 and names the folder")))


@pytest.mark.parametrize("name", [read_only(name) for name in LARGEST])
def test_results_that_cannot_be_written(name, whole, tmp_path):
    verb, _, _ = whole(name)
    with disk(tmp_path / "disk", 4000) as still:
        (still.folder / "here").mkdir()
        still.mount("ro")
        here = Forked(still.folder / "here", {"HOME": str(tmp_path)})
        here.said = tmp_path
        run = here.start(*verb.arguments)
        assert run.wait() == 1, run.text
        assert "Traceback" not in run.text, run.text
        assert "Read-only file system" in run.text and ("results" in run.text or "out" in run.text)


@fault("read-only results", "grade", "the output on a disk that is mounted read-only", "ends with 1 and names the file")
def test_verdicts_that_cannot_be_written(tmp_path, forked):
    row = {"id": 1, "prediction": r"\boxed{5}", "gold": "5"}
    forked.folder.mkdir()
    (forked.folder / "in.jsonl").write_text(json.dumps(row) + "\n")
    with disk(tmp_path / "disk", 400) as still:
        still.mount("ro")
        run = forked.start("grade", "math500", "in.jsonl", "-o", still.folder / "out.jsonl")
        assert run.wait() == 1, run.text
        assert "out.jsonl" in run.text and "Traceback" not in run.text


@fault("full disk", "grade", "verdicts written to /dev/full", "ends with 1 and says that the disk is full")
def test_verdicts_on_a_full_device(forked):
    forked.folder.mkdir()
    (forked.folder / "in.jsonl").write_text(json.dumps({"id": 1, "prediction": r"\boxed{5}", "gold": "5"}) + "\n")
    os.symlink("/dev/full", forked.folder / "out.jsonl")
    run = forked.start("grade", "math500", "in.jsonl", "-o", "out.jsonl")
    assert run.wait() == 1, run.text
    assert "disk is full" in run.text and "Traceback" not in run.text


def damaged(name, done):
    row = Fault(
        "files cut short",
        name,
        done,
        "the same command goes on and computes what was cut again; then as if undisturbed",
    )
    return pytest.param(name, marks=marks(row))


@pytest.mark.parametrize("name", [
    damaged("eval", "the log, sessions.jsonl, summary.json and settings.json end in the middle"),
    damaged("compare", "the logs and every other file end in the middle"),
    damaged("settle", "the logs, pilot.jsonl, sessions.jsonl and all but plan.json end in the middle"),
    damaged("train", "killed; curves.jsonl ends in the middle, and a checkpoint was being written"),
])  # fmt: skip
def test_files_that_end_in_the_middle(name, whole, forked, times):
    verb, same, _ = whole(name)
    number = 0
    if name == "train":
        run = forked.start(*verb.arguments)
        run.wait_for(lambda: (forked.folder / "out/checkpoint-4").exists())
        run.kill()
        (forked.folder / "out/.saving/checkpoint-6").mkdir(parents=True, exist_ok=True)
    else:
        forked(*verb.arguments)
    for path in sorted(forked.folder.rglob("*")):
        if name == "train" and path.name == "curves.jsonl":
            number += 1
            path.open("a").write('{"step": 9')
        elif name != "train" and path.suffix in (".eval", ".jsonl", ".json") and path.name != "plan.json":
            number += 1
            with path.open("rb+") as file:
                file.truncate(int(path.stat().st_size * 0.9) if path.suffix != ".jsonl" else path.stat().st_size - 5)
    run = forked.start(*verb.again(forked.folder))
    assert run.wait() == 0, run.text
    assert "Traceback" not in run.text
    assert_same(outcome(name, forked.folder), same)
    times(number)


@fault(
    "files cut short", "grade", "the output ends in the middle of a row",
    "that row is judged again, the others are not; a file that is not ours is refused and left as it is", quick=True,
)  # fmt: skip
def test_verdicts_that_end_in_the_middle(entmin_here):
    here = entmin_here.folder
    rows = [{"id": i, "prediction": rf"\boxed{{{i}}}", "gold": "5"} for i in range(6)]
    (here / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    entmin_here("grade", "math500", "in.jsonl", "-o", "out.jsonl")
    whole = (here / "out.jsonl").read_bytes()
    (here / "out.jsonl").write_bytes(whole[:-7])
    assert (
        json.loads(entmin_here("grade", "math500", "in.jsonl", "-o", "out.jsonl", "--json").stdout)["graded_now"] == 1
    )
    assert (here / "out.jsonl").read_bytes() == whole
    for other in (b'{"id": 1, "prediction": "x"}', b"a text", b'[{"id": 1}]'):
        (here / "other").write_bytes(other)
        entmin_here("grade", "math500", "in.jsonl", "-o", "other", code=2)
        assert (here / "other").read_bytes() == other


@fault("empty input", "grade", "a file with no row", "ends with 2 and says so", quick=True)
def test_nothing_to_grade(entmin_here):
    for empty in ("", "\n \n"):
        (entmin_here.folder / "in.jsonl").write_text(empty)
        for more in ((), ("-o", "out.jsonl"), ("--json",)):
            done = entmin_here("grade", "math500", "in.jsonl", *more, code=2)
            assert "no answers to judge" in done.stderr
