"""What a task is: the same in every process and folder, another as soon as anything asked or judged is another."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from inspect_ai import Task
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessageUser
from inspect_ai.scorer import match

from entmin.tasks.identity import identity
from entmin.tasks.on_inspect.graded import graded
from entmin.tasks.on_inspect.task import make
from entmin.tasks.registry import tasks

OWN = """
from inspect_ai import Task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import Score, accuracy, scorer

@scorer(metrics=[accuracy()])
def near(tolerance=1):
    async def score(state, target):
        return Score(value=abs(len(state.output.completion) - len(target.text)) <= tolerance)
    return score

def made():
    return Task(dataset=[Sample(input="How long?", target="abc")], scorer=near())
"""


def asked(*samples, **options):
    return identity(Task(dataset=list(samples), scorer=options.pop("scorer", match()), **options))


def sample(**changed):
    return Sample(**({"id": "a", "input": "1 + 1?", "target": "2", "metadata": {"gold": {"kind": "math"}}} | changed))


def test_the_same_task_made_twice_is_the_same_and_json():
    turns = [ChatMessageUser(content="1 + 1?")]
    assert asked(sample(input=turns)) == asked(sample(input=[ChatMessageUser(content="1 + 1?")]))
    assert json.loads(json.dumps(asked(sample()))) == asked(sample())


@pytest.mark.parametrize(
    "changed",
    [
        {"input": "1 + 2?"},
        {"target": "3"},
        {"id": "b"},
        {"metadata": {"gold": {"kind": "physics"}}},
        {"choices": ["1", "2"]},
        {"setup": "true"},
    ],
)
def test_whatever_is_sent_or_judged_counts(changed):
    assert asked(sample(**changed))["sha256"] != asked(sample())["sha256"]


def test_golds_and_data_of_a_foreign_task_may_be_anything():
    odd = {"gold": "Paris", "when": object(), "tags": {"b", "a"}}
    assert asked(sample(metadata=odd), metadata={"data": "v1"}) == asked(
        sample(metadata={**odd, "when": object()}), metadata={"data": "v1"}
    )
    assert asked(Sample(input="1 + 1?"))["samples"] == 1


def test_number_order_version_scorer_and_its_options_count():
    one, two = sample(), sample(id="b")
    known = [
        asked(one, two),
        asked(two, one),
        asked(one),
        asked(one, two, version=2),
        asked(one, two, scorer=match(numeric=True)),
        asked(one, two, scorer=graded("math500")),
        asked(one, two, scorer=graded("math500", "paper")),
        asked(one, two, scorer=[match(), graded("math500")]),
        asked(one, two, metadata={"data": {"sha256": "0"}}),
        asked(one, two, metadata={"prompt": "paper", "prompt_sha256": "0"}),
    ]
    assert len({json.dumps(one, sort_keys=True) for one in known}) == len(known)


def test_a_rule_of_ours_that_changes_is_another_task(monkeypatch):
    from entmin.grading import mathematics, physics

    before = asked(sample(), scorer=graded("math500"))
    monkeypatch.setattr(physics, "VERSION", "9")
    assert asked(sample(), scorer=graded("math500")) == before
    monkeypatch.setattr(mathematics, "VERSION", "9")
    assert asked(sample(), scorer=graded("math500")) != before


def test_the_folder_of_a_mirror_does_not_count_and_its_contents_do(mirror, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "data"
    shutil.copytree(mirror, elsewhere)
    here = identity(make(tasks()["math500"], data_dir=str(mirror)))
    assert identity(make(tasks()["math500"], data_dir=str(elsewhere))) == here
    path = elsewhere / "math500" / "test.jsonl"
    path.write_text(path.read_text().replace('"answer": "2"', '"answer": "3"', 1))
    assert identity(make(tasks()["math500"], data_dir=str(elsewhere))) != here


def in_a_process(folder: Path) -> str:
    code = "import json, own; from entmin.tasks.identity import identity; print(json.dumps(identity(own.made())))"
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_a_scorer_of_a_file_is_known_by_its_source(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(OWN)
    before = in_a_process(tmp_path)
    path.write_text(OWN.replace("\n@scorer", "\n# A remark changes nothing.\n@scorer"))
    assert in_a_process(tmp_path) == before
    path.write_text(OWN.replace("<= tolerance", "< tolerance"))
    assert in_a_process(tmp_path) != before
