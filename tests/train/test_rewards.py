"""Rewards by name: every one trains, and one of a third party's takes one registration line."""

from __future__ import annotations

import pytest

pytest.importorskip("trl")

import torch

from entmin.train import rewards
from entmin.train.session import train
from tests.train.runs import config, curve


@pytest.mark.slow
def test_a_registered_reward_trains_and_is_what_the_curve_shows(tiny_llama, tmp_path, monkeypatch):
    monkeypatch.setattr(rewards, "_REWARDS", dict(rewards._REWARDS))
    seen = []

    @rewards.register_reward("brevity", "minus the number of tokens")
    def brevity(drawn, settings):
        mask = drawn.scores[2]
        seen.append((drawn.n, len(drawn.streams), len(drawn.answers), settings.reward))
        return -mask.sum(-1).to(torch.float32)

    train(config(tiny_llama, tmp_path, "em-rl", reward="brevity", n=2, max_steps=2, kl=0.0))
    assert seen == [(2, 8, 8, "brevity")] * 2
    for step, reward, length in curve(tmp_path, "reward", "length"):
        assert reward == pytest.approx(-length), step


@pytest.mark.slow
def test_minus_length_pays_for_nothing_but_brevity(tiny_llama, tmp_path):
    train(config(tiny_llama, tmp_path, "em-rl", reward="minus-length", n=2, max_steps=2, kl=0.0))
    for step, reward, length in curve(tmp_path, "reward", "length"):
        assert reward == pytest.approx(-length), step
