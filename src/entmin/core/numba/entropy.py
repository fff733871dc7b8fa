"""Entropy of float32 and half-precision rows on a CPU: one sweep for the maximum, one for the sums."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from entmin.core.numba import sweeps
from entmin.core.numba.rows import WORKSPACE, bits_of, for_each_share


def entropy(logits: Tensor) -> Tensor:
    """Entropies ``[N]`` of ``[N, V]`` logits, float32."""
    bits, shift = bits_of(logits.float() if logits.dtype == torch.float16 else logits)
    found = np.zeros(bits.number, np.float32)

    def work(first: int, last: int) -> None:
        w = WORKSPACE
        state = w.state_of(bits.length)
        for i in range(first, last):
            row = bits.memory[i * bits.stride : i * bits.stride + bits.length]
            top = sweeps.load(row, shift, state)
            sweeps.take_sums(state, state.shape[0] // sweeps.STATE, np.float32(top), w.scratch, w.sums)
            found[i] = math.nan if math.isnan(top) else math.log(w.sums[0]) - w.sums[1] / w.sums[0]

    for_each_share(bits, work)
    return torch.from_numpy(found)
