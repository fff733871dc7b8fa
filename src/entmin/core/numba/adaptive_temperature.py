"""Adaptive temperature row by row on a CPU: the search of `entmin.core.newton`, or the published bisection.

`entmin.core.newton` explains the derivation, the model of two levels and the safeguards, and defines `Statistics`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numba import carray
from torch import Tensor

from entmin.core.newton import FARTHEST, MODEL_STEPS, NEARLY_ALL
from entmin.core.numba import counting, distinct, sweeps
from entmin.core.numba.compiling import elementwise, part, reducing
from entmin.core.numba.exponential import exp32, exp64
from entmin.core.numba.rows import bits_of, is_counted
from entmin.core.numba.shares import ADDED, memory_of, next_share, settings_of, share_out, workspace


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
    share_out(_solve_32 if shift else _solve_16, bits, [is_counted(bits)], [search.ctypes.data, tau.ctypes.data])
    return torch.from_numpy(tau)


@part
def _solve(table: Any, kind: Any, shift: int) -> None:
    """The temperature of each row, over its distinct values, or over head and tail where it has too many."""
    bits, w, counted = memory_of(table, kind), workspace(table), settings_of(table)[0] != 0
    search, tau = carray(table[ADDED], 7, np.float64), carray(table[ADDED + 1], bits.number, np.float64)
    first, last = next_share(table)
    while first < last:
        for i in range(first, last):
            row = bits.numbers[i * bits.stride : i * bits.stride + bits.length]
            state = w.state
            if counted and counting.tally(row, shift, w.tallies):
                n = counting.collect(w.tallies, w.codes, w.values, w.counts)
                values, counts, state = w.values[: max(n, 0)], w.counts, state[:0]
                top = distinct.largest(values) if n > 0 else math.nan
            else:
                top = sweeps.load(row, shift, state)
                n = 0 if math.isnan(top) else sweeps.split(state, top, w.scratch, w.sums, w.where, w.values)
                values, counts = w.values[:n], w.ones
            tau[i] = math.nan if math.isnan(top) else _search(values, counts, top, state, w.scratch, search)
        first, last = next_share(table)


def _solve_32(table: Any) -> None:
    _solve(table, np.zeros(0, np.uint32), 16)


def _solve_16(table: Any) -> None:
    _solve(table, np.zeros(0, np.uint16), 0)


@elementwise
def _search(values: Any, counts: Any, top: float, state: Any, scratch: Any, search: Any) -> float:
    tmax, tmin, tol, ratio, threshold, absolute, budget = search
    here = np.zeros(5)  # b, log H - log target, H, variance, third central moment
    _moments(values, counts, top, state, scratch, 1.0, here)
    if not here[2] > threshold or budget < 1:
        return 1.0
    target = max(here[2] * ratio, threshold)
    if not absolute:
        return _newton(values, counts, top, state, scratch, search, target, here)
    low, high, tau = tmin, tmax, 1.0
    for _ in range(int(budget)):
        tau = (low + high) / 2
        _moments(values, counts, top, state, scratch, 1 / tau, here)
        if abs(here[2] - target) < tol:
            break
        low, high = (tau, high) if here[2] < target else (low, tau)
    return tau


@elementwise
def _newton(
    values: Any, counts: Any, top: float, state: Any, scratch: Any, search: Any, target: float, here: Any
) -> float:
    """`entmin.core.newton.solve` for one row, from the moments at 1 in `here`."""
    tmax, tmin, tol, budget = search[0], search[1], search[2], int(search[6])
    first, last = 1 / tmax, 1 / tmin
    low, high = np.array([0.0, np.inf, 0.0, 0.0, 0.0]), np.array([np.inf, -np.inf, 0.0, 0.0, 0.0])
    distance, poor = np.inf, 0
    for left in range(budget, -1, -1):
        b, h = here[0], here[2]
        here[1] = math.log(max(h, 1e-300) / target)
        if here[1] > 0:
            low[:] = here
        else:
            high[:] = here
        poor = poor + 1 if abs(here[1]) > distance / 2 else 0
        distance = min(distance, abs(here[1]))
        onwards = _next(low, high, target, poor >= 2, first, last)
        poor = 0 if poor >= 2 else poor
        met = first <= b <= last and abs(h - target) <= tol * target
        beyond = (b == last and here[1] > 0) or (b == first and here[1] < 0)
        if met or beyond or onwards == b or left == 0:
            break
        _moments(values, counts, top, state, scratch, onwards, here)
    # The ends come back as they were given, not as 1 / (1 / tmin).
    return float(tmin if here[0] == last else tmax if here[0] == first else 1 / here[0])


@elementwise
def _next(low: Any, high: Any, target: float, halve: bool, first: float, last: float) -> float:
    a, c = max(low[0], first), min(high[0], last)
    middle = math.sqrt(a * c)
    if halve:
        return middle
    nearer = low[1] < -high[1]
    one = _root(low if nearer else high, target)
    if high[0] > last and one >= c:
        return last
    if low[0] < first and one <= a:
        return first
    if a < one < c:
        return one
    other = _root(high if nearer else low, target)
    return other if a < other < c else middle


@elementwise
def _root(point: Any, target: float) -> float:
    b, gap, h, variance, cube = point
    if not variance > 0:
        return np.inf
    skewness = cube / variance**1.5
    odds, distance = -2 * math.asinh(skewness / 2), math.sqrt(variance * (4 + skewness * skewness))
    above = target - h + _levels_entropy(odds, distance)
    if above > 0 and distance < np.inf:
        t = odds
        for _ in range(MODEL_STEPS):
            d = distance + t - odds
            model = _levels_entropy(t, d)
            lower = 1 / (1 + math.exp(min(t, 700.0)))
            t += math.log(model / above) * model / (d * lower * (1 - lower))
            t = max(min(t, FARTHEST), odds - distance)
        if not math.isnan(t):
            return float(b * (1 + (t - odds) / distance))
    if skewness < NEARLY_ALL:
        return np.inf
    slope = -variance / h
    bend = -(variance + cube) / h - slope * slope
    discriminant = slope * slope - 2 * gap * bend
    step = -2 * gap / (slope - math.sqrt(discriminant)) if discriminant > 0 else -gap / slope
    return float(b * (1 + step))


@elementwise
def _levels_entropy(t: float, d: float) -> float:
    return max(-t, 0.0) + math.log1p(math.exp(-abs(t))) + d / (1 + math.exp(min(t, 700.0)))


@elementwise
def _moments(values: Any, counts: Any, top: float, state: Any, scratch: Any, scale: float, found: Any) -> None:
    """To found: scale; H, variance and third central moment of s = (x - top) * scale under softmax(x * scale)."""
    sums = np.zeros(4)
    _add_values(values, counts, top, scale, sums)
    for b in range(state.shape[0] // sweeps.STATE):
        _scaled(state[b * sweeps.STATE : b * sweeps.STATE + sweeps.BLOCK], np.float32(top), scale, scratch)
        _add_block(scratch, sums)
    mean, square, cube = sums[1] / sums[0], sums[2] / sums[0], sums[3] / sums[0]
    found[0], found[2], found[3] = scale, math.log(sums[0]) - mean, square - mean * mean
    found[4] = cube - 3 * mean * square + 2 * mean * mean * mean


@reducing
def _add_values(values: Any, counts: Any, top: float, scale: float, sums: Any) -> None:
    total, first, second, third = 0.0, 0.0, 0.0, 0.0
    for i in range(values.shape[0]):
        s = max((values[i] - top) * scale, -700.0)
        weight = counts[i] * exp64(s)
        total += weight
        first += weight * s
        second += weight * s * s
        third += weight * s * s * s
    sums[0] += total
    sums[1] += first
    sums[2] += second
    sums[3] += third


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
    total, first, second, third = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for i in range(sweeps.BLOCK):
        s = scratch[sweeps.BLOCK + i]
        product = scratch[i] * s
        total += scratch[i]
        first += product
        second += product * s
        third += product * s * s
    sums[0] += total
    sums[1] += first
    sums[2] += second
    sums[3] += third
