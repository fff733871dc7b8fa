"""Sums and Adam's steps over distinct values and their counts, float64 throughout (see `entmin.core.em_inf`)."""

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
