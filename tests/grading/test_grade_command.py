"""``entmin grade`` as users run it."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from tests.private import open_to_others

from entmin.cli.grade import command
from entmin.stats.estimates import wilson


def write(path, rows):
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return str(path)


ROWS = [
    {"id": "a", "prediction": r"so \boxed{5}", "gold": "5"},
    {"id": "b", "prediction": r"so \boxed{6}", "gold": "5"},
    {"id": "c", "prediction": "", "gold": "5"},
]


def run(*arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_rows_get_verdicts_and_a_summary(tmp_path):
    out = tmp_path / "out.jsonl"
    result = run("math500", write(tmp_path / "in.jsonl", ROWS), "-o", out, "--json")
    assert result.exit_code == 0, result.output
    assert not open_to_others(out)
    assert [(row["id"], row["correct"], row["reason"]) for row in lines(out)] == [
        ("a", True, "match"), ("b", False, "wrong"), ("c", False, "no-answer")
    ]  # fmt: skip
    assert {"answer", "grader", "grader_version"} <= lines(out)[0].keys()
    summary = json.loads(result.output)
    assert (summary["n"], summary["correct"], summary["not_judged"]) == (3, 1, 0)
    assert summary["reasons"] == {"match": 1, "no-answer": 1, "wrong": 1}
    assert summary["interval_95"] == pytest.approx(wilson(1, 3))


def test_a_byte_order_mark_is_skipped_and_bytes_that_are_not_utf8_cost_no_row(tmp_path):
    source = tmp_path / "in.jsonl"
    second = b'{"id": "x", "prediction": "The answer is 5. \xff", "gold": "5"}'
    source.write_bytes(b"\xef\xbb\xbf" + json.dumps(ROWS[0]).encode() + b"\n" + second)
    result = run("math500", source, "--json")
    assert result.exit_code == 0, result.output
    assert (json.loads(result.stdout)["n"], json.loads(result.stdout)["correct"]) == (2, 2)
    assert "1 rows hold bytes that are not UTF-8" in result.stderr


def test_finished_rows_are_skipped_and_a_torn_line_is_graded_again(tmp_path):
    out = tmp_path / "out.jsonl"
    source = write(tmp_path / "in.jsonl", ROWS)
    run("math500", source, "-o", out)
    first = out.read_text()
    out.write_text(first[:-10])
    result = run("math500", source, "-o", out, "--json")
    assert json.loads(result.output)["graded_now"] == 1
    assert json.loads(result.output)["n"] == 3
    assert out.read_text() == first
    assert json.loads(run("math500", source, "-o", out, "--json").output)["graded_now"] == 0


def test_a_malformed_line_is_named_and_the_others_are_judged(tmp_path):
    out = tmp_path / "out.jsonl"
    rows = [*ROWS, '{"id": 4, "predi', {"id": "d", "prediction": "5", "gold": None}, {**ROWS[0], "id": "e"}]
    result = run("math500", write(tmp_path / "in.jsonl", rows), "-o", out, "--json")
    assert result.exit_code == 2
    assert "line 4: not JSON" in result.stderr and "2 rows" in result.stderr
    assert [row["id"] for row in lines(out)] == ["a", "b", "c", "e"]
    summary = json.loads(result.stdout)
    assert (summary["n"], summary["correct"], summary["not_read"]) == (4, 2, 2)


@pytest.mark.parametrize(("row", "message"), [
    ({"id": 1, "prediction": "x"}, "--field gold=NAME"), ({"question": "?", "x": 1}, "it has question, x"),
    ({"id": 1, "prediction": None, "gold": "5"}, "not null"), ({"id": None, "prediction": "x", "gold": "5"}, "id must"),
    ({"id": 1, "prediction": "x", "gold": float("nan")}, "gold is nan"), ("[1]\n{}", "needs the fields"),
    ({"id": 1, "prediction": 5, "gold": "5"}, "prediction must be a string"),
    ({"id": 1, "prediction": "x", "gold": {"kind": "math"}}, "line 1"),
])  # fmt: skip
def test_each_mistake_says_what_to_do(tmp_path, row, message):
    result = run("math", write(tmp_path / "in.jsonl", [row]))
    assert result.exit_code == 2
    assert message in result.output and "jsonl, line 1" in result.output


def test_an_unknown_task_lists_the_known_ones(tmp_path):
    result = run("math5000", write(tmp_path / "in.jsonl", ROWS))
    assert result.exit_code == 2
    assert "math500" in result.output


def test_outputs_of_two_graders_are_not_mixed(tmp_path):
    out = tmp_path / "out.jsonl"
    source = write(tmp_path / "in.jsonl", ROWS)
    run("math500", source, "-o", out)
    result = run("math500", source, "-o", out, "--grader", "paper")
    assert result.exit_code == 2
    assert "choose another -o" in result.output


def test_golds_may_be_records_and_dictionaries(tmp_path):
    rows = [
        {"id": 1, "prediction": r"\boxed{84, 69}", "gold": ["$69$,$84$"]},
        {"id": 2, "prediction": r"\boxed{84, 69}", "gold": {"kind": "math", "answers": ["69", "84"]}},
    ]
    result = run("olympiadbench", write(tmp_path / "in.jsonl", rows), "--json")
    assert json.loads(result.output)["correct"] == 2


@pytest.mark.slow
def test_a_killed_run_is_continued(tmp_path):
    source = write(
        tmp_path / "in.jsonl", [{"id": i, "prediction": rf"\boxed{{{i}}}", "gold": "5"} for i in range(4000)]
    )
    out = tmp_path / "out.jsonl"
    call = [
        sys.executable,
        "-c",
        "from entmin.cli.grade import command; command()",
        "math500",
        source,
        "-o",
        str(out),
        "--workers",
        "1",
    ]
    process = subprocess.Popen(
        call, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, stdout=subprocess.DEVNULL
    )
    for _ in range(400):
        if out.exists() and out.stat().st_size > 5000:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    result = run("math500", source, "-o", out, "--json")
    assert result.exit_code == 0, result.output
    assert [row["id"] for row in lines(out)] == list(range(4000))
    assert json.loads(result.output)["correct"] == 1


def test_help_needs_no_heavy_import():
    code = (
        "import sys; from entmin.cli.grade import command; assert not {'sympy', 'torch', 'mpmath'} & set(sys.modules)"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
