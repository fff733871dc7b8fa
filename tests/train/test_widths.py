"""Micro-batches hold rows of about equal lengths and are no wider than their longest."""

from __future__ import annotations

import json

import pytest
import torch

pytest.importorskip("trl")

from entmin.train.trainers.widths import by_length
from tests import tiny
from tests.train.runs import config, trainer_for


def part(lengths, first=0):
    """A micro-batch of rows that each hold their own number, in all its columns."""
    numbers = torch.arange(first, first + len(lengths))
    mask = torch.zeros(len(lengths), 9, dtype=torch.long)
    for row, length in zip(mask, lengths, strict=True):
        row[:length] = 1
    return {
        "prompt_ids": numbers[:, None].repeat(1, 4),
        "prompt_mask": torch.ones(len(lengths), 4, dtype=torch.long),
        "completion_mask": mask,
        "texts": [str(int(number)) for number in numbers],
        "advantages": None,
        "num_items_in_batch": torch.tensor(17),
    }


def test_rows_change_places_within_an_optimiser_step_only():
    parts = by_length([part([1, 9]), part([5, 7], 2), part([2, 3], 4), part([8, 6], 6)], step=2)
    assert [one["completion_mask"].sum(-1).tolist() for one in parts] == [[9, 7], [5, 1], [8, 6], [3, 2]]
    assert [one["texts"] for one in parts] == [["1", "3"], ["2", "0"], ["6", "7"], ["5", "4"]]
    assert [one["prompt_ids"][:, 0].tolist() for one in parts] == [[1, 3], [2, 0], [6, 7], [5, 4]]
    assert all(one["advantages"] is None and int(one["num_items_in_batch"]) == 17 for one in parts)


@pytest.mark.parametrize("method", ["em-ft", "em-rl"])
def test_the_model_sees_no_padding_that_all_rows_of_a_micro_batch_have(tmp_path, method):
    model, data = tiny.save(tmp_path / "model", sharpness=4.0), tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps({"prompt": "word " * (1 + 5 * i)}) + "\n" for i in range(6)))
    options = {"data": str(data), "data_options": {}, "decontaminate": (), "kl": 0.1, "n": 2}
    trainer = trainer_for(config(model, tmp_path, method, **options, micro_batch=1))
    seen: list[int] = []

    def note(_module, _args, given):
        if torch.is_grad_enabled() and "labels" in given:
            seen.append(given["labels"].shape[1])

    trainer.model.register_forward_pre_hook(note, with_kwargs=True)
    trainer.train()
    assert len(seen) == 2 * 4 * 2 and sum(seen) == trainer.state.num_input_tokens_seen
    assert seen[:8] == sorted(seen[:8], reverse=True) and len(set(seen)) > 3


@pytest.mark.parametrize(
    ("method", "settings", "passes"),
    [
        ("em-rl", {"kl": 0.1}, 2),  # policy and reference: the KL is part of the reward
        ("em-rl", {"kl": 0.0}, 1),  # the entropies are the reward
        ("em-rl", {"kl": 0.0, "reward": "minus-length"}, 0),
        ("em-rl", {"kl": 0.0, "reward": "minus-length", "updates_per_rollout": 2}, 1),  # a ratio, to the sampler
        ("em-rl", {"kl": 0.1, "advantage": "published"}, 2),
        ("rloo", {"kl": 0.0}, 0),
        ("em-ft", {}, 0),
        ("em-ft", {"kl": 0.1}, 1),
    ],
)
def test_samples_are_scored_before_the_update_only_where_something_is_made_of_it(
    tiny_llama, tmp_path, method, settings, passes
):
    trainer = trainer_for(config(tiny_llama, tmp_path, method, n=2, micro_batch=8, **settings), steps=2)
    scored: list[str] = []

    def note(_module, _args, given):
        if not torch.is_grad_enabled() and "labels" in given:
            scored.append("once")

    for model in filter(None, (trainer.model, getattr(trainer, "ref_model", None))):
        model.register_forward_pre_hook(note, with_kwargs=True)
    trainer.train()
    rollouts = 2 // settings.get("updates_per_rollout", 1)
    micro_batches = 8 // trainer.args.per_device_train_batch_size * settings.get("updates_per_rollout", 1)
    assert len(scored) == passes * rollouts * micro_batches
