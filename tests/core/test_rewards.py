"""Rewards and advantages against sums written out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from entmin import rewards


def rows(seed, batch=5, length=7):
    torch.manual_seed(seed)
    lengths = torch.randint(1, length + 1, (batch,))
    mask = (torch.arange(length) < lengths[:, None]).long()
    return torch.rand(batch, length, dtype=torch.float64), -torch.rand(batch, length, dtype=torch.float64), mask


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_token_entropy_and_sequence_logprob_are_the_paper_s_sums_and_the_code_s_means(seed):
    entropies, logprobs, mask = rows(seed)
    for row in range(len(mask)):
        inside = [t for t in range(mask.shape[1]) if mask[row, t]]
        h, lp = sum(entropies[row, t] for t in inside), sum(logprobs[row, t] for t in inside)
        for reduction, n in (("sum", 1), ("mean", len(inside))):
            got = rewards.token_entropy(entropies, logprobs, mask, reduction=reduction)[row]
            torch.testing.assert_close(got, -h / n)
            got = rewards.sequence_logprob(entropies, logprobs, mask, reduction=reduction)[row]
            torch.testing.assert_close(got, lp / n)


@given(seed=st.integers(0, 10_000), share=st.floats(0.01, 1))
@settings(max_examples=30, deadline=None)
def test_rent_looks_at_the_last_share_of_each_completion(seed, share):
    entropies, logprobs, mask = rows(seed)
    got = rewards.rent(entropies, logprobs, mask, share=share)
    for row, length in enumerate(mask.sum(-1).tolist()):
        last = math.ceil(torch.tensor(float(length)) * share)
        torch.testing.assert_close(got[row], -entropies[row, length - last : length].mean())


def test_padding_changes_nothing_whatever_it_holds():
    entropies, logprobs, mask = rows(1)
    wider = [torch.nn.functional.pad(t, (0, 3), value=math.nan) for t in (entropies, logprobs)]
    wide_mask = torch.nn.functional.pad(mask, (0, 3))
    for reward in (rewards.token_entropy, rewards.sequence_logprob, rewards.rent):
        torch.testing.assert_close(reward(*wider, wide_mask), reward(entropies, logprobs, mask))


def test_self_certainty_is_the_divergence_from_uniform():
    torch.manual_seed(2)
    logits = torch.randn(3, 4, 11, dtype=torch.float64)
    logs = logits.log_softmax(-1)
    mask = torch.ones(3, 4)
    uniform = torch.full_like(logs, 1 / 11)
    expected = (uniform * (uniform.log() - logs)).sum(-1).mean(-1)
    got = rewards.self_certainty(mask, mask, mask, mean_logprobs=logs.mean(-1), vocabulary=11)
    torch.testing.assert_close(got, expected)
    flat = torch.zeros(3, 4, 11).log_softmax(-1).mean(-1)
    assert rewards.self_certainty(mask, mask, mask, mean_logprobs=flat, vocabulary=11).abs().max() < 1e-6


def test_majority_counts_the_same_answers_of_one_prompt():
    answers = torch.tensor([5, 5, 7, -1, 5, 7, 7, 7])
    assert rewards.majority(answers, 4).tolist() == [0.5, 0.5, 0.25, 0.25, 0.25, 0.75, 0.75, 0.75]
    assert rewards.majority(torch.tensor([-1, -1]), 2).tolist() == [0.5, 0.5]
    with pytest.raises(ValueError, match="groups"):
        rewards.majority(answers, 3)


@given(values=st.lists(st.floats(-50, 50), min_size=4, max_size=4))
@settings(max_examples=30, deadline=None)
def test_advantages_by_hand(values):
    got = rewards.rloo_advantages(torch.tensor(values, dtype=torch.float64), 4)
    for i, reward in enumerate(values):
        others = values[:i] + values[i + 1 :]
        assert got[i].item() == pytest.approx(reward - sum(others) / 3, abs=1e-9)
    mean = sum(values) / 4
    spread = math.sqrt(sum((v - mean) ** 2 for v in values) / 3)
    got = rewards.grpo_advantages(torch.tensor(values, dtype=torch.float64), 4)
    assert got.tolist() == pytest.approx([(v - mean) / (spread + 1e-4) for v in values], abs=1e-6)


def test_advantages_need_company():
    for estimate in (rewards.rloo_advantages, rewards.grpo_advantages):
        with pytest.raises(ValueError, match="groups"):
            estimate(torch.zeros(3), 1)


def test_the_random_control_repeats_by_seed_and_sees_nothing():
    mask = torch.ones(6, 2)
    draws = [rewards.random(mask, mask, mask, generator=torch.Generator().manual_seed(4)) for _ in range(2)]
    assert torch.equal(*draws) and 0 <= draws[0].min() and draws[0].max() < 1 and len(set(draws[0].tolist())) == 6


def test_rewards_are_differentiable_where_a_loop_wants_that():
    entropies, logprobs, mask = rows(3)
    entropies.requires_grad_()
    assert torch.autograd.gradcheck(lambda h: rewards.token_entropy(h, logprobs, mask), (entropies,))
    assert torch.autograd.gradcheck(lambda h: rewards.rent(h, logprobs, mask, share=0.5), (entropies,))
