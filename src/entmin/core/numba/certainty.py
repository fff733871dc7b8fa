"""Log-probability of a token, self-certainty and the likeliest tokens of rows on a CPU, from one copy of each row."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numba import carray
from torch import Tensor

from entmin.core.certainty import Certainty
from entmin.core.numba import sweeps
from entmin.core.numba.compiling import elementwise, part, reducing
from entmin.core.numba.rows import bits_of
from entmin.core.numba.shares import ADDED, memory_of, next_share, settings_of, share_out, workspace
from entmin.core.numba.sweeps import BLOCK, STATE

_FEW = 64
"""Up to so many of the likeliest tokens are found by insertion."""
_ZERO, _LOWEST = np.float32(0.0), np.float32(-np.inf)


def certainty(logits: Tensor, ids: Tensor, k: int) -> Certainty:
    """`entmin.core.certainty` of ``[N, V]`` float32 or half-precision logits; NaN for broken rows, their tokens too."""
    few = k if k <= _FEW else 0
    bits, shift = bits_of(logits.float() if logits.dtype == torch.float16 else logits)
    taken = logits.gather(-1, ids[:, None]).squeeze(-1).double()
    found = np.zeros((bits.number, 2))
    tokens, values = np.zeros((bits.number, few), np.int64), np.zeros((bits.number, few), np.float32)
    added = [array.ctypes.data for array in (found, tokens, values)]
    share_out(_rows_32 if shift else _rows_16, bits, [few], added)
    normalizers, sure = torch.from_numpy(found).unbind(-1)
    top = (torch.from_numpy(values), torch.from_numpy(tokens)) if few == k else logits.float().topk(k, dim=-1)
    return Certainty((taken - normalizers).float(), sure.float(), top[1], top[0])


@reducing
def _add_open(block: Any, sums: Any) -> None:
    """Add the sum of entries that are not masked, and how many those are."""
    total, count = _ZERO, 0
    for i in range(BLOCK):
        is_open = block[i] > _LOWEST
        total += block[i] if is_open else _ZERO
        count += is_open
    sums[0] += total
    sums[1] += count


@reducing
def _top(block: Any) -> np.float32:
    top = _LOWEST
    for i in range(BLOCK):
        top = max(top, block[i])
    return top


@elementwise
def _insert(value: np.float32, token: int, values: Any, tokens: Any) -> None:
    """Put a token where it belongs among those before the last place, which is free; after its equals."""
    place = values.shape[0] - 1
    while place > 0 and values[place - 1] < value:
        values[place], tokens[place] = values[place - 1], tokens[place - 1]
        place -= 1
    values[place], tokens[place] = value, token


@elementwise
def _take_likeliest(state: Any, blocks: int, values: Any, tokens: Any) -> None:
    """The likeliest tokens, likeliest first, of equals the earlier."""
    k = values.shape[0]
    for i in range(k):
        _insert(state[i], i, values[: i + 1], tokens[: i + 1])
    for b in range(blocks):
        block = state[b * STATE : b * STATE + BLOCK]
        if not _top(block) > values[k - 1]:
            continue
        for i in range(k if b == 0 else 0, BLOCK):
            if block[i] > values[k - 1]:
                _insert(block[i], b * BLOCK + i, values, tokens)


@part
def _rows(table: Any, kind: Any) -> None:
    bits, w, k = memory_of(table, kind), workspace(table), settings_of(table)[0]
    found = carray(table[ADDED], (bits.number, 2), np.float64)
    tokens = carray(table[ADDED + 1], (bits.number, k), np.int64)
    values = carray(table[ADDED + 2], (bits.number, k), np.float32)
    blocks = w.state.shape[0] // STATE
    first, last = next_share(table)
    while first < last:
        for i in range(first, last):
            shift = 16 if kind.itemsize == 4 else 0
            top = sweeps.load(bits.numbers[i * bits.stride : i * bits.stride + bits.length], shift, w.state)
            if math.isnan(top):
                found[i, :], tokens[i, :], values[i, :] = math.nan, 0, math.nan
                continue
            sweeps.take_sums(w.state, blocks, np.float32(top), w.scratch, w.sums)
            found[i, 0] = top + math.log(w.sums[0])
            w.sums[0], w.sums[1] = 0.0, 0.0
            for b in range(blocks):
                _add_open(w.state[b * STATE : b * STATE + BLOCK], w.sums)
            found[i, 1] = found[i, 0] - w.sums[0] / w.sums[1] - math.log(w.sums[1])
            if k > 0:
                _take_likeliest(w.state, blocks, values[i], tokens[i])
        first, last = next_share(table)


def _rows_32(table: Any) -> None:
    _rows(table, np.zeros(0, np.uint32))


def _rows_16(table: Any) -> None:
    _rows(table, np.zeros(0, np.uint16))
