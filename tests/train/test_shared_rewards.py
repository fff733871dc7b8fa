"""One reference for the rewards of both training engines: TRL's trainers and veRL's."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from entmin.core.rewards import OF_TOKENS, token_scores
from entmin.train.rewards import RewardSettings, reward_function


def reference(kind, reduction, share, entropies, logprobs, length):
    """The reward of one completion, from sums in float64."""
    if not length:
        return 0.0
    taken = -entropies[:length] if kind != "sequence-logprob" else logprobs[:length]
    if kind == "rent":
        return float(taken[length - math.ceil(length * share) :].mean())
    return float(taken.sum() / (length if reduction == "mean" else 1))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("kind", OF_TOKENS)
def test_both_engines_give_the_reference_s_rewards(kind, reduction):
    chance = np.random.default_rng(0)
    lengths = [7, 3, 1, 0, 5]
    entropies, logprobs = chance.uniform(0, 3, (5, 7)), -chance.uniform(0, 3, (5, 7))
    for row, length in enumerate(lengths):
        entropies[row, length:] = logprobs[row, length:] = np.nan  # whatever stands in padding
    mask = torch.tensor([[place < length for place in range(7)] for length in lengths])
    expected = [
        reference(kind, reduction, 0.5, entropies[row], logprobs[row], length) for row, length in enumerate(lengths)
    ]
    measured = (torch.from_numpy(entropies), torch.from_numpy(logprobs), mask)

    scores = token_scores(kind, reduction, *measured, share=0.5)
    assert scores.dtype == torch.float64 and scores.shape == (5, 7)
    np.testing.assert_allclose(scores.sum(-1), expected, rtol=1e-14)
    for row, length in enumerate(lengths):
        assert scores[row].nonzero().flatten().tolist() == ([length - 1] if length else []), row

    settings = RewardSettings(reward=kind, reduction=reduction, rent_share=0.5)
    drawn = SimpleNamespace(scores=(measured[1], measured[0], mask))  # as the trainers' Samples has them
    np.testing.assert_allclose(reward_function(settings)(drawn), expected, rtol=1e-14)


def test_a_row_of_padding_scores_nothing():
    """veRL leaves a group of one member, as padding is, its raw score."""
    scores = token_scores("token-entropy", "sum", torch.full((2, 1), 9.0), torch.zeros(2, 1), torch.zeros(2, 1))
    assert scores.tolist() == [[0.0], [0.0]]


def test_a_reward_that_tokens_do_not_determine_is_refused():
    with pytest.raises(ValueError, match="those they do: token-entropy, sequence-logprob, rent"):
        token_scores("majority", "mean", *torch.zeros(3, 1, 1))
