"""LiveCodeBench: a small release in its exact schema, the pickle that must not run, judging by output."""

import base64
import json
import os
import pickle
import zlib

import pytest

from entmin.errors import EntminError, UsageError
from entmin.programs import livecodebench
from entmin.programs.contest import judge_livecodebench, same_output
from entmin.programs.judge import Rules
from entmin.programs.livecodebench import private_tests
from entmin.tasks.livecodebench import LIVECODEBENCH
from entmin.tasks.on_inspect.task import make
from entmin.tasks.registry import tasks


def packed(tests) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(json.dumps(tests)))).decode()


def record(name, date, *, functional=False, private=None, platform="atcoder", difficulty="easy"):
    kind = "functional" if functional else "stdin"
    public = [
        {"input": "[1, 2]\n3" if functional else "1 2\n", "output": "6" if functional else "3\n", "testtype": kind}
    ]
    hidden = [
        {"input": "[]\n0" if functional else "10 20\n", "output": "0" if functional else "30\n", "testtype": kind}
    ]
    return {
        "question_title": name,
        "question_content": "Add them.",
        "platform": "leetcode" if functional else platform,
        "question_id": name,
        "contest_id": "c1",
        "contest_date": f"{date}T00:00:00",
        "starter_code": "class Solution:\n    def add(self, xs: List[int], y: int) -> int:\n        "
        if functional
        else "",
        "difficulty": difficulty,
        "public_test_cases": json.dumps(public),
        "private_test_cases": packed(hidden) if private is None else private,
        "metadata": json.dumps({"func_name": "add"} if functional else {}),
    }


def load_release(folder, release="release_v2", **window):
    found = LIVECODEBENCH.load(folder, release=release, **window)
    return found.problems, found.record


def turns(prompt, problem):
    return LIVECODEBENCH.profile(prompt).turns(problem)


@pytest.fixture
def release(tmp_path):
    folder = tmp_path / "livecodebench"
    folder.mkdir()
    one = [record("a", "2023-05-07"), record("f", "2023-08-01", functional=True, difficulty="hard")]
    two = [record("late", "2024-05-31"), record("later", "2024-06-02", private="[]")]
    for name, rows in (("test.jsonl", one), ("test2.jsonl", two)):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_release_and_window_are_part_of_the_record(release):
    rows, about = load_release(str(release))
    assert [row.id for row in rows] == ["a", "f", "late"]
    assert (about["release"], about["start"], about["end"]) == ("release_v2", "2023-05-01", "2024-05-31")
    assert (about["rows"], about["rows_of_release"], about["verified"]) == (3, 4, "sample")
    assert [row.id for row in load_release(str(release), "release_v1")[0]] == ["a", "f"]
    assert [row.id for row in load_release(str(release), start="2024-06-01", end="2024-12-31")[0]] == ["later"]


def test_wrong_options_and_missing_files_name_the_remedy(release, tmp_path):
    with pytest.raises(UsageError, match="release_v9"):
        load_release(str(release), "release_v9")
    with pytest.raises(UsageError, match="must be a date"):
        load_release(str(release), start="May")
    with pytest.raises(UsageError, match="no problem"):
        load_release(str(release), start="2030-01-01", end="2030-02-01")
    with pytest.raises(EntminError, match=r"has no livecodebench/test3\.jsonl"):
        load_release(str(release), "release_v3")


def test_tests_are_read_when_wanted(release):
    rows, _ = load_release(str(release))
    assert "tests" not in rows[0].gold
    found = livecodebench.tests_at(rows[1])
    assert [(test.input, test.output, test.functional) for test in found] == [
        ("[1, 2]\n3", "6", True),
        ("[]\n0", "0", True),
    ]


def test_a_file_that_changed_is_noticed(release):
    rows, _ = load_release(str(release))
    (release / "livecodebench" / "test.jsonl").write_text(json.dumps(record("b", "2023-05-07")) + "\n")
    with pytest.raises(EntminError, match="has changed"):
        livecodebench.tests_at(rows[0])


class _Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/entmin-evil",)


