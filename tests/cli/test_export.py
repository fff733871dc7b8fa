"""`entmin export`: samples of finished runs as files that `datasets.load_dataset` reads."""

from __future__ import annotations

import json

import pytest
from datasets import load_dataset
from inspect_ai.log import list_eval_logs, read_eval_log

from entmin.report.samples import COLUMNS, write

SMALL = ("--limit", "3", "--max-tokens", "12", "--threads", "1", "--quiet")
HOSTILE = "<script>alert(1)</script> \x1b[2J \u202e \x00 =1+1\r\n\u2028 日本 😀"


@pytest.fixture
def loaded(tmp_path):
    def load(path):
        kind = {".jsonl": "json", ".parquet": "parquet"}[path.suffix]
        return load_dataset(kind, data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))

    return load


def samples_of(folder):
    [log] = list_eval_logs(str(folder / "logs"))
    return {(str(sample.id), sample.epoch): sample for sample in read_eval_log(log).samples}


def test_a_comparison_is_a_row_for_each_sample_with_what_the_logs_hold(entmin_here, tiny_llama, loaded):
    entmin_here("compare", tiny_llama, "--methods", "normal,em_inf:threshold=0@0.7", "--samples", 2, *SMALL)
    [folder] = (entmin_here.folder / "results" / "tiny-llama" / "compare").iterdir()
    for name in ("out.jsonl", "out.parquet"):
        done = entmin_here("export", folder, "-o", name)
        assert "12 samples written to" in done.stderr and done.stdout == ""
        found = loaded(entmin_here.folder / name)
        assert found.column_names == list(COLUMNS) and len(found) == 12
        assert found.unique("mode") == ["normal", "em_inf:threshold=0@0.7"] and found.unique("seed") == [0]
        for row in found:
            sample = samples_of(entmin_here.folder / "results" / row["run"])[row["id"], row["sample"]]
            score = sample.scores[row["scorer"]]
            assert row["answer"] == sample.output.completion and row["gold"] == sample.target
            assert (row["extracted"], row["reason"]) == (score.answer, score.metadata["reason"])
            assert row["verdict"] == {True: "right", False: "wrong"}[score.metadata["correct"]]
            assert row["messages"][-1] == {"role": "user", "content": row["prompt"]}
            assert row["output_tokens"] == sample.output.usage.output_tokens
            assert row["entropy_before"] == pytest.approx(sample.output.metadata["entropy_before"])
            assert json.loads(row["settings"])["task"] == row["task"] == "arithmetic"
        assert all(row["entropy_after"] < row["entropy_before"] for row in found if row["method"] == "em_inf")


def test_runs_named_twice_are_exported_once_and_a_folder_is_a_data_set(entmin_here, tiny_llama, tmp_path):
    entmin_here("eval", tiny_llama, *SMALL)
    [run] = (entmin_here.folder / "results" / "tiny-llama" / "normal").iterdir()
    entmin_here("compare", tiny_llama, "--methods", "normal,greedy", *SMALL)
    [both] = (entmin_here.folder / "results" / "tiny-llama" / "compare").iterdir()
    assert "6 samples" in entmin_here("export", run, both, run, "-o", "data").stderr
    found = load_dataset(str(entmin_here.folder / "data"), split="train", cache_dir=str(tmp_path / "cache"))
    assert len(found) == 6 and found.unique("mode") == ["normal", "greedy"]


def test_questions_of_any_kind_come_out_as_they_went_in(entmin_here, tiny_llama, loaded):
    odd = entmin_here.folder / "odd.jsonl"
    odd.write_text(json.dumps({"question": "half \ud800 a pair", "answer": "5"}))
    done = entmin_here("eval", tiny_llama, "--task", "odd.jsonl", "--judge", "math", *SMALL, code=2)
    assert "odd.jsonl, line 1: question has half of a surrogate pair" in done.stderr
    odd.write_text(json.dumps({"question": HOSTILE, "answer": "5"}))
    entmin_here("eval", tiny_llama, "--task", "odd.jsonl", "--judge", "math", *SMALL)
    [run] = (entmin_here.folder / "results" / "tiny-llama" / "normal").iterdir()
    for name in ("out.jsonl", "out.parquet"):
        entmin_here("export", run, "-o", name)
        [prompt] = loaded(entmin_here.folder / name)["prompt"]
        assert HOSTILE in prompt


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet"])
def test_half_a_pair_is_replaced_and_counted_and_all_else_is_kept(name, tmp_path, loaded):
    row = dict.fromkeys(COLUMNS) | {"answer": HOSTILE, "extracted": "x\ud800y", "score": 0.5, "sample": 2}
    row["messages"] = [{"role": "user", "content": "\udfff"}, {"role": "user", "content": "\ud83d\ude00"}]
    path, replaced = write([row, dict.fromkeys(COLUMNS)], tmp_path / name)
    assert (path, replaced) == (tmp_path / name, 2 + 1)  # the two halves of one character are joined
    found = loaded(path)[0]
    assert found["answer"] == HOSTILE and found["extracted"] == "x\ufffdy" and found["score"] == 0.5
    assert [turn["content"] for turn in found["messages"]] == ["\ufffd", "😀"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_exported_is_said(entmin_here, tiny_llama):
    trained = entmin_here.folder / "trained"
    trained.mkdir()
    (trained / "run.json").write_text("{}")
    assert "data_files='trained/evals/*.jsonl'" in entmin_here("export", "trained", code=2).stderr
    assert "is no folder" in entmin_here("export", "nothing", code=2).stderr
    entmin_here("eval", tiny_llama, *SMALL)
    [run] = (entmin_here.folder / "results" / "tiny-llama" / "normal").iterdir()
    assert ".parquet or .jsonl, or a folder" in entmin_here("export", run, "-o", "out.csv", code=2).stderr
    assert not (entmin_here.folder / "out.csv").exists()
