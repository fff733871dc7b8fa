"""EM-INF row by row: over distinct values where a row holds bfloat16 numbers, in sweeps where it does not."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numba import carray
from torch import Tensor

from entmin.core.numba import counting, distinct, sweeps
from entmin.core.numba.compiling import part
from entmin.core.numba.rows import bits_of, is_counted, rows_of
from entmin.core.numba.shares import ADDED, Memory, memory_of, next_share, settings_of, share_out, workspace
from entmin.core.numba.workspace import Workspace
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
    left, found = np.ones(bits.number, np.uint8), np.zeros((bits.number, 2))
    moved = shift == 0 or target.address != bits.address or target.stride != bits.stride
    whole = [target.stride, n_grad_steps, moved, entropies is not None]
    settings = np.array([threshold, kl_weight, learning_rate])
    added = [target.address, settings.ctypes.data, found.ctypes.data, left.ctypes.data]
    if is_counted(bits):
        share_out(_value_32 if shift else _value_16, bits, whole, added)
    if left.any():
        share_out(_sweep_32 if shift else _sweep_16, bits, whole, added)
    if entropies is not None:
        entropies.copy_(torch.from_numpy(found.T))
    return result


class _Job(NamedTuple):
    goal: Any
    """One-dimensional float32, row i at ``[i * stride : i * stride + V]``."""
    stride: int
    settings: Any
    """Threshold, KL weight, learning rate."""
    steps: int
    moved: bool
    """Rows left alone have to be copied to `goal`."""
    want_after: bool
    found: Any
    """``[N, 2]`` entropies."""
    left: Any
    """``[N]``: rows that were not counted, for `_sweep`."""


@part
def _job(table: Any, bits: Memory) -> _Job:
    stride, steps, moved, want_after = settings_of(table)
    goal = carray(table[ADDED], (bits.number - 1) * stride + bits.length, np.float32)
    settings, found = carray(table[ADDED + 1], 3, np.float64), carray(table[ADDED + 2], (bits.number, 2), np.float64)
    left = carray(table[ADDED + 3], bits.number, np.uint8)
    return _Job(goal, stride, settings, steps, moved != 0, want_after != 0, found, left)


@part
def _values(table: Any, kind: Any, shift: int) -> None:
    """Adjust the rows that hold bfloat16 numbers, over their distinct values."""
    bits, w = memory_of(table, kind), workspace(table)
    job, tail = _job(table, bits), np.zeros(0, np.float32)
    first, last = next_share(table)
    while first < last:
        for i in range(first, last):
            row = bits.numbers[i * bits.stride : i * bits.stride + bits.length]
            out = job.goal[i * job.stride : i * job.stride + bits.length]
            if not counting.tally(row, shift, w.tallies):
                continue
            job.left[i] = 0
            n = counting.collect(w.tallies, w.codes, w.values, w.counts)
            if n < 0:
                out[:] = np.nan
                job.found[i, :] = np.nan
                continue
            top = distinct.largest(w.values[:n])
            w.sums[:] = 0.0
            head = w.values, n, w.counts, w.work
            run = job.settings, job.steps, job.found[i], job.want_after
            if sweeps.adam(tail, w.scratch, w.sums, top, *head, *run) or job.moved:
                counting.scatter(row, shift, w.codes, w.values, n, w.table, out)
        first, last = next_share(table)


@part
def _sweeps(table: Any, kind: Any, shift: int) -> None:
    """Adjust the other rows without counting."""
    bits, w = memory_of(table, kind), workspace(table)
    job = _job(table, bits)
    first, last = next_share(table)
    while first < last:
        for i in range(first, last):
            if job.left[i]:
                row = bits.numbers[i * bits.stride : i * bits.stride + bits.length]
                _sweep(w, row, shift, job.goal[i * job.stride : i * job.stride + bits.length], job, job.found[i])
        first, last = next_share(table)


@part
def _sweep(w: Workspace, bits: Any, shift: int, out: Any, job: _Job, found: Any) -> None:
    top = sweeps.load(bits, shift, w.state)
    if math.isnan(top):
        out[:] = np.nan
        found[:] = np.nan
        return
    n = sweeps.split(w.state, top, w.scratch, w.sums, w.where, w.values)
    head = w.values, n, w.ones, w.work
    run = job.settings, job.steps, found, job.want_after
    changed = sweeps.adam(w.state, w.scratch, w.sums, top, *head, *run)
    if changed or job.moved:
        sweeps.store(w.state, w.where, w.values, n, out)


def _value_32(table: Any) -> None:
    _values(table, np.zeros(0, np.uint32), 16)


def _value_16(table: Any) -> None:
    _values(table, np.zeros(0, np.uint16), 0)


def _sweep_32(table: Any) -> None:
    _sweeps(table, np.zeros(0, np.uint32), 16)


def _sweep_16(table: Any) -> None:
    _sweeps(table, np.zeros(0, np.uint16), 0)