@pytest.mark.parametrize("content", [_Evil(), {"x": 1}, os.getcwd, b"bytes", ["list"], "no json"])
def test_a_pickle_that_is_no_json_text_is_refused_and_not_run(content):
    payload = base64.b64encode(zlib.compress(pickle.dumps(content))).decode()
    with pytest.raises(EntminError, match="cannot be read"):
        private_tests(payload)
    assert not os.path.exists("/tmp/entmin-evil")


@pytest.mark.parametrize("text", ["", "x", "ÿÿÿÿ", base64.b64encode(b"not compressed").decode(), '{"a": 1}', "[1]"])
def test_broken_private_tests_are_errors(text):
    with pytest.raises(EntminError):
        private_tests(text)


def test_a_decompression_bomb_is_refused(monkeypatch):
    monkeypatch.setattr(livecodebench, "MAX_PRIVATE_BYTES", 1000)
    with pytest.raises(EntminError, match="exceed"):
        private_tests(packed([{"input": "x" * 10_000, "output": "", "testtype": "stdin"}]))


@pytest.mark.parametrize(
    ("given", "expected", "same"),
    [
        ("3\n", "3", True),
        ("3", "3.0", True),
        ("0.333333333", "0.33333333", True),
        ("1 2\n3", "1  2 \n3\n", True),
        ("3\n1 2", "1 2\n3", False),
        ("3.0000001", "3", False),
        ("nan", "1.0", False),
        ("", "", True),
        ("Yes", "YES", False),
        ("1e1000", "1.0", False),
    ],
)
def test_outputs(given, expected, same):
    assert same_output(given, expected) is same


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize(
    ("problem", "answer", "expected"),
    [
        (0, "a, b = map(int, input().split())\nprint(a + b)", "match"),
        (0, "import sys\nprint(sum(map(int, sys.stdin.read().split())))\nsys.exit()", "match"),
        (
            0,
            "def main():\n    print(sum(map(int, input().split())))\n\nif __name__ == '__main__':\n    main()",
            "match",
        ),
        (0, "print(3)", "wrong"),
        (0, "print(input() + input())", "crash"),
        pytest.param(0, "while True: pass", "timeout", marks=pytest.mark.slow),
        (0, "print(", "compile"),
        (1, "class Solution:\n    def add(self, xs, y):\n        return sum(xs) + y", "match"),
        (1, "class Solution:\n    def add(self, xs, y):\n        return sum(xs) + y + 1", "wrong"),
        (1, "def add(xs: List[int], y: int):\n    return sum(xs) + y", "match"),
        (1, "class Solution:\n    def subtract(self, xs, y):\n        return 0", "crash"),
        (1, "class Solution:\n    def add(self, xs, y):\n        return xs[0] + xs[1] + y", "crash"),
        (
            1,
            "class Solution:\n    def add(self, xs, y):\n        return type('Any', (), {'__eq__': lambda *_: True})()",
            "wrong",
        ),
    ],
)
def test_verdicts(release, problem, answer, expected):
    rows, _ = load_release(str(release))
    rules = Rules(cpu_seconds=2)
    assert judge_livecodebench(rows[problem], f"```python\n{answer}\n```", rules).verdict.reason == expected


@pytest.mark.usefixtures("sandbox")
def test_the_task_carries_release_window_and_groups(release):
    task = make(tasks()["livecodebench"], data_dir=str(release))
    assert task.metadata["release"] == "release_v2" and task.metadata["window"] == ["2023-05-01", "2024-05-31"]
    assert [sample.metadata["level"] for sample in task.dataset] == ["easy", "hard", "easy"]
    assert all("private" not in json.dumps(sample.metadata) for sample in task.dataset)


def test_prompts(release):
    rows, _ = load_release(str(release))
    [(_, system), (_, user)] = turns("paper", rows[1])
    assert system.startswith("\\nWhen tackling") and "\n" not in system
    assert user.startswith("### Question:\nAdd them.\n\n### Format: You will use the following starter code")
    [(_, text)] = turns("clean", rows[0])
    assert "standard input" in text
