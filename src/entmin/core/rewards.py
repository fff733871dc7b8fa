"""Intrinsic rewards, and the advantages made of rewards. Tensors in, tensors out; no label is used.

Each reward is ``(entropies, logprobs, mask) -> [B]``, one number per completion, from ``[B, T]`` tensors of the
policy's own forward pass: full-vocabulary entropies and log-probabilities of the sampled tokens, both in nats at the
sampling temperature. Paper equations 3 and 4 sum over tokens; the published code takes the mean. Both are here.

    token_entropy     -H summed or averaged over tokens            (EM-RL token, equation 4)
    sequence_logprob  log p(y|x), summed or averaged               (EM-RL sequence, equation 3)
    rent              -H averaged over the last tokens             (RENT, arXiv 2505.22660)
    self_certainty    KL(uniform || p) averaged over tokens        (Intuitor, arXiv 2505.19590)
    majority          share of samples with the same answer        (self-consistency reward; TTRL votes 0/1)
    random            uniform numbers, a control
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

Reduction = Literal["mean", "sum"]


def _reduce(values: Tensor, mask: Tensor, reduction: Reduction) -> Tensor:
    if reduction not in ("mean", "sum"):
        raise ValueError(f"reduction must be 'mean' or 'sum', not {reduction!r}")
    if values.shape != mask.shape or mask.dim() != 2:
        raise ValueError(f"values {tuple(values.shape)} and mask {tuple(mask.shape)} must both be [B, T]")
    inside = mask.bool()
    total = torch.where(inside, values, torch.zeros_like(values)).sum(-1)  # padding may hold NaN
    return total / inside.sum(-1).clamp(min=1) if reduction == "mean" else total


def token_entropy(entropies: Tensor, logprobs: Tensor, mask: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """Minus the entropy of a completion's tokens (equation 4).

    Args:
        entropies: ``[B, T]`` full-vocabulary entropies, nats.
        logprobs: ``[B, T]``; not used.
        mask: ``[B, T]``, nonzero for completion tokens.
        reduction: ``mean`` (published code) or ``sum`` (equation: also rewards brevity).

    Returns:
        ``[B]``; 0 for a completion without tokens.
    """
    return -_reduce(entropies, mask, reduction)


def sequence_logprob(entropies: Tensor, logprobs: Tensor, mask: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """Log-probability of a completion (equation 3); arguments as in `token_entropy`."""
    return _reduce(logprobs, mask, reduction)


def rent(entropies: Tensor, logprobs: Tensor, mask: Tensor, *, share: float = 0.2) -> Tensor:
    """Minus the mean entropy of the last ``ceil(share x length)`` tokens of each completion, ``[B]``.

    Raises:
        ValueError: share is not in (0, 1].
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be in (0, 1], not {share}")
    last = _last(mask, (mask.bool().sum(-1, keepdim=True) * share).ceil())
    return -_reduce(entropies, last, "mean")


def _last(mask: Tensor, count: Tensor | int) -> Tensor:
    """``[B, T]``, true for the last so many tokens of each completion."""
    inside = mask.bool()
    to_go = inside.flip(-1).cumsum(-1).flip(-1)  # tokens from here to the end, this one included
    return inside & (to_go <= count)


OF_TOKENS = ("token-entropy", "sequence-logprob", "rent")
"""Rewards that entropies and log-probabilities of a completion's tokens determine."""


def token_scores(
    kind: str, reduction: Reduction, entropies: Tensor, logprobs: Tensor, mask: Tensor, *, share: float = 0.2
) -> Tensor:
    """A reward in the form of training libraries that want one number for each token.

    Args:
        kind: one of `OF_TOKENS`.
        reduction: as in `token_entropy`; ``rent`` is always a mean.
        entropies: ``[B, T]`` full-vocabulary entropies, nats.
        logprobs: ``[B, T]`` log-probabilities of the sampled tokens, nats.
        mask: ``[B, T]``, nonzero for completion tokens.
        share: of a completion's tokens, at its end, that ``rent`` looks at.

    Returns:
        ``[B, T]``: a completion's reward at its last token, 0 elsewhere. A row without tokens, such as padding, is 0.

    Raises:
        ValueError: the kind is none of them.
    """
    if kind not in OF_TOKENS:
        raise ValueError(f"tokens do not determine the reward {kind!r}; those they do: {', '.join(OF_TOKENS)}")
    if kind == "rent":
        found = rent(entropies, logprobs, mask, share=share)
    else:
        of_all = token_entropy if kind == "token-entropy" else sequence_logprob
        found = of_all(entropies, logprobs, mask, reduction=reduction)
    return torch.where(_last(mask, 1), found[:, None], torch.zeros_like(found)[:, None])


def self_certainty(
    entropies: Tensor, logprobs: Tensor, mask: Tensor, *, mean_logprobs: Tensor, vocabulary: int
) -> Tensor:
    """KL(uniform || p), averaged over tokens: ``-log V - mean_j log p_j`` each.

    Args:
        entropies: not used.
        logprobs: not used.
        mask: ``[B, T]``, nonzero for completion tokens.
        mean_logprobs: ``[B, T]``, the mean over the whole vocabulary of log p_j; neither the entropy nor the sampled
            token's log-probability determines it, so it has to be given.
        vocabulary: V.

    Returns:
        ``[B]``, nats, not negative.
    """
    return _reduce(-mean_logprobs - math.log(vocabulary), mask, "mean")


def random(entropies: Tensor, logprobs: Tensor, mask: Tensor, *, generator: torch.Generator) -> Tensor:
    """Uniform numbers in [0, 1), ``[B]``: the control that a reward must beat."""
    return torch.rand(mask.shape[0], generator=generator).to(mask.device)


def majority(answers: Tensor, n: int) -> Tensor:
    """The share of a prompt's samples that give the same answer, the sample itself included.

    Args:
        answers: ``[B]`` integers; equal numbers mean equal answers, a negative one no answer. Samples of one prompt
            stand together, `n` at a time.
        n: samples per prompt.

    Returns:
        ``[B]`` float32 in [1/n, 1]; a sample without an answer agrees with itself alone.

    Raises:
        ValueError: B is not a multiple of n.
    """
    groups = _groups(answers, n)
    same = (groups[:, :, None] == groups[:, None, :]) & (groups >= 0)[:, :, None]
    return (same.sum(-1).clamp(min=1) / n).reshape(-1)


def rloo_advantages(rewards: Tensor, n: int) -> Tensor:
    """Each reward minus the mean of its prompt's other rewards, ``[B]``.

    Raises:
        ValueError: B is not a multiple of n, or n is below 2.
    """
    groups = _groups(rewards, n, least=2)
    return (groups - (groups.sum(-1, keepdim=True) - groups) / (n - 1)).reshape(-1)


def grpo_advantages(rewards: Tensor, n: int, *, eps: float = 1e-4) -> Tensor:
    """Each reward minus its prompt's mean, over the unbiased standard deviation plus `eps`, ``[B]``.

    Raises:
        ValueError: B is not a multiple of n, or n is below 2.
    """
    groups = _groups(rewards, n, least=2)
    return ((groups - groups.mean(-1, keepdim=True)) / (groups.std(-1, keepdim=True) + eps)).reshape(-1)


def _groups(values: Tensor, n: int, least: int = 1) -> Tensor:
    if n < least or values.dim() != 1 or values.shape[0] % n:
        raise ValueError(f"{tuple(values.shape)} does not hold groups of {n} (at least {least})")
    return values.reshape(-1, n)
