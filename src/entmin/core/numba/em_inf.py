"""EM-INF row by row: over distinct values where a row holds bfloat16 numbers, in sweeps where it does not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from entmin.core.numba import counting, distinct, sweeps
from entmin.core.numba.compiling import elementwise
from entmin.core.numba.rows import WORKSPACE, Counting, Rows, Workspace, bits_of, for_each_share, is_counted, rows_of
from entmin.errors import UsageError


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

    The settings and `out` are explained there; `entropies` is ``[2, B]`` and receives those before and after.
    """
    rows = logits.float() if logits.dtype == torch.float16 else logits
    result = torch.empty(logits.shape, dtype=torch.float32) if out is None else out
    if result.shape[1] > 1 and result.stride(1) != 1:
        raise UsageError("out must have neighbouring entries in its rows; pass a contiguous tensor")
    bits, shift = bits_of(rows)
    target = rows_of(result)
    settings = np.array([threshold, kl_weight, learning_rate])
    found = np.zeros((bits.number, 2))
    counted = is_counted(bits)
    moved = shift == 0 or result.data_ptr() != rows.data_ptr() or result.stride(0) != rows.stride(0)
    want_after = entropies is not None

    def work(first: int, last: int) -> None:
        workspace, i = WORKSPACE, first
        while i < last:
            if counted:
                counted_rows = bits, shift, target, moved, i, last, workspace.counting, workspace.scratch
                i = _by_value(*counted_rows, settings, n_grad_steps, found, want_after)
                if i == last:
                    return
            row = bits.memory[i * bits.stride : i * bits.stride + bits.length]
            goal = target.memory[i * target.stride : i * target.stride + bits.length]
            _by_sweeps(workspace, row, shift, goal, settings, n_grad_steps, found[i], want_after)
            i += 1

    for_each_share(bits, work)
    if entropies is not None:
        entropies.copy_(torch.from_numpy(found.T))
    return result


@elementwise
def _by_value(
    rows: Rows,
    shift: int,
    goal: Rows,
    moved: bool,
    first: int,
    last: int,
    w: Counting,
    scratch: Any,
    settings: Any,
    steps: int,
    found: Any,
    want_after: bool,
) -> int:
    """Adjust rows first to last - 1 over their distinct values; stops at one that does not hold bfloat16 numbers.

    Returns the place where it stopped. Rows left alone are copied to `goal` only if `moved`. Settings, steps, found and
    want_after as in `sweeps.adam`. One compiled call for several rows: between calls, threads wait for the
    interpreter lock.
    """
    tail, sums = np.zeros(0, np.float32), np.zeros(2)
    for i in range(first, last):
        bits = rows.memory[i * rows.stride : i * rows.stride + rows.length]
        out = goal.memory[i * goal.stride : i * goal.stride + rows.length]
        if not counting.tally(bits, shift, w.tallies):
            return i
        n = counting.collect(w.tallies, w.codes, w.values, w.counts)
        if n < 0:
            out[:] = np.nan
            found[i] = np.nan
            continue
        top = distinct.largest(w.values[:n])
        head = w.values, n, w.counts, w.work
        if sweeps.adam(tail, scratch, sums, top, *head, settings, steps, found[i], want_after) or moved:
            counting.scatter(bits, shift, w.codes, w.values, n, w.table, out)
    return last


def _by_sweeps(
    w: Workspace, bits: Any, shift: int, out: Any, settings: Any, steps: int, found: Any, want_after: bool
) -> None:
    """Adjust a row without counting."""
    state = w.state_of(bits.shape[0])
    top = sweeps.load(bits, shift, state)
    if math.isnan(top):
        out[:] = found[:] = np.nan
        return
    n = sweeps.split(state, top, w.scratch, w.sums, w.where, w.values)
    head = w.values, n, w.ones, w.work
    if sweeps.adam(state, w.scratch, w.sums, top, *head, settings, steps, found, want_after) or shift == 0:
        sweeps.store(state, w.where, w.values, n, out)
    else:
        _copy(bits, out)


def _copy(bits: Any, out: Any) -> None:
    """Write a row of float32 bits out as they are; nothing to do where `out` is the row."""
    if out.ctypes.data != bits.ctypes.data:
        out.view(np.uint32)[:] = bits
