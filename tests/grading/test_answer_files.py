"""Files that people give to ``entmin grade``: each is read, or refused with the line and the reason."""

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import subprocess
import sys
import zipfile

import pytest
from click.testing import CliRunner

from entmin.cli.grade import command
from entmin.stats.estimates import avg_at_k

ROWS = [
    {"id": "a", "prediction": "It is \\boxed{5}.\nDone, \"really\".", "gold": "5"},
    {"id": "b", "prediction": "so 6, 7é \u2028 \\boxed{6}", "gold": "5"},
    {"id": "c", "prediction": "\\boxed{8}", "gold": "8"},
]  # fmt: skip


def grade(path, *arguments, code=0, task="math"):
    done = CliRunner().invoke(command, [str(task), str(path), "--json", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return (json.loads(done.stdout) if done.stdout else {}), done.stderr


def jsonl(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def table(separator):
    out = io.StringIO()
    writer = csv.DictWriter(out, ["gold", "id", "prediction", "other"], delimiter=separator)
    writer.writeheader()
    writer.writerows(ROWS)
    return out.getvalue()


TEXT = jsonl(ROWS)
FORMS = {
    "plain.jsonl": TEXT.encode(),
    "no-suffix": TEXT.encode(),
    "mark.jsonl": b"\xef\xbb\xbf" + TEXT.encode(),
    "windows.jsonl": TEXT.replace("\n", "\r\n").encode(),
    "blank-lines.jsonl": b"\n" + TEXT.replace("\n", "\n\n  \n").encode(),
    "no-end.jsonl": TEXT.rstrip().encode(),
    "utf16.jsonl": TEXT.encode("utf-16"),
    "utf16-be.jsonl": TEXT.encode("utf-16-be"),
    "utf32.jsonl": TEXT.encode("utf-32"),
    "packed.jsonl.gz": gzip.compress(TEXT.encode()),
    "packed-without-suffix.jsonl": gzip.compress(TEXT.encode()),
    "members.jsonl.gz": gzip.compress(TEXT[:40].encode()) + gzip.compress(TEXT[40:].encode()),
    "packed.jsonl.bz2": bz2.compress(TEXT.encode()),
    "packed.jsonl.xz": lzma.compress(TEXT.encode()),
    "array.json": json.dumps(ROWS).encode(),
    "indented.json": json.dumps(ROWS, indent=2).encode(),
    "array-named.jsonl": json.dumps(ROWS, indent=2).encode(),
    "under-a-name.json": json.dumps({"model": "m", "results": ROWS}).encode(),
    "under-a-name-indented.json": json.dumps({"results": ROWS, "n": 3}, indent=1).encode(),
    "columns.json": json.dumps({name: [row[name] for row in ROWS] for name in ROWS[0]}).encode(),
    "table.csv": table(",").encode(),
    "table-windows.csv": b"\xef\xbb\xbf" + table(",").encode(),
    "table.tsv": table("\t").encode(),
    "table-utf16.csv": table(",").encode("utf-16"),
    "table.csv.gz": gzip.compress(table(",").encode()),
}


@pytest.mark.parametrize("name", FORMS)
def test_each_form_gives_the_same_verdicts(tmp_path, name):
    (tmp_path / name).write_bytes(FORMS[name])
    summary, _ = grade(tmp_path / name, "-o", tmp_path / "out.jsonl")
    assert (summary["n"], summary["correct"], summary["not_read"]) == (3, 2, 0)
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(row["id"], row["correct"]) for row in written] == [("a", True), ("b", False), ("c", True)]


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "rows.parquet")
    assert grade(tmp_path / "rows.parquet")[0]["correct"] == 2


def zipped():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("header.json", "{}")
    return out.getvalue()


REFUSED = {
    "log.eval": (zipped(), "`inspect score`"),
    "log.json": (json.dumps({"version": 2, "eval": {}, "samples": [{"id": 1}]}).encode(), "an Inspect log"),
    "rows.jsonl.zst": (b"\x28\xb5\x2f\xfd1234", "unpack it first"),
    "rows.pkl": (b"\x80\x04\x95....", "can run code"),
    "cut.jsonl.gz": (gzip.compress(TEXT.encode() * 50)[:-20], "cannot be read to its end"),
    "cut.json": (json.dumps(ROWS, indent=1).encode()[:-30], "a JSON array that cannot be read"),
    "pandas.json": (json.dumps({"id": {"0": 1}, "prediction": {"0": "x"}}).encode(), "orient='records'"),
    "number.json": (b"5", "one JSON int"),
    "prose.txt": (b"The answers\nare here.", "line 1: not JSON"),
    "fields.csv": (b'id,prediction,gold\na,"5"\nb,5,5,5\n', "more fields"),
    "empty.jsonl": (b"", "no answers"),
    "blank.jsonl": (b"\n\n", "no answers"),
    "not.parquet": (b"PAR1 and no more", "no Parquet file"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_read_is_named_for_what_it_is(tmp_path, name):
    data, said = REFUSED[name]
    (tmp_path / name).write_bytes(data)
    _, error = grade(tmp_path / name, code=2)
    assert said in error and name in error and "defect" not in error


def test_a_packed_file_that_is_cut_loses_no_row_before_the_cut(tmp_path):
    rows = [{"id": n, "prediction": os.urandom(300).hex() + " \\boxed{1}", "gold": "1"} for n in range(200)]
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(jsonl(rows).encode())[:-2000])
    summary, error = grade(tmp_path / "cut.jsonl.gz", code=2)
    assert 150 < summary["n"] == summary["correct"] < 200 and "cannot be read to its end" in error


BOXED = "thus \\boxed{5}"
TEXT_OF = [{"index": 0, "message": {"role": "assistant", "content": BOXED}, "finish_reason": "stop"}]
HARNESS = {"doc_id": 7, "doc": {"question": "?"}, "target": "work\n#### 5", "arguments": [], "resps": [[BOXED]],
           "filtered_resps": ["5"], "filter": "strict-match", "exact_match": 1.0}  # fmt: skip
OUTPUT = {"id": "batch_1", "custom_id": "q1", "error": None}
GOLD = {"gold": "5"}
KNOWN = {
    "several predictions": ({"id": 1, "prediction": [BOXED, "\\boxed{4}"], **GOLD}, [True, False]),
    "a chat": ({"id": 1, "prediction": [{"role": "user", "content": "?"}, TEXT_OF[0]["message"]], **GOLD}, [True]),
    "a message": ({"id": 1, "prediction": {"role": "assistant", "content": [{"type": "text", "text": BOXED}]}, **GOLD},
                  [True]),
    "a saved completion": ({"id": "cmpl", "object": "chat.completion", "choices": TEXT_OF * 2, **GOLD}, [True, True]),
    "a text completion": ({"id": "cmpl", "choices": [{"text": BOXED}], **GOLD}, [True]),
    "thinking only": ({"id": "c", "choices": [{"message": {"content": None, "reasoning": BOXED}}], **GOLD}, [False]),
    "vLLM": ({"request_id": "0", "prompt": "?", "outputs": [{"index": 0, "text": BOXED}], **GOLD}, [True]),
    "lm-evaluation-harness": (HARNESS, [True]),
    "its repeats": (HARNESS | {"resps": [[BOXED, "\\boxed{4}", BOXED]]}, [True, False, True]),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_rows_of_known_programs(tmp_path, name):
    row, verdicts = KNOWN[name]
    (tmp_path / "rows.jsonl").write_text(jsonl([row, row | {"id": "other", "doc_id": 8, "request_id": "1"}]))
    task = "integer" if "doc_id" in row else "math"
    summary, _ = grade(tmp_path / "rows.jsonl", "-o", tmp_path / "out.jsonl", task=task)
    written = [json.loads(line)["correct"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert written == verdicts * 2 and summary["problems"] == 2


@pytest.fixture
def problems(tmp_path):
    path = tmp_path / "problems.jsonl"
    path.write_text(jsonl([{"id": "q1", "question": "2+3?", "answer": 5}, {"id": 2, "question": "3+3?", "answer": 6}]))
    return path


def batch(response, **other):
    return {**OUTPUT, "response": response, **other}


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (batch({"status_code": 200, "body": {"choices": TEXT_OF}}), True),
        (batch({"status_code": 200, "body": {"choices": [{"text": "\\boxed{6}"}]}}), False),
        (batch({"body": {"output": [{"type": "reasoning"}, {"type": "message", "content": [
            {"type": "output_text", "text": BOXED}]}]}}), True),
        (batch({"status_code": 429, "body": {"error": {"message": "slow down"}}}), "slow down"),
        (batch(None, error={"message": "expired"}), "expired"),
        ({"custom_id": "q1", "result": {"type": "succeeded", "message": {"content": [
            {"type": "thinking", "thinking": "6"}, {"type": "text", "text": BOXED}]}}}, True),
        ({"custom_id": "q1", "result": {"type": "errored", "error": {"message": "overloaded"}}}, "overloaded"),
    ],
)  # fmt: skip
def test_results_of_batches_take_their_golds_from_the_problems(tmp_path, problems, row, verdict):
    (tmp_path / "batch.jsonl").write_text(jsonl([row, {"id": 2.0, "prediction": "\\boxed{6}"}]))
    failed = isinstance(verdict, str)
    summary, error = grade(tmp_path / "batch.jsonl", "--judge", "math", code=2 * failed, task=problems)
    assert summary["correct"] == 1 + (verdict is True) and summary["n"] == 2 - failed
    assert not failed or (verdict in error and "line 1" in error)


def test_answers_under_a_second_filter_are_not_counted_twice(tmp_path):
    rows = [HARNESS | {"doc_id": n, "filter": kind} for kind in ("strict-match", "flexible-extract") for n in range(4)]
    (tmp_path / "samples.jsonl").write_text(jsonl(rows))
    summary, said = grade(tmp_path / "samples.jsonl", task="integer")
    assert summary["n"] == summary["correct"] == 4 and "4 rows repeat answers" in said


def test_log_likelihoods_are_no_text(tmp_path):
    (tmp_path / "samples.jsonl").write_text(jsonl([HARNESS | {"resps": [[[-1.5, False]], [[-2.5, True]]]}]))
    assert "log-likelihoods" in grade(tmp_path / "samples.jsonl", code=2, task="integer")[1]


def test_fields_by_name(tmp_path):
    rows = [{"nr": n, "out": {"texts": [BOXED]}, "doc.key": 5, "gold": "6"} for n in range(2)]
    (tmp_path / "rows.jsonl").write_text(jsonl(rows))
    _, said = grade(tmp_path / "rows.jsonl", code=2)
    assert "it has nr, out, doc.key, gold" in said and "--field id=NAME" in said
    named = ("--field", "id=nr", "--field", "prediction=out.texts.0")
    assert grade(tmp_path / "rows.jsonl", *named)[0]["correct"] == 0
    assert grade(tmp_path / "rows.jsonl", *named, "--field", "gold=doc.key")[0]["correct"] == 2
    assert "NAME one of id, prediction, gold" in grade(tmp_path / "rows.jsonl", "--field", "golds=x", code=2)[1]


def test_several_samples_of_a_problem_are_all_judged_and_the_interval_is_over_problems(tmp_path):
    right, wrong = "\\boxed{5}", "\\boxed{6}"
    answers = {1: [right, wrong, wrong], "1": [right], 2: [right, right], 3.0: [wrong, wrong], 4: [right]}
    rows = [{"id": name, "prediction": text, "gold": "5"} for name, texts in answers.items() for text in texts]
    (tmp_path / "rows.jsonl").write_text(jsonl(rows))
    summary, said = grade(tmp_path / "rows.jsonl", "-o", tmp_path / "out.jsonl")
    assert (summary["n"], summary["problems"], summary["correct"]) == (9, 4, 5)
    expected = avg_at_k({"1": [True, False, False, True], "2": [True] * 2, "3": [False] * 2, "4": [True]})
    assert summary["accuracy"] == expected.value and summary["interval_95"] == [expected.low, expected.high]
    assert "3 rows repeat an earlier row" in said
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 9
    again, _ = grade(tmp_path / "rows.jsonl", "-o", tmp_path / "out.jsonl")
    assert again["graded_now"] == 0 and again["n"] == 9


@pytest.mark.parametrize(
    ("change", "task", "options"),
    [
        ({"prediction": "\\boxed{6}"}, "math", ()),
        ({"gold": "6"}, "math", ()),
        ({"id": "z"}, "math", ()),
        ({}, "choice", ()),
        ({}, "math", ("--grader", "paper")),
    ],
)
def test_a_verdict_on_anything_else_is_never_taken_for_this_one(tmp_path, change, task, options):
    source, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    source.write_text(jsonl(ROWS))
    grade(source, "-o", out)
    before = out.read_text()
    source.write_text(jsonl([*ROWS[:2], ROWS[2] | change]))
    _, said = grade(source, "-o", out, *options, code=2, task=task)
    assert "choose another -o" in said and out.read_text() == before
    source.write_text(jsonl([*ROWS, ROWS[0] | {"id": "new"}]))
    grown, _ = grade(source, "-o", out)
    assert (grown["n"], grown["graded_now"]) == (4, 1)


def test_new_rules_are_another_verdict(tmp_path, monkeypatch):
    source, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    source.write_text(jsonl(ROWS))
    grade(source, "-o", out)
    monkeypatch.setattr("entmin.grading.mathematics.VERSION", "next")
    assert "the rules have changed" in grade(source, "-o", out, code=2)[1]


def test_two_at_once_judge_each_answer_once(tmp_path):
    source, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    source.write_text(jsonl([ROWS[n % 3] | {"id": n} for n in range(300)]))
    call = [sys.executable, "-m", "entmin", "grade", "math", str(source), "-o", str(out), "--json"]
    both = [subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    found = [json.loads(out) for out, _ in told]
    assert sorted(one["graded_now"] for one in found) == [0, 300] and {one["n"] for one in found} == {300}
    assert len(out.read_text().splitlines()) == 300
    assert any("another entmin process works in" in error for _, error in told)


def test_what_rows_were_taken_for_and_columns_that_nothing_is_read_from_are_said(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 1, "text": "5", "gold": "5", "model": "m", "more": {"x": 1}}\n')
    summary, _ = grade(path, "--field", "prediction=text", task="math500")
    said = CliRunner().invoke(command, ["math500", str(path), "--field", "prediction=text"]).stderr
    assert "read: 1 rows of id, text, gold; columns that are not read: model, more" in said
    assert summary["forms"] == {"rows of id, text, gold": 1} and summary["columns_not_read"] == ["model", "more"]
