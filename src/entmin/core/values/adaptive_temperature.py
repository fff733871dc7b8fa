"""Adaptive temperature row by row on a CPU: safeguarded Newton steps, or the published bisection where asked for.

With b = 1 / tau and s = b (x - max x), dH/db = -Var(s) / b. Newton's method runs on log H as a function of b, which is
close to a straight line where few tokens matter (H falls like exp(-b gap)); a step that leaves the bracket becomes the
bracket's geometric middle, or its end while that has not been tried.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from entmin.core.values import counting, sweeps
from entmin.core.values.compiling import elementwise, reducing
from entmin.core.values.exponential import exp32, exp64
from entmin.core.values.rows import WORKSPACE, Workspace, bits_of, for_each_share, is_counted


def solve_temperature(
    logits: Tensor,
    *,
    tmax: float,
    tmin: float,
    max_iter: int,
    tol: float,
    target_ratio: float,
    threshold: float,
    absolute_tol: bool,
) -> Tensor:
    """`entmin.core.solve_temperature` for float32 and half-precision ``[B, V]`` logits on a CPU."""
    bits, shift = bits_of(logits.float() if logits.dtype == torch.float16 else logits)
    search = np.array([tmax, tmin, tol, target_ratio, threshold, absolute_tol, max_iter], np.float64)
    tau = np.ones(bits.number)
    counted = is_counted(bits)

    def work(first: int, last: int) -> None:
        for i in range(first, last):
            row = bits.memory[i * bits.stride : i * bits.stride + bits.length]
            tau[i] = _solve(WORKSPACE, row, shift, counted, search)

    for_each_share(bits, work)
    return torch.from_numpy(tau)


def _solve(w: Workspace, bits: Any, shift: int, counted: bool, search: Any) -> float:
    """The temperature of one row, over its distinct values, or over head and tail where it has too many."""
    state = w.state_of(bits.shape[0])
    if counted and counting.tally(bits, shift, w.tallies):
        n = counting.collect(w.tallies, w.codes, w.values, w.counts)
        values, counts, state = w.values[: max(n, 0)], w.counts, state[:0]
        top = float(values.max()) if n > 0 else math.nan
    else:
        top = sweeps.load(bits, shift, state)
        n = 0 if math.isnan(top) else sweeps.split(state, top, w.scratch, w.sums, w.where, w.values)
        values, counts = w.values[:n], w.ones
    return math.nan if math.isnan(top) else float(_search(values, counts, top, state, w.scratch, search))


@elementwise
def _search(values: Any, counts: Any, top: float, state: Any, scratch: Any, search: Any) -> float:
    tmax, tmin, tol, ratio, threshold, absolute, budget = search
    h, variance = _moments(values, counts, top, state, scratch, 1.0)
    if not h > threshold or budget < 1:
        return 1.0
    target = max(h * ratio, threshold)
    accepted = tol if absolute else tol * target
    low, high, tau = tmin, tmax, 1.0
    tried_low, tried_high = False, False
    for _ in range(int(budget)):
        if absolute:
            tau = (low + high) / 2
        else:
            tau = _newton(tau, h, variance, target)
            if not tau > low:
                tau, tried_low = (math.sqrt(low * high), True) if tried_low else (low, True)
            elif not tau < high:
                tau, tried_high = (math.sqrt(low * high), True) if tried_high else (high, True)
        h, variance = _moments(values, counts, top, state, scratch, 1 / tau)
        if abs(h - target) < accepted or (tau <= tmin and h > target) or (tau >= tmax and h < target):
            break
        if h < target:
            low, tried_low = tau, True
        else:
            high, tried_high = tau, True
        if high - low <= 1e-15 * high:
            break
    return tau


@elementwise
def _newton(tau: float, h: float, variance: float, target: float) -> float:
    """A Newton step for log H as a function of 1 / tau; NaN where H is flat or nothing."""
    if not (variance > 0 and h > 0):
        return np.nan
    factor = 1 + math.log(h / target) * h / variance
    return tau / factor if factor > 0 else np.inf


@elementwise
def _moments(values: Any, counts: Any, top: float, state: Any, scratch: Any, scale: float) -> tuple[float, float]:
    """H, and the variance of s = (x - top) * scale, under softmax(x * scale)."""
    sums = np.zeros(3)
    _add_values(values, counts, top, scale, sums)
    for b in range(state.shape[0] // sweeps.STATE):
        _scaled(state[b * sweeps.STATE : b * sweeps.STATE + sweeps.BLOCK], np.float32(top), scale, scratch)
        _add_block(scratch, sums)
    mean = sums[1] / sums[0]
    return math.log(sums[0]) - mean, sums[2] / sums[0] - mean * mean


@reducing
def _add_values(values: Any, counts: Any, top: float, scale: float, sums: Any) -> None:
    total, first, second = 0.0, 0.0, 0.0
    for i in range(values.shape[0]):
        s = max((values[i] - top) * scale, -700.0)
        weight = counts[i] * exp64(s)
        total += weight
        first += weight * s
        second += weight * s * s
    sums[0] += total
    sums[1] += first
    sums[2] += second


@elementwise
def _scaled(block: Any, top: np.float32, scale: float, scratch: Any) -> None:
    high = np.float32(scale)
    low = np.float32(scale - high)  # one rounding for all entries would not average out
    for i in range(sweeps.BLOCK):
        difference = max(block[i] - top, np.float32(-1e4))  # masked entries: -inf * 0 would be NaN
        s = max(difference * high + difference * low, np.float32(-87.0))
        scratch[i] = exp32(s)
        scratch[sweeps.BLOCK + i] = s


@reducing
def _add_block(scratch: Any, sums: Any) -> None:
    total, first, second = np.float32(0), np.float32(0), np.float32(0)
    for i in range(sweeps.BLOCK):
        product = scratch[i] * scratch[sweeps.BLOCK + i]
        total += scratch[i]
        first += product
        second += product * scratch[sweeps.BLOCK + i]
    sums[0] += total
    sums[1] += first
    sums[2] += second
