"""Code benchmarks as tasks and on the command line: refusal without a sandbox, records, grading files, resuming."""

import json
import math

import pytest
from inspect_ai import eval as run_inspect
from tests.evals.conftest import accept
from tests.programs.test_code_programs import HUMANEVAL, LEETCODE, LINKED, MBPP

from entmin.errors import EntminError
from entmin.evals.metrics import summarize_log
from entmin.sandbox import sandbox as opening
from entmin.tasks import registry
from entmin.tasks.data import Contents
from entmin.tasks.on_inspect.task import make
from entmin.tasks.registry import groups, tasks

RECORDS = {"humaneval": [HUMANEVAL], "mbpp": [MBPP], "leetcode": [LEETCODE, LINKED]}


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    for name, records in RECORDS.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "test.jsonl").write_text("\n".join(json.dumps(record) for record in records))
        accept(monkeypatch, name, Contents(len(records)))
    registry._problems.cache_clear()
    return tmp_path


def test_the_group():
    assert groups()["code"] == ["humaneval", "mbpp", "leetcode", "livecodebench", "scicode"]


def test_without_a_sandbox_nothing_runs_and_the_message_says_what_to_do(mirror, monkeypatch):
    monkeypatch.setattr(opening.bubblewrap, "executable", lambda: None)
    opening.open_sandbox.cache_clear()
    try:
        with pytest.raises(EntminError, match=r"apt-get install bubblewrap.*--unsafe-no-sandbox"):
            make(tasks()["humaneval"], data_dir=str(mirror))
    finally:
        opening.open_sandbox.cache_clear()


@pytest.mark.usefixtures("sandbox")
def test_a_run_scores_and_records(mirror, mock_model, tmp_path):
    task = make(tasks()["leetcode"], data_dir=str(mirror))
    right = "```python\nclass Solution:\n    def place(self, xs, x):\n        return 1\n```"
    [log] = run_inspect(
        task, model=mock_model([right, "dunno"]), max_samples=1, log_dir=str(tmp_path / "logs"), display="none"
    )
    assert log.status == "success", log.error
    summary = summarize_log(log)
    assert summary["reasons"] == {"match": 1, "no-code": 1} and summary["pass@1"]["value"] == 0.5
    assert set(summary["by"]["level"]) == {"Easy", "Hard"}
    about = log.eval.metadata
    assert about["sandbox"] == "bubblewrap" and about["prompt"] == "clean"
    assert about["limits"]["cpu_seconds"] == math.ceil(10 * about["machine_slowness"])
    [score] = log.samples[0].scores.values()
    assert score.metadata["grader"] == "programs/entmin" and score.answer.startswith("class Solution")


@pytest.mark.usefixtures("sandbox")
def test_the_unsafe_way_is_recorded(mirror, mock_model, tmp_path):
    task = make(tasks()["humaneval"], data_dir=str(mirror), sandbox="unsafe-none")
    assert task.metadata["sandbox"] == "unsafe-none" and task.metadata["system_call_filter"] is False
    [log] = run_inspect(task, model=mock_model(["    return x // 2\n"]), log_dir=str(tmp_path / "logs"), display="none")
    assert summarize_log(log)["reasons"] == {"match": 1}


def test_a_sandbox_option_does_not_trouble_tasks_that_run_nothing():
    assert make(tasks()["arithmetic"], size=2, sandbox="unsafe-none").name == "arithmetic"


@pytest.mark.usefixtures("sandbox")
def test_grade_and_resume(mirror, entmin_here, tmp_path):
    body = "```python\nclass Solution:\n    def place(self, xs, x):\n        return {}\n```"
    rows = [
        {"id": "contest-1-place", "prediction": body.format(1)},
        {"id": ["contest-1-place", 1], "prediction": body.format(2)},
        {"id": ["contest-1-place", 2], "prediction": "nothing"},
    ]
    source, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows[:2]))
    entmin_here("grade", "leetcode", source, "-o", out, "--data-dir", mirror)
    first = out.read_text()
    assert [json.loads(line)["reason"] for line in first.splitlines()] == ["match", "wrong"]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    entmin_here("grade", "leetcode", source, "-o", out, "--data-dir", mirror)
    assert out.read_text().startswith(first)
    assert [json.loads(line)["reason"] for line in out.read_text().splitlines()] == ["match", "wrong", "no-code"]


@pytest.mark.usefixtures("sandbox")
def test_grade_names_bad_rows(mirror, entmin_here, tmp_path):
    source = tmp_path / "rows.jsonl"
    source.write_text(json.dumps({"id": "nope", "prediction": "x"}) + "\n")
    done = entmin_here("grade", "leetcode", source, "--data-dir", mirror, code=2)
    assert "line 1" in done.stderr and "no problem 'nope'" in done.stderr
