"""Intrinsic rewards by name: one function and one `register_reward` line each, plugins included.

A reward looks at `entmin.train.trainers.intrinsic.Samples`, whose costly properties are computed when they are first
read, and returns one number per sample. No label is in it. The formulas are `entmin.core.rewards`. Importing this
module needs no torch.
"""

from __future__ import annotations

import random as stdlib_random
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import field_validator

from entmin.errors import UsageError, closest
from entmin.train.fields import NonNegative, Settings, Share

if TYPE_CHECKING:
    from torch import Tensor

    from entmin.train.trainers.intrinsic import Samples


class RewardSettings(Settings):
    """The part of a run's settings that rewards read."""

    reward: str = "token-entropy"
    """Reward of em-rl."""
    reduction: Literal["mean", "sum"] = "mean"
    """Over the tokens of a completion, in the em-ft loss and the em-rl reward (published code: mean; paper: sum)."""
    rent_share: Share = 0.2
    """Share of a completion's tokens, at its end, that the reward `rent` looks at."""
    seed: NonNegative = 0
    """Of data order, samples and initial adapters."""

    @field_validator("reward")
    @classmethod
    def _known_reward(cls, given: str) -> str:
        known = reward_summaries()
        if given not in known:
            raise UsageError(f"unknown reward {given!r}{closest(given, known)}; rewards: {', '.join(known)}")
        return given


Reward = Callable[["Samples", RewardSettings], "Tensor"]


class _Registered(NamedTuple):
    summary: str
    function: Reward


_REWARDS: dict[str, _Registered] = {}


def register_reward(name: str, summary: str) -> Callable[[Reward], Reward]:
    """Make a reward known by its name; a decorator. `summary` is one line for listings and model cards."""

    def register(function: Reward) -> Reward:
        _REWARDS[name] = _Registered(summary, function)
        return function

    return register


def reward_summaries() -> dict[str, str]:
    """Names and summaries of all rewards, plugins included."""
    from entmin.plugins import load_plugins

    load_plugins()
    return {name: found.summary for name, found in _REWARDS.items()}


def reward_function(settings: RewardSettings) -> Callable[[Samples], Tensor]:
    """The reward that a configuration names, with its options filled in."""
    function = _REWARDS[settings.reward].function
    return lambda samples: function(samples, settings)


def _measured(samples: Samples) -> tuple[Tensor, Tensor, Tensor]:
    """(entropies, log-probabilities, mask), the order in which `entmin.core.rewards` takes them."""
    logprobs, entropies, mask = samples.scores
    return entropies, logprobs, mask


@register_reward("token-entropy", "minus the entropy of every token (EM-RL token)")
def _token_entropy(samples: Samples, settings: RewardSettings) -> Tensor:
    from entmin.core import rewards

    return rewards.token_entropy(*_measured(samples), reduction=settings.reduction)


@register_reward("sequence-logprob", "log-probability of the answer (EM-RL sequence)")
def _sequence_logprob(samples: Samples, settings: RewardSettings) -> Tensor:
    from entmin.core import rewards

    return rewards.sequence_logprob(*_measured(samples), reduction=settings.reduction)


@register_reward("self-certainty", "KL from the uniform distribution (Intuitor)")
def _self_certainty(samples: Samples, settings: RewardSettings) -> Tensor:
    from entmin.core import rewards

    entropies, logprobs, mask = _measured(samples)
    means, vocabulary = samples.mean_logprobs
    return rewards.self_certainty(entropies, logprobs, mask, mean_logprobs=means.to(mask.device), vocabulary=vocabulary)


@register_reward("rent", "minus the entropy of the last tokens (RENT)")
def _rent(samples: Samples, settings: RewardSettings) -> Tensor:
    from entmin.core import rewards

    return rewards.rent(*_measured(samples), share=settings.rent_share)


@register_reward("majority", "share of samples with the same answer (self-consistency)")
def _majority(samples: Samples, settings: RewardSettings) -> Tensor:
    from entmin.core import rewards

    return rewards.majority(samples.answer_ids, samples.n)


@register_reward("random", "uniform numbers, a control")
def _random(samples: Samples, settings: RewardSettings) -> Tensor:
    import torch

    return torch.tensor([stdlib_random.Random(f"{settings.seed}:reward:{s}").random() for s in samples.streams])


@register_reward("format-only", "1 for an answer that can be extracted, a control")
def _format_only(samples: Samples, settings: RewardSettings) -> Tensor:
    import torch

    return torch.tensor([float(answer is not None) for answer in samples.answers])


@register_reward("minus-length", "minus the number of tokens, a control for rewards that are sums over tokens")
def _minus_length(samples: Samples, settings: RewardSettings) -> Tensor:
    import torch

    return -torch.tensor(samples.lengths, dtype=torch.float32)
