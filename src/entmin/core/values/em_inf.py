"""EM-INF row by row: over distinct values where a row holds bfloat16 numbers, in sweeps where it does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from entmin.core.values import counting, distinct, sweeps
from entmin.core.values.compiling import elementwise
from entmin.core.values.rows import WORKSPACE, bits_of, for_each_share, rows_of

_COUNTED_MIN_VOCABULARY = 4096


def em_inf(
    logits: Tensor,
    *,
    threshold: float,
    kl_weight: float,
    learning_rate: float,
    n_grad_steps: int,
    out: Tensor | None = None,
    entropies: Tensor | None = None,
) -> Tensor:
    """`entmin.core.em_inf` for float32 and half-precision logits on a CPU.

    Args:
        logits: ``[B, V]``.
        threshold: see `entmin.core.em_inf`, as the other settings.
        kl_weight: see there.
        learning_rate: see there.
        n_grad_steps: see there.
        out: ``[B, V]`` float32 to write to, `logits` itself allowed; rows contiguous.
        entropies: ``[2, B]`` float64, receives the entropies before and after.
    """
    rows = logits.float() if logits.dtype == torch.float16 else logits
    result = torch.empty(logits.shape, dtype=torch.float32) if out is None else out
    bits, shift = bits_of(rows)
    target = rows_of(result)
    settings = np.array([threshold, kl_weight, learning_rate])
    found = np.zeros((bits.count, 2))
    counted = shift == 0 or bits.length >= _COUNTED_MIN_VOCABULARY

    def work(first: int, last: int) -> None:
        w = WORKSPACE
        tail = w.tail_of(bits.length)
        for i in range(first, last):
            row = bits.memory[i * bits.stride : i * bits.stride + bits.length]
            goal = target.memory[i * target.stride : i * target.stride + bits.length]
            if not counted or not _by_value(
                row, shift, w.tallies, w.codes, w.values, w.counts, w.work, w.table,
                settings, n_grad_steps, found[i], entropies is not None, goal,
            ):  # fmt: skip
                _by_sweeps(
                    row, shift, tail, w.scratch, w.where, w.values, w.ones, w.work,
                    settings, n_grad_steps, found[i], entropies is not None, goal,
                )  # fmt: skip

    for_each_share(bits, work)
    if entropies is not None:
        entropies.copy_(torch.from_numpy(found.T))
    return result


@elementwise
def _by_value(
    bits: Any, shift: int, tallies: Any, codes: Any, values: Any, counts: Any, work: Any, table: Any,
    settings: Any, steps: int, found: Any, want_after: bool, out: Any,
) -> bool:  # fmt: skip
    """Adjust a row over its distinct values; False, with nothing done, where they are not bfloat16 numbers."""
    if not counting.tally(bits, shift, tallies):
        return False
    n = counting.collect(tallies, codes, values, counts)
    if n < 0:
        out[:] = np.nan
        found[:] = np.nan
        return True
    x = values[:n]
    if distinct.adam(x, counts[:n], work[:, :n], settings, steps, found, want_after) or shift == 0:
        counting.scatter(bits, shift, codes, x, table, out)
    else:
        _copy(bits, out)
    return True


@elementwise
def _by_sweeps(
    bits: Any, shift: int, state: Any, scratch: Any, where: Any, values: Any, ones: Any, work: Any,
    settings: Any, steps: int, found: Any, want_after: bool, out: Any,
) -> None:  # fmt: skip
    """Adjust a row without counting."""
    sums, scalars = np.zeros(2), np.zeros(8, np.float32)
    top, n = sweeps.prepare(bits, shift, state, scratch, sums, where, values)
    if top != top:
        out[:] = np.nan
        found[:] = np.nan
        return
    x = values[:n]
    if sweeps.adam(state, scratch, sums, top, x, ones[:n], work[:, :n], settings, steps, found, want_after, scalars):
        sweeps.store(state, where, x, out)
    else:
        _copy(bits, out)


@elementwise
def _copy(bits: Any, out: Any) -> None:
    """Write a row of float32 bits out as they are."""
    for i in range(bits.shape[0]):
        out[i] = np.uint32(bits[i]).view(np.float32)
