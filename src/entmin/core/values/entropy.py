"""Entropy of float32 and half-precision rows on a CPU: one sweep for the maximum, one for the sums."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from entmin.core.values import sweeps
from entmin.core.values.compiling import elementwise
from entmin.core.values.rows import WORKSPACE, bits_of, for_each_share


def entropy(logits: Tensor) -> Tensor:
    """Entropies ``[N]`` of ``[N, V]`` logits, float32."""
    bits, shift = bits_of(logits.float() if logits.dtype == torch.float16 else logits)
    found = np.zeros(bits.count, np.float32)

    def work(first: int, last: int) -> None:
        state, scratch = WORKSPACE.tail_of(bits.length), WORKSPACE.scratch
        for i in range(first, last):
            row = bits.memory[i * bits.stride : i * bits.stride + bits.length]
            found[i] = _entropy(row, shift, state, scratch)

    for_each_share(bits, work)
    return torch.from_numpy(found)


@elementwise
def _entropy(bits: Any, shift: int, state: Any, scratch: Any) -> float:
    sums = np.zeros(2)
    top = sweeps.load(bits, shift, state)
    if top != top:
        return np.nan
    sweeps.take_sums(state, state.shape[0] // sweeps.STATE, np.float32(top), scratch, sums)
    return math.log(sums[0]) - sums[1] / sums[0]
