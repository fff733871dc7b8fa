"""How far a row of logits is from uniform: a second measure of certainty beside entropy.

    KL(uniform || p) = log sum_j exp(z_j) - mean_j z_j - log V     self-certainty (Kang et al. 2025, arXiv 2502.18581)

Masked entries (-inf) are left out of the mean and of V. A row with NaN or +inf gives NaN.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from entmin.core.entropy import compute_dtype, entropy_and_logprob_torch, rows_at_once, sum_dtype
from entmin.core.impl import AUTO, function


class Certainty(NamedTuple):
    """What rows of logits say of one token of each, and of themselves; numbers in the dtype of `entropy`, nats."""

    logprob: Tensor
    """``[N]``, log-probability of the token."""
    self_certainty: Tensor
    """``[N]``, see `self_certainty`."""
    likeliest: Tensor
    """``[N, k]`` int64, likeliest first."""
    values: Tensor
    """``[N, k]``, their logits."""


def certainty(logits: Tensor, ids: Tensor, k: int = 0, *, impl: str = AUTO) -> Certainty:
    """All of `Certainty`, on a CPU from one pass over the logits.

    Args:
        logits: ``[N, V]``, any floating dtype; ``-inf`` masks an entry.
        ids: ``[N]`` int64, each in 0 to V - 1.
        k: how many of the likeliest tokens, at most V.
        impl: which implementation (see `entmin.core.impl`).

    Raises:
        TypeError: the dtype is not floating, or that of `ids` is not int64.
        ValueError: the shapes do not fit, or there are no k tokens.
        UsageError: the implementation asked for is unknown or cannot do it here.
    """
    compute_dtype(logits)
    if ids.dtype != torch.int64:
        raise TypeError(f"ids must be int64, not {ids.dtype}")
    if logits.dim() != 2 or ids.shape != logits.shape[:1] or not 0 <= k <= logits.shape[1]:
        shapes = f"{tuple(logits.shape)}, {tuple(ids.shape)} and {k}"
        raise ValueError(f"logits must be [N, V], ids [N] and k of 0 to V, not {shapes}")
    found: Certainty = function(logits, "certainty", impl)(logits, ids, k)
    return found


def certainty_torch(logits: Tensor, ids: Tensor, k: int) -> Certainty:
    """`certainty` in plain tensor operations."""
    top = logits.topk(k, dim=-1)
    logprob = entropy_and_logprob_torch(logits, ids)[1]
    pieces = torch.split(logits, rows_at_once(logits))
    sure = torch.cat([_self_certainty(piece.to(compute_dtype(piece))) for piece in pieces])
    return Certainty(logprob, sure, top.indices, top.values.to(compute_dtype(logits)))


def self_certainty(logits: Tensor, *, impl: str = AUTO) -> Tensor:
    """KL divergence of each row's distribution from the uniform one, KL(uniform || p).

    Args:
        logits: ``[B, V]``, any floating dtype; ``-inf`` masks an entry.
        impl: as of `certainty`.

    Returns:
        ``[B]``, nats, at least 0; large when the row is sure.
    """
    any_token = torch.zeros(len(logits), dtype=torch.int64, device=logits.device)
    return certainty(logits, any_token, impl=impl).self_certainty


def _self_certainty(wide: Tensor) -> Tensor:
    open_ = wide != -torch.inf
    count = open_.sum(-1).to(sum_dtype(wide))
    total = torch.where(open_, wide, torch.zeros_like(wide)).sum(-1, dtype=sum_dtype(wide))
    return (wide.logsumexp(-1) - total / count - count.log()).to(wide.dtype)
