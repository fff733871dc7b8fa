"""Whole training runs on a tiny model: what may and may not change a curve, and what is left behind."""

from __future__ import annotations

import json

import pytest
from safetensors.torch import load_file

pytest.importorskip("trl")

from entmin.errors import EntminError, UsageError
from entmin.jsonl import read_rows
from entmin.report.outlets import require_packages
from entmin.train.outlets import push
from entmin.train.session import train
from tests.private import open_to_others
from tests.train.runs import config, curve

NAMES = ("loss", "entropy", "reward", "length", "agreement", "grad_norm", "tokens")

OF_A_MODEL = (".safetensors", ".json", ".bin", ".jinja", ".pt", ".pth", "")
"""What transformers writes, itself or in checkpoints; the run's folder is closed around it."""


def close(one, other, **tolerance):
    assert len(one) == len(other)
    for ours, theirs in zip(one, other, strict=True):
        assert ours == pytest.approx(theirs, **{"rel": 2e-3, "abs": 2e-4, **tolerance})


@pytest.mark.slow
@pytest.mark.parametrize("method", ["em-ft", "em-rl"])
def test_micro_batches_change_nothing(tiny_llama, tmp_path, method):
    for size in (8, 2):
        settings = {"max_steps": 2, "micro_batch": size, "reduction": "sum"}
        train(config(tiny_llama, tmp_path / str(size), method, n=2, kl=0.01, **settings))
        assert not open_to_others(tmp_path / str(size), but=OF_A_MODEL)
        assert not [path for name in ("", "run.json", "checkpoint-2/..") for path in [tmp_path / str(size) / name]
                    if path.stat().st_mode & 0o077]  # fmt: skip
    close(*(curve(tmp_path / size, *NAMES, "kl") for size in ("8", "2")))
    weights = [load_file(tmp_path / size / "model.safetensors") for size in ("8", "2")]
    assert max((weights[0][name] - weights[1][name]).abs().max() for name in weights[0]) < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"method": "em-ft"}, {"method": "em-rl", "reward": "majority"}])
def test_labels_reach_no_unsupervised_method(tiny_llama, tmp_path, settings):
    data = tmp_path / "data.jsonl"
    curves = []
    for name, answers in (("right", "7"), ("corrupt", "nonsense")):
        rows = [{"prompt": f"What is {i} + 7 - {i}?", "answer": answers, "solution": answers} for i in range(12)]
        data.write_text("".join(json.dumps(row) + "\n" for row in rows))
        options = {"data": str(data), "data_options": {}, "decontaminate": (), "max_steps": 2, "n": 2}
        train(config(tiny_llama, tmp_path / name, **settings, **options))
        curves.append(curve(tmp_path / name, *NAMES))
    assert curves[0] == curves[1] and len(curves[0]) == 2
    weights = [load_file(tmp_path / name / "model.safetensors") for name in ("right", "corrupt")]
    assert all((weights[0][name] == weights[1][name]).all() for name in weights[0])


@pytest.mark.slow
def test_grpo_with_an_entropy_bonus_and_several_updates_on_one_rollout(tiny_llama, tmp_path):
    options = {"advantage": "grpo", "entropy_bonus": 0.001, "updates_per_rollout": 2, "max_steps": 4, "micro_batch": 8}
    train(config(tiny_llama, tmp_path, "em-rl", **options, batch_size=4, save_every=2))
    tokens = [row[1] for row in curve(tmp_path, "tokens")]
    assert len(tokens) == 4 and 0 < tokens[0] < tokens[2] and tokens[1] <= tokens[0] * 2


@pytest.mark.slow
def test_the_supervised_baselines_do_see_labels(tiny_llama, tmp_path):
    train(config(tiny_llama, tmp_path / "sft", "sft", max_steps=3, learning_rate=1e-2))
    losses = [row[1] for row in curve(tmp_path / "sft", "loss")]
    assert losses[-1] < losses[0]
    train(config(tiny_llama, tmp_path / "rloo", "rloo", max_steps=1))
    assert 0 <= curve(tmp_path / "rloo", "reward")[0][1] <= 1


