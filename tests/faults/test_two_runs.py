"""Two processes in one folder at once."""

from __future__ import annotations

import json

import pytest

from tests.faults.conftest import assert_same, finished, outcome
from tests.faults.table import Fault, fault, marks

BUSY = "another entmin process works in"


def twice(name):
    done = "the same command in two processes at once"
    holds = "the second says so and waits; both end with 0; every sample is computed once"
    return pytest.param(name, marks=marks(Fault("two runs in one folder", name, done, holds)))


@pytest.mark.parametrize("name", [twice("eval"), twice("settle")])
def test_the_second_waits(name, whole, forked):
    verb, same, _ = whole(name)
    runs = [forked.start(*verb.arguments) for _ in range(2)]
    assert [run.wait() for run in runs] == [0, 0], [run.text for run in runs]
    assert sum(BUSY in run.text for run in runs) >= 1
    assert_same(outcome(name, forked.folder), same)
    sessions = [json.loads(line) for path in forked.folder.rglob("arithmetic-*/sessions.jsonl")
                for line in path.read_text().splitlines() if "completed" in line]  # fmt: skip
    assert sum(row["completed"] for row in sessions) == finished(forked.folder)


@fault(
    "two runs in one folder", "train", "`--resume` while the first run goes on",
    "the second ends with 2 and names the other; the first is undisturbed",
)  # fmt: skip
def test_a_second_training_refuses(whole, forked):
    verb, same, _ = whole("train")
    first = forked.start(*verb.arguments)
    first.wait_for(lambda: (forked.folder / "out/run.json").exists())
    second = forked.start(*verb.arguments, "--resume")
    assert second.wait() == 2, second.text
    assert BUSY in second.text
    assert first.wait() == 0, first.text
    assert_same(outcome("train", forked.folder), same)


@fault(
    "two runs in one folder", "grade", "two processes with one `-o` file",
    "the second says so and waits; every row is judged once",
)  # fmt: skip
def test_two_graders_of_one_file(forked):
    forked.folder.mkdir()
    rows = [{"id": i, "prediction": rf"\boxed{{{i}}}", "gold": "5"} for i in range(300)]
    (forked.folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    runs = [forked.start("grade", "math500", "in.jsonl", "-o", "out.jsonl", "--workers", "1") for _ in range(2)]
    assert [run.wait() for run in runs] == [0, 0], [run.text for run in runs]
    assert sum(BUSY in run.text for run in runs) == 1
    written = [json.loads(line)["id"] for line in (forked.folder / "out.jsonl").read_text().splitlines()]
    assert written == list(range(300))
