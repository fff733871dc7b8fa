"""Gumbel-max on a CPU: noise for all tokens as integers, logarithms only for the few that can still win.

E = -log(1 - v) is at least v, so a token's score is at most z - log v, and of a float's bits the logarithm is known to
within 0.06 without computing one (in nats). The best score so far rules out most blocks of tokens at once.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numba import carray
from torch import Tensor

from entmin.core.gumbel import FIRST, SECOND, hashed_ids
from entmin.core.numba.compiling import elementwise
from entmin.core.numba.rows import rows_of
from entmin.core.numba.shares import ADDED, memory_of, next_share, share_out, workspace
from entmin.core.numba.workspace import NOISE as BLOCK

_FIRST, _SECOND = np.uint32(FIRST), np.uint32(SECOND)
_S16, _S15, _LOW31 = np.uint32(16), np.uint32(15), np.uint32(0x7FFFFFFF)
_PER_BIT = np.float32(math.log(2) / 2**23)
_BIAS = np.float32((127 + 31) * math.log(2) + 1e-3)  # of the exponent, of 2^31, and for float32's rounding
_HALF = np.float32(0.5)


@elementwise
def _noise(ids: Any, first: np.uint32, second: np.uint32, out: Any) -> None:
    for i in range(ids.shape[0]):
        x = np.uint32(ids[i] ^ first)
        x = np.uint32(np.uint32(x ^ np.uint32(x >> _S16)) * _FIRST)
        x = np.uint32(np.uint32(x ^ np.uint32(x >> _S15)) + second)
        x = np.uint32(x * _SECOND)
        out[i] = np.int32(np.uint32(np.uint32(x ^ np.uint32(x >> _S16)) & _LOW31))


@elementwise
def _score(z: float, noise: int) -> float:
    return z - math.log(-math.log1p(-min((noise + 0.5) / 2.0**31, 1 - 2.0**-24)))


@elementwise
def _bound(z: np.float32, noise: np.int32) -> np.float32:
    """A number that a token's score is not above."""
    bits = np.float32(np.float32(noise) + _HALF).view(np.int32)
    return z + (_BIAS - np.float32(bits) * _PER_BIT)


@elementwise
def _any_above(z: Any, noise: Any, best: np.float32) -> bool:
    found = np.int32(0)
    for i in range(z.shape[0]):
        found |= np.int32(_bound(z[i], noise[i]) > best)
    return bool(found != 0)


@elementwise
def draw(z: Any, ids: Any, first: np.uint32, second: np.uint32, noise: Any) -> int:
    """The token of one row of float32 scores; `ids` are the hashed ones, `noise` has room for a block."""
    best, winner = -math.inf, 0
    for start in range(0, z.shape[0], BLOCK):
        block = z[start : start + BLOCK]
        _noise(ids[start : start + BLOCK], first, second, noise)
        if not _any_above(block, noise, np.float32(best)):
            continue
        for i in range(block.shape[0]):
            if _bound(block[i], noise[i]) > best:
                score = _score(block[i], noise[i])
                if score > best:
                    best, winner = score, start + i
    return winner


def gumbel_argmax(scores: Tensor, keys: Tensor) -> Tensor:
    """Tokens ``[N]`` of ``[N, V]`` scores and ``[N, 2]`` keys."""
    rows = rows_of(scores.float())
    ids = hashed_ids(scores.shape[1], scores.device).numpy().view(np.uint32)
    numbers, found = keys.numpy().astype(np.uint32), np.zeros(len(scores), np.int64)
    share_out(_draw_all, rows, [], [ids.ctypes.data, numbers.ctypes.data, found.ctypes.data])
    return torch.from_numpy(found)


def _draw_all(table: Any) -> None:
    rows, w = memory_of(table, np.zeros(0, np.float32)), workspace(table)
    ids, found = carray(table[ADDED], rows.length, np.uint32), carray(table[ADDED + 2], rows.number, np.int64)
    keys = carray(table[ADDED + 1], (rows.number, 2), np.uint32)
    first, last = next_share(table)
    while first < last:
        for i in range(first, last):
            row = rows.numbers[i * rows.stride : i * rows.stride + rows.length]
            found[i] = draw(row, ids, keys[i, 0], keys[i, 1], w.noise)
        first, last = next_share(table)
