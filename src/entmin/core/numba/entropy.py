"""Entropy and log-normalizer of float32 and half-precision rows on a CPU: a sweep for the maximum, one for the sums."""

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
    return _measured(logits)[0]


def entropy_and_logprob(logits: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Entropies of ``[N, V]`` logits and log-probabilities of one token ``ids[i]`` of each, ``[N]`` float32."""
    found, normalizers = _measured(logits)
    return found, (logits.gather(-1, ids[:, None]).squeeze(-1).double() - normalizers).float()


def _measured(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Entropies, float32, and the logs of the sums of exp(logit), float64; NaN for broken rows."""
    bits, shift = bits_of(logits.float() if logits.dtype == torch.float16 else logits)
    found, normalizers = np.zeros(bits.number, np.float32), np.zeros(bits.number)
    share_out(_sums_32 if shift else _sums_16, bits, [], [found.ctypes.data, normalizers.ctypes.data])
    return torch.from_numpy(found), torch.from_numpy(normalizers)


@part
def _sums(table: Any, kind: Any, shift: int) -> None:
    bits, w = memory_of(table, kind), workspace(table)
    found = carray(table[ADDED], bits.number, np.float32)
    normalizers = carray(table[ADDED + 1], bits.number, np.float64)
    blocks = w.state.shape[0] // sweeps.STATE
    first, last = next_share(table)
    while first < last:
        for i in range(first, last):
            top = sweeps.load(bits.numbers[i * bits.stride : i * bits.stride + bits.length], shift, w.state)
            sweeps.take_sums(w.state, blocks, np.float32(top), w.scratch, w.sums)
            if math.isnan(top):
                found[i], normalizers[i] = math.nan, math.nan
                continue
            log_total = math.log(w.sums[0])
            found[i], normalizers[i] = log_total - w.sums[1] / w.sums[0], top + log_total
        first, last = next_share(table)


def _sums_32(table: Any) -> None:
    _sums(table, np.zeros(0, np.uint32), 16)


def _sums_16(table: Any) -> None:
    _sums(table, np.zeros(0, np.uint16), 0)
