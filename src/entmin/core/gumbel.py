"""A token drawn by Gumbel-max, with noise that depends on a key and the token alone.

    token = argmax_i ( z_i + g_i ),   g_i = -log E_i,   E_i = -log(1 - v_i),   v_i = (hash(key, i) + 1/2) / 2^31

The v_i are uniform, so E_i is exponential, g_i is Gumbel, and the token has the distribution softmax(z). Two
distributions drawn from with one key choose alike wherever they can: with p and q the same token comes out with
probability sum_i 1 / sum_j max(p_j / p_i, q_j / q_i), which is at least (1 - d) / (1 + d), d their total variation
(Daliri, Musco and Suresh 2025, arXiv 2408.07978). Inverting two cumulative distributions at one number does much worse,
because a little more mass on an early token moves all later ones.

With 31 bits, a token below about 2^-31 is never drawn; all such tokens of a row together have less than V 2^-31.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from entmin.core.entropy import compute_dtype, rows_at_once
from entmin.core.impl import AUTO, function

FIRST, SECOND = 0x7FEB352D, 0x846CA68B
"""Multipliers of a 32-bit mixing function with shifts by 16, 15 and 16 (C. Wellons, hash-prospector, "lowbias32")."""
_BELOW_ONE = 1 - 2**-24


def gumbel_argmax(scores: Tensor, keys: Tensor, *, impl: str = AUTO) -> Tensor:
    """Draw one token from the softmax of each row.

    Args:
        scores: ``[N, V]``, any floating dtype; ``-inf`` masks an entry.
        keys: ``[N, 2]`` int64 on the CPU, each from 0 to 2^32 - 1.
        impl: which implementation (see `entmin.core.impl`).

    Returns:
        ``[N]`` int64. A row's token depends on its scores and its keys alone. A row with NaN or +inf, or masked
        throughout, gives any token.

    Raises:
        UsageError: the implementation asked for is unknown or cannot do it here.
    """
    found: Tensor = function(scores, "gumbel_argmax", impl)(scores, keys)
    return found


def gumbel_argmax_torch(scores: Tensor, keys: Tensor) -> Tensor:
    """`gumbel_argmax` in plain tensor operations."""
    size = rows_at_once(scores)
    noise = _signed(keys).to(scores.device)
    pieces = zip(torch.split(scores, size), torch.split(noise, size), strict=True)
    return torch.cat(
        [(piece.to(compute_dtype(piece)) - _log_exponentials(piece.shape[1], key)).argmax(-1) for piece, key in pieces]
    )


def _log_exponentials(length: int, keys: Tensor) -> Tensor:
    """The logarithm of every token's E, ``[N, V]`` float32."""
    x = hashed_ids(length, keys.device) ^ keys[:, :1]
    x = _mixed(x, FIRST, 15).add_(keys[:, 1:]).mul_(_wrapped(SECOND))
    x ^= _right(x, 16)
    v = x.bitwise_and_(0x7FFFFFFF).float().add_(0.5).mul_(2.0**-31).clamp_(max=_BELOW_ONE)
    return v.neg_().log1p_().neg_().log_()


@functools.lru_cache(maxsize=4)
def hashed_ids(length: int, device: torch.device) -> Tensor:
    """A hash of each token's id, ``[V]`` int32; the keys are mixed into it."""
    x = _mixed(torch.arange(1, length + 1, dtype=torch.int32, device=device), FIRST, 15).mul_(_wrapped(SECOND))
    return x ^ _right(x, 16)


def _mixed(x: Tensor, multiplier: int, shift: int) -> Tensor:
    x = (x ^ _right(x, 16)).mul_(_wrapped(multiplier))
    return x.bitwise_xor_(_right(x, shift))


def _right(x: Tensor, bits: int) -> Tensor:
    """A logical shift of int32, whose own is arithmetic."""
    return (x >> bits).bitwise_and_((1 << (32 - bits)) - 1)


def _wrapped(number: int) -> int:
    return number - (1 << 32) if number >= 1 << 31 else number


def _signed(keys: Tensor) -> Tensor:
    """The same 32 bits as int32."""
    return torch.where(keys >= 1 << 31, keys - (1 << 32), keys).to(torch.int32)