def test_entropy_falls_and_the_record_is_whole(tiny_llama, tmp_path):
    out = tmp_path / "out"
    options = {"max_steps": 6, "learning_rate": 3e-3, "save_every": 2, "keep_checkpoints": 1, "eval_every": 3}
    train(config(tiny_llama, out, **options, eval_limit=4, eval_samples=2, watch="warn"))
    rows = read_rows(out / "curves.jsonl")
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[-1]["entropy"] < rows[0]["entropy"] and rows[-1]["tokens"] > rows[0]["tokens"]
    assert rows[0]["loss"] == pytest.approx(rows[0]["entropy"], rel=1e-4)
    evals = read_rows(out / "evals.jsonl")
    assert [row["step"] for row in evals] == [0, 3, 6]
    assert evals[0]["pass@1"]["n"] == 4 and evals[0]["pass@2"]["value"] >= evals[0]["pass@1"]["value"]
    assert (out / "checkpoint-6" / "model.safetensors").exists() and not (out / "checkpoint-2").exists()
    card = (out / "README.md").read_text()
    assert f'base_model: "{tiny_llama}"' in card and "No label was seen" in card and "| 6 |" in card


def test_prompts_that_are_too_long_are_left_out_and_told(tiny_llama, tmp_path, capsys):
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps({"prompt": "x" * length}) + "\n" for length in (9, 10, 500)))
    options = {"data": str(data), "data_options": {}, "decontaminate": (), "max_prompt_tokens": 80}
    train(config(tiny_llama, tmp_path / "out", max_steps=1, **options))
    assert "left out: 1 prompts of more than 80 tokens" in capsys.readouterr().err


def test_static_samples_stay_what_they_were(tiny_llama, tmp_path):
    train(config(tiny_llama, tmp_path / "out", static=True, max_steps=2, limit=4))
    lengths = [row[1] for row in curve(tmp_path / "out", "length")]
    assert lengths[0] == lengths[1]  # the same four prompts, so the same four answers
    assert len((tmp_path / "out" / "static.jsonl").read_text().splitlines()) == 4


def test_adapters_train_and_checkpoint(tiny_llama, tmp_path):
    out = tmp_path / "out"
    options = {"kl": 0.1, "max_steps": 3, "gradient_checkpointing": True, "learning_rate": 1e-2}
    train(config(tiny_llama, out, lora=True, lora_rank=4, **options))
    rows = read_rows(out / "curves.jsonl")
    assert rows[0]["kl"] == pytest.approx(0, abs=1e-5) and rows[-1]["kl"] > 1e-6
    assert (out / "adapter_model.safetensors").exists() and not (out / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "em-rl", "n": 1}, "n must be 2"),
        ({"method": "em-rl", "reward": "token-entopy"}, "did you mean 'token-entropy'"),
        ({"method": "sft", "n": 4}, "n must be 1"),
        ({"method": "em-rl", "static": True}, "option of em-ft"),
        ({"micro_batch": 3}, "micro_batch"),
        ({"save_every": 3, "updates_per_rollout": 2}, "multiple of updates_per_rollout"),
    ],
)
def test_contradictions_are_told_before_anything_is_loaded(changes, message):
    with pytest.raises(UsageError, match=message):
        config("nowhere", "out", **changes)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "rloo"}, "rloo needs answers, and none of 3 prompts has one"),
        ({"method": "grpo"}, "grpo needs answers"),
        ({"method": "sft"}, "sft needs answers"),
        ({"method": "em-ft", "eval_every": 1, "eval_data": "data.jsonl"}, "an evaluation needs answers"),
    ],
)
def test_missing_answers_are_told_before_a_model_is_looked_for(tmp_path, monkeypatch, settings, message):
    monkeypatch.chdir(tmp_path)
    rows = [{"prompt": f"What is {i}?", "answer": None} for i in range(3)]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = {"data": "data.jsonl", "data_options": {}, "decontaminate": (), "max_steps": 1}
    with pytest.raises(UsageError, match=message):
        train(config("./nowhere", tmp_path / "out", **options, **settings))


@pytest.fixture
def no_hub(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")


def test_what_cannot_be_reached_is_told_before_training(tiny_llama, tmp_path, no_hub):
    with pytest.raises(EntminError, match=r"me/model cannot be written on the Hub .* nothing was computed"):
        train(config(tiny_llama, tmp_path / "out", max_steps=1, push_to_hub="me/model"))
    with pytest.raises(UsageError, match="pip install no_such_package"):
        require_packages(["no_such_package"])
    assert not (tmp_path / "out").exists()


def test_a_model_that_cannot_be_pushed_is_whole_and_says_how(tmp_path, no_hub):
    with pytest.raises(EntminError, match=rf"the trained model is whole in {tmp_path}: `hf upload me/model"):
        push(tmp_path, "me/model")
