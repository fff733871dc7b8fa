"""Entropy of a row of logits.

    H = log Z - sum_i p_i s_i,   s = z - max z,   Z = sum_i exp(s_i),   p = exp(s) / Z      (nats)

Masked entries (-inf) contribute nothing. NaN, +inf or a row that is masked throughout give NaN: never a number that
looks like an entropy.
"""

from __future__ import annotations

import torch
from torch import Tensor

from entmin.core.impl import AUTO, function

FLOOR = -1.0e4
"""Shifted logits are held above this: exp(FLOOR) is 0 in every dtype, and 0 * FLOOR is 0 where 0 * -inf is NaN."""

_CACHE_ELEMENTS, _DEVICE_ELEMENTS = (1 << 16) - 1, 1 << 23


def compute_dtype(logits: Tensor) -> torch.dtype:
    """The dtype statistics are taken in: float64 stays, everything shorter becomes float32.

    Raises:
        TypeError: the dtype is not floating.
    """
    if not logits.is_floating_point():
        raise TypeError(f"logits must be floating, not {logits.dtype}")
    return torch.float64 if logits.dtype == torch.float64 else torch.float32


def sum_dtype(tensor: Tensor) -> torch.dtype:
    """The dtype sums accumulate in: float64, except on devices that have none (Apple's MPS)."""
    return torch.float32 if tensor.device.type == "mps" else torch.float64


def entropy(logits: Tensor, *, impl: str = AUTO) -> Tensor:
    """Shannon entropy of ``softmax(logits)`` along the last dimension.

    Args:
        logits: ``[..., V]``, any floating dtype; ``-inf`` masks an entry.
        impl: which implementation (see `entmin.core.impl`).

    Returns:
        ``[...]`` entropies in nats, float32 (float64 for float64 input); NaN where a row holds NaN or +inf or is masked
        throughout.

    Raises:
        TypeError: the dtype is not floating.
        UsageError: the implementation asked for is unknown or cannot do it here.
    """
    compute_dtype(logits)
    rows = logits.reshape(-1, logits.shape[-1])
    found: Tensor = function(logits, "entropy", impl)(rows)
    return found.reshape(logits.shape[:-1])


def entropy_torch(rows: Tensor) -> Tensor:
    """`entropy` of ``[N, V]`` rows in plain tensor operations."""
    found = [_sums(piece)[2] for piece in torch.split(rows, rows_at_once(rows))]
    return torch.cat(found).to(compute_dtype(rows))


def entropy_and_logprob(logits: Tensor, ids: Tensor, *, impl: str = AUTO) -> tuple[Tensor, Tensor]:
    """Entropy of each row, and the log-probability of one token of it, from one pass over the logits.

    Args:
        logits: ``[N, V]``, any floating dtype; ``-inf`` masks an entry.
        ids: ``[N]`` int64, each in 0 to V - 1.
        impl: which implementation (see `entmin.core.impl`).

    Returns:
        Entropies and log-probabilities, ``[N]`` each, in nats, in the dtype of `entropy`; both NaN for broken rows. On
        a GPU an id out of range gives NaN as its log-probability, since raising would wait for the device.

    Raises:
        TypeError: the dtype is not floating, or that of `ids` is not int64.
        ValueError: the shapes do not fit.
        UsageError: the implementation asked for is unknown or cannot do it here.
    """
    compute_dtype(logits)
    if ids.dtype != torch.int64:
        raise TypeError(f"ids must be int64, not {ids.dtype}")
    if logits.dim() != 2 or ids.shape != logits.shape[:1]:
        raise ValueError(f"logits must be [N, V] and ids [N], not {tuple(logits.shape)} and {tuple(ids.shape)}")
    found: tuple[Tensor, Tensor] = function(logits, "entropy_and_logprob", impl)(logits, ids)
    return found


def entropy_and_logprob_torch(rows: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    """`entropy_and_logprob` in plain tensor operations."""
    wide, dtype, size = sum_dtype(rows), compute_dtype(rows), rows_at_once(rows)
    found: list[Tensor] = []
    logprobs: list[Tensor] = []
    for piece, chosen in zip(torch.split(rows, size), torch.split(ids, size), strict=True):
        top, log_total, h = _sums(piece)
        logit = piece.gather(-1, chosen[:, None]).squeeze(-1)
        found.append(h)
        logprobs.append(logit.to(wide) - top.to(wide) - log_total)
    return torch.cat(found).to(dtype), torch.cat(logprobs).to(dtype)


def rows_at_once(rows: Tensor) -> int:
    """How many rows of ``[N, V]`` to work on at a time: 64 thousand elements on a CPU, eight million elsewhere.

    On a CPU, temporaries of that size stay in a core's cache and come from the heap; those of a whole batch are mapped
    afresh and page-faulted by every operation, which costs several times the arithmetic. Elsewhere this bounds memory.
    """
    return max(1, (_CACHE_ELEMENTS if rows.device.type == "cpu" else _DEVICE_ELEMENTS) // max(1, rows.shape[1]))


def _sums(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Largest logit, log of the sum of exp(logit - largest), entropy: ``[N]`` each."""
    dtype = compute_dtype(rows)
    top = rows.to(dtype).amax(-1, keepdim=True)
    shifted = (rows.to(dtype) - top).clamp(min=FLOOR)
    weights = shifted.exp()
    wide = sum_dtype(rows)
    total = weights.sum(-1, dtype=wide)
    expected = (weights * shifted).sum(-1, dtype=wide)
    return top.squeeze(-1), total.log(), total.log() - expected / total
