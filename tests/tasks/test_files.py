"""A benchmark without code, and one in a plugin's one file: from the real command line with a real tiny model."""

import json
import os
from pathlib import Path

import pytest

from entmin.errors import UsageError
from entmin.tasks.registry import resolve

ROWS = [
    {"question": "What is 2 + 2?", "answer": 4, "subject": "sums", "note": "x"},
    {"question": "What is half of one?", "answer": "\\frac{1}{2}", "subject": "parts", "system": "Be brief."},
]
PLUGIN = """
from entmin.problem import Problem
from entmin.tasks import golds
from entmin.tasks.benchmark import Benchmark
from entmin.tasks.data import Loaded, content_hash
from entmin.tasks.prompts import MATH

def load(benchmark, data_dir, size: int = 2):
    problems = tuple(Problem(str(n), f"What is {n} + {n}?", str(2 * n)) for n in range(size))
    return Loaded(problems, {"name": "mine", "rows": size, "sha256": content_hash(problems)})

MINE = Benchmark(name="mine", summary="sums of my own", prompts=MATH, judge="math", gold=golds.integer, loader=load)
"""


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_file_runs_is_checked_compared_and_graded(entmin_forked, tiny_llama, tmp_path):
    lines(tmp_path / "problems.jsonl", ROWS)
    asked = ("--task", "problems.jsonl", "--judge", "math", "--max-tokens", "8", "--quiet", "--json")
    done = entmin_forked("eval", tiny_llama, *asked)
    [summary] = json.loads(done.stdout)
    assert "columns that are not read: note" in done.stderr
    assert summary["results"]["problems"] == 2 and set(summary["results"]["by"]["subject"]) == {"sums", "parts"}
    assert summary["task"]["data"]["sha256"] and summary["task"]["judge"] == "math"
    compared = json.loads(entmin_forked("compare", tiny_llama, *asked, "--methods", "normal,em_inf").stdout)
    assert compared["model"] == str(tiny_llama)
    assert "2 of      2 right" in entmin_forked("check", "problems.jsonl", "--judge", "math").stdout
    names = [problem.id for problem in resolve(str(tmp_path / "problems.jsonl"), "math")[0].load().problems]
    lines(tmp_path / "a.jsonl", [{"id": names[1], "prediction": "0.5"}, {"id": [names[0], 1], "prediction": "5"}])
    graded = json.loads(entmin_forked("grade", "problems.jsonl", "a.jsonl", "--judge", "math", "--json").stdout)
    assert (graded["n"], graded["correct"]) == (2, 1)


@pytest.mark.slow
def test_a_plugin_adds_a_benchmark_with_one_file(entmin_forked, tiny_llama, tmp_path):
    (tmp_path / "mine_plugin.py").write_text(PLUGIN)
    information = tmp_path / "mine-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[entmin.plugins]\nmine = mine_plugin\n")
    env = {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    assert "sums of my own" in entmin_forked("list", "tasks", **env).stdout
    asked = ("--task", "mine", "-T", "size=3", "--max-tokens", "4", "--quiet", "--json")
    [summary] = json.loads(entmin_forked("eval", tiny_llama, *asked, **env).stdout)
    assert summary["results"]["problems"] == 3
    assert "mine: 2 problems" in entmin_forked("check", "mine", **env).stdout
    lines(tmp_path / "a.jsonl", [{"id": 1, "prediction": "so \\boxed{2}", "gold": "2"}])
    assert json.loads(entmin_forked("grade", "mine", "a.jsonl", "--json", **env).stdout)["correct"] == 1


TWICE = b'{"question": "q", "answer": 1}\n{"question": "q ", "answer": 2}\n'
SAME_ID = b'{"id": 1, "question": "q", "answer": 1}\n{"id": 1, "question": "r", "answer": 2}\n'
HALF_IDS = b'{"id": 1, "question": "q", "answer": 1}\n{"question": "r", "answer": 2}\n'


@pytest.mark.parametrize(
    ("name", "content", "judge", "message"),
    [
        ("a.jsonl", b"", "math", "has no rows"),
        ("a.jsonl", b'{"question": "q"}\n', "math", "has no column answer"),
        ("a.jsonl", b'{"question": "q", "answer": "1"}\n[1]\n', "math", "line 2: a list, not an object"),
        ("a.jsonl", b'{"question": "q", "answer": "1"}\noops\n', "math", "line 2: not JSON"),
        ("a.jsonl", b'{"question": "q", "answer": ""}\n', "math", "line 1: answer is empty"),
        ("a.jsonl", b'{"question": "q", "answer": NaN}\n', "math", "line 1: answer is NaN"),
        ("a.jsonl", b'{"question": "q", "answer": true}\n', "math", "must be a text or a number"),
        ("a.jsonl", TWICE, "math", "the same question as"),
        ("a.jsonl", b'{"question": "\xff", "answer": 1}\n', "math", "line 1: not UTF-8"),
        ("a.jsonl", SAME_ID, "math", "id '1'"),
        ("a.jsonl", HALF_IDS, "math", "id is missing"),
        ("a.csv", b"question,answer\nq,1,2\n", "math", "line 2: more fields than the 2 columns"),
        ("a.parquet", b"no", "math", "no Parquet file"),
        ("a.json", b"{}", "math", "end in .jsonl, .csv, .parquet"),
        ("a.jsonl", b'{"question": "q", "answer": "Z9"}\n', "choice", "is no letter"),
        ("a.jsonl", b'{"question": "q", "answer": "def f("}\n', "program", "no Python program"),
        ("a.jsonl", b'{"question": "q", "answer": "x = 1"}\n', "program", "assert nothing"),
        ("a.jsonl", b'{"question": "q", "answer": "1"}\n', "maths", "did you mean 'math'"),
        ("a.jsonl", b'{"question": "q", "answer": "1"}\n', None, "say who judges the answers: --judge"),
    ],
)  # fmt: skip
def test_a_bad_file_is_one_clear_message(tmp_path, name, content, judge, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError) as error:
        resolve(str(tmp_path / name), judge)
    assert message in str(error.value)


def test_a_judge_is_for_files_and_names_win_over_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="--judge is for files of problems; gsm8k has the math judge"):
        resolve("gsm8k", "math")
    Path("gsm8k").mkdir()
    assert resolve("gsm8k")[0].summary.startswith("GSM8K")
    lines(Path("gsm8k.jsonl"), ROWS)
    lines(Path("a,b.jsonl"), ROWS)
    assert [one.name for one in resolve("gsm8k,./gsm8k.jsonl,a,b.jsonl", "math")] == [
        "gsm8k",
        "gsm8k.jsonl",
        "a,b.jsonl",
    ]


def test_a_byte_order_mark_and_parquet_read_alike(tmp_path):
    import pyarrow
    from pyarrow import parquet

    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbfquestion,answer\r\nCapital of France?,Paris\r\n")
    table = pyarrow.table({"question": ["Capital of France?"], "answer": ["Paris"]})
    parquet.write_table(table, tmp_path / "a.parquet")
    one, other = (resolve(str(tmp_path / name), "exact")[0].load() for name in ("a.csv", "a.parquet"))
    assert one.problems == other.problems and len(one.problems) == 1
