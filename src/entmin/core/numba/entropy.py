"""Entropy of float32 and half-precision rows on a CPU: one sweep for the maximum, one for the sums."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numba import carray
from torch import Tensor

from entmin.core.numba import sweeps
from entmin.core.numba.compiling import part
from entmin.core.numba.rows import bits_of
from entmin.core.numba.shares import ADDED, memory_of, next_share, share_out, workspace


def entropy(logits: Tensor) -> Tensor:
    """Entropies ``[N]`` of ``[N, V]`` logits, float32."""
    bits, shift = bits_of(logits.float() if logits.dtype == torch.float16 else logits)
    found = np.zeros(bits.number, np.float32)
    share_out(_entropies_32 if shift else _entropies_16, bits, [], [found.ctypes.data])
    return torch.from_numpy(found)


@part
def _entropies(table: Any, kind: Any, shift: int) -> None:
    bits, w = memory_of(table, kind), workspace(table)
    found, blocks = carray(table[ADDED], bits.number, np.float32), w.state.shape[0] // sweeps.STATE
    first, last = next_share(table)
    while first < last:
        for i in range(first, last):
            top = sweeps.load(bits.numbers[i * bits.stride : i * bits.stride + bits.length], shift, w.state)
            sweeps.take_sums(w.state, blocks, np.float32(top), w.scratch, w.sums)
            found[i] = math.nan if math.isnan(top) else math.log(w.sums[0]) - w.sums[1] / w.sums[0]
        first, last = next_share(table)


def _entropies_32(table: Any) -> None:
    _entropies(table, np.zeros(0, np.uint32), 16)


def _entropies_16(table: Any) -> None:
    _entropies(table, np.zeros(0, np.uint16), 0)
