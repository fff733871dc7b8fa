"""The EM-FT loss: mean token entropy of the model's own completions, differentiated directly (paper section 3.1).

    H_t = log Z - sum_j p_j s_j          dH_t / dz_j = -p_j (log p_j + H_t)

There is no score-function term: the samples are constants. Only the input is kept for the backward pass, and both
passes go through the rows a few at a time, so one copy of the logits and one of their gradient is all the memory taken.
(The trainer does not even hold the logits: see `entmin.train.trainers`.)
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from entmin.core.entropy import FLOOR, compute_dtype, entropy, rows_at_once

Reduction = Literal["mean", "sum"]


def token_entropy_loss(
    values: Tensor, mask: Tensor, *, reduction: Reduction = "mean", count: Tensor | float | None = None
) -> Tensor:
    """Entropy of the masked-in tokens, to be minimised.

    Args:
        values: ``[B, T, V]`` logits, or ``[B, T]`` entropies in nats that carry their own gradient. Logits belong to
            the position that predicts the token.
        mask: ``[B, T]``; nonzero for completion tokens, zero for prompt and padding.
        reduction: ``mean`` divides by the number of tokens; ``sum`` sums over tokens and divides by the number of
            sequences, as in the paper's equation 2.
        count: what to divide by, when this is one part of a larger batch: the whole batch's tokens (``mean``) or
            sequences (``sum``). Parts then add up to exactly the whole.

    Returns:
        A scalar, nats per token (``mean``) or per sequence (``sum``); 0 where nothing is masked in.

    Raises:
        ValueError: shapes do not fit, or an unknown reduction.
    """
    if reduction not in ("mean", "sum"):
        raise ValueError(f"reduction must be 'mean' or 'sum', not {reduction!r}")
    if values.shape[: mask.dim()] != mask.shape or values.dim() - mask.dim() not in (0, 1):
        raise ValueError(f"values {tuple(values.shape)} do not fit the mask {tuple(mask.shape)}")
    entropies = differentiable_entropy(values) if values.dim() > mask.dim() else values
    # Not a product with the mask: padding may hold NaN, and NaN * 0 is NaN.
    total = torch.where(mask.bool(), entropies, torch.zeros_like(entropies)).sum()
    if count is None:
        count = mask.bool().sum() if reduction == "mean" else torch.tensor(mask.shape[0])
    return total / torch.as_tensor(count, device=total.device).clamp(min=1)


def differentiable_entropy(logits: Tensor) -> Tensor:
    """`entmin.core.entropy` with a gradient.

    Args:
        logits: ``[..., V]``; ``-inf`` masks an entry, which then gets no gradient.

    Returns:
        ``[...]`` entropies in nats, float32 (float64 for float64 input).
    """
    found: Tensor = _Entropy.apply(logits)  # type: ignore[no-untyped-call]
    return found


class _Entropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor) -> Tensor:
        found = entropy(logits)
        ctx.save_for_backward(logits, found)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        logits, found = ctx.saved_tensors
        rows = logits.reshape(-1, logits.shape[-1])
        pieces = (torch.split(part, rows_at_once(rows)) for part in (rows, found.reshape(-1), upstream.reshape(-1)))
        parts = zip(*pieces, strict=True)
        gradient = torch.cat([_gradient(z, h, u).to(logits.dtype) for z, h, u in parts]) if len(rows) else rows
        return gradient.reshape(logits.shape)


def _gradient(rows: Tensor, entropies: Tensor, upstream: Tensor) -> Tensor:
    logs = rows.to(compute_dtype(rows)).log_softmax(-1).clamp(min=FLOOR)
    return -upstream[:, None] * logs.exp() * (logs + entropies[:, None])
