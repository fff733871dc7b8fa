"""Samples of a model that is being trained: drawn by the engine's scheduler, from the weights as they are now."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("trl")

from entmin.engine.batch import Batch
from entmin.engine.engine import Engine
from entmin.engine.loading import load
from entmin.engine.requests import Request
from entmin.errors import EntminError
from entmin.train.build import adapters, rollouts_for
from entmin.train.policy import load_policy, place_for
from tests.train.runs import config

PROMPTS = [[5, 6, 7], [9] * 40, [3, 4], [8, 8, 8, 8]] * 2
SEEDS = list(range(8))


@pytest.fixture
def policy(tiny_llama, tmp_path):
    """(model in training mode, its rollouts)."""
    settings = config(tiny_llama, tmp_path, rollout_batch=3, max_tokens=12)
    place = place_for(settings)
    loaded = load_policy(settings, place)
    return loaded.model, rollouts_for(settings, place, loaded)


def by_a_fresh_engine(model, folder):
    """The same samples by an engine that reads the model from disk."""
    model.save_pretrained(folder)
    loaded = load(str(folder), dtype="float32", device="cpu")
    engine = Engine(loaded, batch_size=5)
    done = engine.generate([Request(p, max_tokens=12, seed=s) for p, s in zip(PROMPTS, SEEDS, strict=True)])
    engine.close()
    return [answer.tokens for answer in done]


def drawn(rollouts, model):
    return [done.tokens for done in rollouts.draw(model, PROMPTS, SEEDS)]


def test_samples_are_of_the_weights_as_they_are_and_the_model_stays_trainable(policy, tiny_llama, tmp_path):
    model, rollouts = policy
    first = drawn(rollouts, model)
    model.save_pretrained(tmp_path / "before")
    load(str(tiny_llama), dtype="float32", device="cpu").tokenizer.save_pretrained(tmp_path / "before")
    assert first == by_a_fresh_engine(model, tmp_path / "before") == drawn(rollouts, model)
    assert model.training
    model(torch.tensor([PROMPTS[0]])).logits.logsumexp(-1).sum().backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)), alpha=0.3)
    changed = drawn(rollouts, model)
    assert changed != first
    assert changed == by_a_fresh_engine(model, tmp_path / "before")
    model.eval()
    rollouts.draw(model, PROMPTS[:1], [0])
    assert not model.training


def test_adapters_count(tiny_llama, tmp_path):
    from peft import get_peft_model

    settings = config(tiny_llama, tmp_path, rollout_batch=3, max_tokens=12, lora=True, lora_rank=4)
    place = place_for(settings)
    loaded = load_policy(settings, place)
    rollouts, plain = rollouts_for(settings, place, loaded), loaded.model
    before = drawn(rollouts, plain)
    model = get_peft_model(plain, adapters(settings)).train()
    assert drawn(rollouts, model) == before
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.5, generator=torch.Generator().manual_seed(2))
    adapted = drawn(rollouts, model)
    assert adapted != before and model.training
    loaded.tokenizer.save_pretrained(tmp_path / "merged")
    assert adapted == by_a_fresh_engine(model.merge_and_unload(), tmp_path / "merged")


def test_short_memory_makes_the_batch_smaller_and_changes_no_sample(policy, monkeypatch):
    model, rollouts = policy
    expected = drawn(rollouts, model)
    original = Batch._forward

    def limited(self, ids, *rest):
        if ids.shape[0] > limit:
            raise torch.OutOfMemoryError("CUDA out of memory (injected)")
        return original(self, ids, *rest)

    monkeypatch.setattr(Batch, "_forward", limited)
    limit = 1
    assert drawn(rollouts, model) == expected and model.training
    limit = 0
    with pytest.raises(EntminError, match="out of memory with a single row"):
        drawn(rollouts, model)
    assert model.training
