"""Tokens drawn by Gumbel-max: the right distribution, independent draws, and two distributions that choose alike."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, chisquare

from entmin.core.gumbel import gumbel_argmax
from entmin.seeds import noise_key

NAMES = ["torch", "numba"]


def keys(count, *, step=0, first=0):
    return torch.tensor([noise_key(seed, step) for seed in range(first, first + count)])


def drawn(scores, count, impl="torch", **options):
    return gumbel_argmax(scores.expand(count, -1), keys(count, **options), impl=impl)


def scores_of(vocabulary, spread, seed=0):
    return torch.randn(vocabulary, generator=torch.Generator().manual_seed(seed)) * spread


@pytest.mark.parametrize("impl", NAMES)
@pytest.mark.parametrize(("vocabulary", "spread"), [(2, 1.0), (7, 2.0), (300, 1.0), (1500, 3.0)])
def test_tokens_have_the_distribution_of_the_softmax(impl, vocabulary, spread):
    count = 20_000
    scores = scores_of(vocabulary, spread)
    expected = scores.double().softmax(-1) * count
    seen = torch.bincount(drawn(scores, count, impl), minlength=vocabulary).double()
    rare = expected < 5
    pairs = [(seen[~rare], expected[~rare]), (seen[rare].sum()[None], expected[rare].sum()[None])]
    observed, wanted = (torch.cat(both) for both in zip(*pairs[: 1 + bool(rare.any())], strict=True))
    assert chisquare(observed.numpy(), wanted.numpy(), sum_check=False).pvalue > 1e-4


@pytest.mark.parametrize("impl", NAMES)
def test_a_token_of_small_probability_comes_as_often_as_it_should(impl):
    scores = torch.zeros(1024)
    scores[0], scores[1:] = 0.0, -20.0  # together 2.1e-6 of the mass, each 2.1e-9
    scores[1] = -7.0
    seen = (drawn(scores, 40_000, impl) == 1).sum().item()
    assert 15 <= seen <= 62  # 36.4 expected; four standard deviations


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64], ids=str)
def test_implementations_choose_the_same_tokens(dtype):
    scores = torch.stack([scores_of(5003, 0.01 + 0.5 * row, seed=row) for row in range(12)]).to(dtype)
    wanted = gumbel_argmax(scores, keys(12), impl="torch")
    if dtype != torch.float64:
        assert gumbel_argmax(scores, keys(12), impl="numba").tolist() == wanted.tolist()
    assert gumbel_argmax(scores.double(), keys(12)).tolist() == wanted.tolist()


@pytest.mark.parametrize("impl", NAMES)
def test_a_row_does_not_depend_on_its_batch_mates(impl):
    scores = torch.stack([scores_of(1200, 2.0, seed=row) for row in range(70)])
    together = gumbel_argmax(scores, keys(70), impl=impl)
    alone = [gumbel_argmax(scores[i : i + 1], keys(1, first=i), impl=impl).item() for i in range(70)]
    assert together.tolist() == alone
    strided = torch.stack([scores, scores], dim=-1)[..., 0]
    assert gumbel_argmax(strided, keys(70), impl=impl).tolist() == alone


@pytest.mark.parametrize("impl", NAMES)
@given(seed=st.integers(0, 2**31 - 1), kept=st.sets(st.integers(0, 1299), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_a_masked_token_is_never_drawn(impl, seed, kept):
    scores = torch.full((1, 1300), -torch.inf)
    scores[0, sorted(kept)] = -3.0
    assert gumbel_argmax(scores, torch.tensor([noise_key(seed, 0)]), impl=impl).item() in kept


def test_steps_seeds_and_tokens_are_independent():
    scores, count = scores_of(5, 1.0), 20_000
    here = drawn(scores, count)
    others = {
        "the next step": drawn(scores, count, step=1),
        "the next seed": drawn(scores, count, first=1),
        "the same noise, other tokens": drawn(torch.cat([torch.full((5,), -torch.inf), scores]), count) - 5,
    }
    for other in others.values():
        table = torch.zeros(5, 5)
        table.index_put_((here, other), torch.ones(count), accumulate=True)
        assert chi2_contingency(table.numpy()).pvalue > 1e-4


@pytest.mark.parametrize("temperature", [0.95, 0.8])
def test_near_distributions_choose_alike_as_often_as_gumbel_coupling_says(temperature):
    scores, count = scores_of(400, 2.0), 20_000
    p, q = scores.double().softmax(-1), (scores.double() / temperature).softmax(-1)
    ratio = torch.maximum(p[None] / p[:, None], q[None] / q[:, None])
    promised = (1 / ratio.sum(-1)).sum().item()
    distance = (p - q).abs().sum().item() / 2
    alike = (drawn(scores, count) == drawn(scores / temperature, count)).double().mean().item()
    assert promised >= (1 - distance) / (1 + distance)
    assert alike == pytest.approx(promised, abs=4 * 0.5 / count**0.5)
