"""Entropy and EM-INF over distinct values and their counts, float64 throughout (see `entmin.core.em_inf`)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from entmin.core.numba.compiling import elementwise, reducing
from entmin.core.numba.exponential import exp64

ARRAYS = 4
_BETA1, _BETA2, _EPS = 0.9, 0.999, 1e-8
_LOWEST = -700.0


@reducing
def moments(values: Any, counts: Any, top: float, scale: float, weights: Any) -> tuple[float, float]:
    """Sums of c exp(s) and of c s exp(s), s = (value - top) * scale; weights receive exp(s)."""
    total, expected = 0.0, 0.0
    for i in range(values.shape[0]):
        s = max((values[i] - top) * scale, _LOWEST)
        weight = exp64(s)
        weights[i] = weight
        total += counts[i] * weight
        expected += counts[i] * weight * s
    return total, expected


@reducing
def largest(values: Any) -> float:
    """The largest value; -inf of none."""
    top = -np.inf
    for i in range(values.shape[0]):
        top = max(top, values[i])
    return top


@elementwise
def first_update(x: Any, work: Any, top: float, log_total: float, h: float, rate: float) -> None:
    """Adam's first step: p = p0, so KL pulls nowhere, and fresh moments make it rate * g / (|g| + eps).

    `work` is ``[ARRAYS, >= n]``: the weights exp(x - top), and room for m, v and p0.
    """
    n = x.shape[0]
    weights, m, v, p0 = work[0][:n], work[1][:n], work[2][:n], work[3][:n]
    inverse, offset = math.exp(-log_total), h - log_total
    for i in range(n):
        p = weights[i] * inverse
        gradient = -p * (max(x[i] - top, _LOWEST) + offset)
        p0[i] = p
        m[i] = (1 - _BETA1) * gradient
        v[i] = (1 - _BETA2) * gradient * gradient
        x[i] -= rate * gradient / (abs(gradient) + _EPS)


@elementwise
def update(x: Any, work: Any, top: float, log_total: float, h: float, pull: float, rate: float, step: int) -> None:
    """Adam's later steps, from the weights, m, v and p0 in `work`."""
    n = x.shape[0]
    weights, m, v, p0 = work[0][:n], work[1][:n], work[2][:n], work[3][:n]
    inverse, offset = math.exp(-log_total), h - log_total
    unbias, unbias_square = rate / (1 - _BETA1**step), 1 / (1 - _BETA2**step)
    for i in range(n):
        p = weights[i] * inverse
        gradient = pull * (p - p0[i]) - p * (max(x[i] - top, _LOWEST) + offset)
        m[i] += (1 - _BETA1) * (gradient - m[i])
        v[i] = _BETA2 * v[i] + (1 - _BETA2) * gradient * gradient
        x[i] -= unbias * m[i] / (np.sqrt(v[i] * unbias_square) + _EPS)


@elementwise
def adam(values: Any, counts: Any, n: int, work: Any, settings: Any, steps: int, found: Any, want_after: bool) -> int:
    """Run EM-INF on the first n distinct values in place; returns the number of updates.

    Args:
        values: ``[>= n]``.
        counts: ``[>= n]`` how many tokens hold each.
        n: how many there are.
        work: ``[ARRAYS, >= n]`` float64.
        settings: threshold, kl_weight, learning_rate.
        steps: at most this many updates.
        found: receives the entropy before and the entropy after, this one only if wanted or if met on the way.
        want_after: take the entropy after the last update too.
    """
    x, counts, step = values[:n], counts[:n], 0
    while step < steps or want_after:
        top = largest(x)
        total, expected = moments(x, counts, top, 1.0, work[0][: x.shape[0]])
        h = max(math.log(total) - expected / total, 0.0)  # rounding must not take it under a threshold of 0
        found[1] = h
        if step == 0:
            found[0] = h
        if step == steps or h < settings[0]:
            return step
        if step == 0:
            first_update(x, work, top, math.log(total), h, settings[2])
        else:
            update(x, work, top, math.log(total), h, settings[1], settings[2], step + 1)
        step += 1
    return step
