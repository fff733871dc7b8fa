"""Intrinsic rewards by name: one function and one `register_reward` line each, plugins included.

A reward looks at a `Drawn` batch of samples, whose costly properties are computed when they are first read, and returns
one number per sample. No label is in it. The formulas are `entmin.core.rewards`. Importing this module needs no torch.
"""

from __future__ import annotations

import random as stdlib_random
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from entmin.train.config import TrainConfig


class Drawn(Protocol):
    """What a reward may look at: B samples, groups of n to a prompt standing together."""

    n: int
    """Samples per prompt."""
    answers: list[str | None]
    """``[B]`` texts, equal within a group where answers are equal; None without an answer."""
    streams: list[int]
    """``[B]`` numbers of the samples' random streams, unique in a run."""

    @property
    def scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """The policy's (log-probabilities, full-vocabulary entropies, mask), each ``[B, T]``, nats."""

    @property
    def mean_logprobs(self) -> tuple[Tensor, int]:
        """``[B, T]`` means of log p over the vocabulary, and its size; costs a forward pass."""

    @property
    def answer_ids(self) -> Tensor:
        """``[B]`` integers, equal where answers are; -1 without an answer."""


Reward = Callable[[Drawn, "TrainConfig"], "Tensor"]


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


def reward_function(config: TrainConfig) -> Callable[[Drawn], Tensor]:
    """The reward that a configuration names, with its options filled in."""
    function = _REWARDS[config.reward].function
    return lambda drawn: function(drawn, config)


def _measured(drawn: Drawn) -> tuple[Tensor, Tensor, Tensor]:
    """(entropies, log-probabilities, mask), the order in which `entmin.core.rewards` takes them."""
    logprobs, entropies, mask = drawn.scores
    return entropies, logprobs, mask


@register_reward("token-entropy", "minus the entropy of every token (EM-RL token)")
def _token_entropy(drawn: Drawn, config: TrainConfig) -> Tensor:
    from entmin.core import rewards

    return rewards.token_entropy(*_measured(drawn), reduction=config.reduction)


@register_reward("sequence-logprob", "log-probability of the answer (EM-RL sequence)")
def _sequence_logprob(drawn: Drawn, config: TrainConfig) -> Tensor:
    from entmin.core import rewards

    return rewards.sequence_logprob(*_measured(drawn), reduction=config.reduction)


@register_reward("self-certainty", "KL from the uniform distribution (Intuitor)")
def _self_certainty(drawn: Drawn, config: TrainConfig) -> Tensor:
    from entmin.core import rewards

    entropies, logprobs, mask = _measured(drawn)
    means, vocabulary = drawn.mean_logprobs
    return rewards.self_certainty(entropies, logprobs, mask, mean_logprobs=means.to(mask.device), vocabulary=vocabulary)


@register_reward("rent", "minus the entropy of the last tokens (RENT)")
def _rent(drawn: Drawn, config: TrainConfig) -> Tensor:
    from entmin.core import rewards

    return rewards.rent(*_measured(drawn), share=config.rent_share)


@register_reward("majority", "share of samples with the same answer (self-consistency)")
def _majority(drawn: Drawn, config: TrainConfig) -> Tensor:
    from entmin.core import rewards

    return rewards.majority(drawn.answer_ids, drawn.n)


@register_reward("random", "uniform numbers, a control")
def _random(drawn: Drawn, config: TrainConfig) -> Tensor:
    import torch

    return torch.tensor([stdlib_random.Random(f"{config.seed}:reward:{s}").random() for s in drawn.streams])


@register_reward("format-only", "1 for an answer that can be extracted, a control")
def _format_only(drawn: Drawn, config: TrainConfig) -> Tensor:
    import torch

    return torch.tensor([float(answer is not None) for answer in drawn.answers])
