r"""EM-INF on a row's head, with a proven bound on how far that is from EM-INF on the whole row.

The *exact path* is Adam on all logits in real arithmetic; primes mark its quantities. The *cut path* runs the same
updates on the head only and moves each band of the tail by one shift s_t per step. What is kept, for every step t:

    |x'_i - x_i| <= a_i  (head, one bound a token),   |x'_j - (x_j + s_t)| <= a_T  (tail)                          (1)

**Steps.** Adam's update is u = m / (sqrt(v) + eps) with m = sum_s w_s g_s, v = sum_s o_s g_s^2, the weights of each
summing to one after the bias correction. By Cauchy-Schwarz |u| <= c_t = sqrt(sum_s w_s^2 / o_s) (1, 1.0008, 1.003...).

**Tail.** A tail token's move lies in [-D_t, D_t], D_t = lr sum_s c_s. Far less is needed where the gradient keeps its
sign. With K'_j = -(log p'_j + H') + kl (1 - p0_j / p'_j), g'_j = p'_j K'_j, so the ratio of its gradients at steps s
and 1 is e^y (1 + dK / K'_1), where y = log(p'_s / p'_1) = move - log(Z'_s / Z'_1) and dK = -y - (H'_s - H'_1) +
kl (1 - e^-y). Over a band of logits each factor lies in an interval, hence the ratio rho_s; while all are positive

    sum_s w_s min rho_s / (sqrt(sum_s o_s max rho_s^2) + eps / min g'_1) <= u                                      (4)
    u <= min(c_t, sum_s w_s max rho_s / sqrt(sum_s o_s min rho_s^2))

and the interval of a band's moves widens by lr times that, by lr c_t both ways where signs are not proven. The tail is
cut into a few bands; s_t is the middle of a band's interval, a_T half its width plus `TAIL_SLACK`. At the end all
bands are given one shift, so that the tail can keep its logits and the head move against it.

**Row.** Let b = log sum_k p_k exp(a_k), each band as one term. Then |log Z' - log Z| <= b (the other side follows from
Jensen), and |log p'_k - log p_k| <= q_k = a_k + b, on the whole segment between the two points as well. As
dH/dx_k = -p_k (log p_k + H), the largest |H' - H| on the segment, h, obeys

    h <= sum_k a_k p_k e^q_k (|log p_k + H| + q_k + h),   so   h <= A / (1 - S) once S = sum_k a_k p_k e^q_k < 1.  (2)

**Gradients.** g = -p (log p + H) + kl (p - p0) gives

    |g' - g| <= d = p [(e^q - 1) (|log p + H| + |kl|) + e^q (q + h)] + |kl| p0 (e^b0 - 1).                         (3)

**Updates.** With r = sqrt(v) and sqrt(v') = r + sum_s o_s g_s (g'_s - g_s) / r + Q, where 0 <= Q <= sum_s o_s d_s^2 /
2r (convexity of the norm; sqrt(1 + y) <= 1 + y/2), and m = u (r + eps),

    |u' - u| <= [sum_s |w_s - u o_s g_s / r| d_s + |u| sum_s o_s d_s^2 / 2r] / (max(r - sqrt(sum_s o_s d_s^2), 0) + eps)

and never more than |u| + c_t. That is what a_i grows by, times lr. Where gradients keep their sign the terms of the
first sum nearly vanish: most of a token's step does not depend on how large its gradient is. A token near p = e^-H,
whose sign is in doubt, gets |u| + c_t and weighs in b and h accordingly.

**Stopping.** Where |H - threshold| <= h the exact path may stop or go on, and nothing is certified.

**Result.** Total variation <= 1/2 sum_k p_k (e^q_k - 1), rounding of the head to float32 included in a_i.

Rounding: the head is in float64, where `SLACK` in b and h is far more than it can lose; the tail's two sums are taken
in float32, 1024 terms at a time, and are good to 7e-5 (1024 roundings of 6e-8, and an exponential to 3 units in the
last place of an argument over -87), for which `TAIL_SLACK` stands, twice where both sums meet.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from entmin.core.numba.bands import (
    EPS,
    EXPECTED,
    FALLS,
    HIGH,
    LOW,
    REACH,
    SHIFT,
    SLACK,
    TAIL_SLACK,
    TO,
    TOTAL,
    adam_weights,
    follow_tail,
    settle,
)  # fmt: skip
from entmin.core.numba.compiling import elementwise, reducing
from entmin.core.numba.exponential import exp64

ARRAYS = 9
LARGEST_MOVE = 5.0
"""Logits that could move further (in all steps) are not followed: no bound worth having is left."""
NONE = np.inf
"""The bound of a row that is not certified."""

_ROUNDING = 6e-8
_TINY = 1e-290
_WEIGHTS, _EXPA, _A, _P0, _M, _V, _DD, _U, _B = range(ARRAYS)


@elementwise
def largest_move(rate: float, steps: int) -> float:
    """D after so many steps: how far a logit can move at most."""
    w, o, total = np.zeros(steps), np.zeros(steps), 0.0
    for t in range(1, steps + 1):
        total += rate * adam_weights(t, w, o)
    return total


@reducing
def _row_sums(x: Any, top: float, work: Any, found: Any) -> None:
    """The head's weights exp(x - top), their sum, expected s and growth sum w (e^a - 1)."""
    n = x.shape[0]
    weights, expa, a = work[_WEIGHTS][:n], work[_EXPA][:n], work[_A][:n]
    total, expected, growth = 0.0, 0.0, 0.0
    for i in range(n):
        s = max(x[i] - top, -700.0)
        weight, more = exp64(s), exp64(a[i])
        weights[i], expa[i] = weight, more
        total += weight
        expected += weight * s
        growth += weight * (more - 1)
    found[0], found[1], found[2] = total, expected, growth


@reducing
def _entropy_terms(x: Any, top: float, offset: float, b: float, inverse: float, work: Any, found: Any) -> None:
    """The head's part of A, of S and of sum p (e^q - 1) in (2)."""
    n = x.shape[0]
    weights, expa, a = work[_WEIGHTS][:n], work[_EXPA][:n], work[_A][:n]
    expb = math.exp(b)
    spread, slope, change = 0.0, 0.0, 0.0
    for i in range(n):
        p, grown = weights[i] * inverse, expa[i] * expb
        distance = abs(max(x[i] - top, -700.0) + offset)
        slope += p * grown * a[i]
        spread += p * grown * a[i] * (distance + a[i] + b)
        change += p * (grown - 1)
    found[0], found[1], found[2] = spread, slope, change


@elementwise
def _gradients(x: Any, top: float, row: Any, b0: float, pull: float, first: bool, work: Any, g: Any, d: Any) -> None:
    """One step's gradients on the cut path, and (3)."""
    n = x.shape[0]
    weights, expa, a, p0 = work[_WEIGHTS][:n], work[_EXPA][:n], work[_A][:n], work[_P0][:n]
    log_total, h, b, dh = row[0], row[1], row[2], row[3]
    inverse, offset, expb, lost0 = math.exp(-log_total), h - log_total, math.exp(b), abs(pull) * (math.exp(b0) - 1)
    kl, size = (0.0, 0.0) if first else (pull, abs(pull))
    for i in range(n):
        p = weights[i] * inverse
        p0[i] = p if first else p0[i]
        distance, grown = max(x[i] - top, -700.0) + offset, expa[i] * expb
        g[i] = kl * (p - p0[i]) - p * distance
        d[i] = p * ((grown - 1) * (abs(distance) + size) + grown * (a[i] + b + dh)) + (0.0 if first else lost0 * p0[i])


@elementwise
def _update(x: Any, rate: float, t: int, w: Any, o: Any, c: float, work: Any, g: Any, d: Any) -> None:
    """Adam's step t on the head, and what its bounds a_i grow by."""
    n = x.shape[0]
    a, m, v, dd, u, first = work[_A][:n], work[_M][:n], work[_V][:n], work[_DD][:n], work[_U][:n], work[_B][:n]
    m[:], v[:], dd[:], first[:] = 0.0, 0.0, 0.0, 0.0
    for s in range(t):
        gs, ds, ws, os = g[s][:n], d[s][:n], w[s], o[s]
        for i in range(n):
            m[i] += ws * gs[i]
            v[i] += os * gs[i] * gs[i]
            dd[i] += os * ds[i] * ds[i]
    for i in range(n):
        v[i] = np.sqrt(v[i])
        u[i] = m[i] / (v[i] + EPS)
        m[i] = u[i] / (v[i] + _TINY)
    for s in range(t):
        gs, ds, ws, os = g[s][:n], d[s][:n], w[s], o[s]
        for i in range(n):
            first[i] += abs(ws - m[i] * os * gs[i]) * ds[i]
    for i in range(n):
        change = first[i] + abs(u[i]) * dd[i] / (2 * v[i] + _TINY)
        change /= max(v[i] - np.sqrt(dd[i]), 0.0) + EPS
        x[i] -= rate * u[i]
        a[i] += rate * min(change, abs(u[i]) + c)


@elementwise
def _measure(x: Any, top: float, tail: Any, work: Any, row: Any, found: Any) -> float:
    """Fill `row` with log Z, H, b, h; returns sum p (e^q - 1) over head and tail, `NONE` where there are no bounds."""
    _row_sums(x, top, work, found)
    total, expected, growth, beyond = found[0], found[1], found[2], 0.0
    for k in range(tail.shape[0]):
        weight = tail[k, TOTAL] * math.exp(tail[k, SHIFT])
        moment = tail[k, EXPECTED] * math.exp(tail[k, SHIFT]) + tail[k, SHIFT] * weight
        total, expected = total + weight, expected + moment
        beyond += abs(tail[k, EXPECTED]) * math.exp(tail[k, SHIFT])
        growth += weight * (math.exp(tail[k, REACH]) - 1)
    log_total = math.log(total)
    h = max(log_total - expected / total, 0.0)  # as H' >= 0, this only brings it nearer
    b = math.log1p(growth / total) + SLACK
    if not b < LARGEST_MOVE:
        return NONE
    _entropy_terms(x, top, h - log_total, b, 1 / total, work, found)
    spread, slope, change = found[0], found[1], found[2]
    for k in range(tail.shape[0]):
        shift, reach = tail[k, SHIFT], tail[k, REACH]
        mass = tail[k, TOTAL] * math.exp(shift) / total
        moment = tail[k, EXPECTED] * math.exp(shift) / total
        surprise = mass * (log_total - shift) - moment + 2 * TAIL_SLACK * abs(moment)  # sum -p log p
        under = tail[k, TO] + shift - log_total + h < -TAIL_SLACK  # then |log p + H| = -log p - H
        grown = math.exp(reach + b)
        spread += reach * grown * ((surprise - mass * h if under else surprise + mass * h) + mass * (reach + b))
        slope += reach * grown * mass
        change += mass * (grown - 1)
    if not slope < 0.5:
        return NONE
    row[0], row[1], row[2] = log_total, h, b
    row[3] = spread / (1 - slope) + SLACK + 2 * TAIL_SLACK * beyond / total
    return float(change)


@elementwise
def follow(
    x: Any, top: float, tail: Any, work: Any, g: Any, d: Any, ratios: Any, w: Any, o: Any, settings: Any, steps: int,
    done: Any,
) -> float:  # fmt: skip
    """Run EM-INF in place on a row's head.

    Args:
        x: ``[n]`` logits of the head, float64.
        top: the row's largest logit.
        tail: ``[K, TAIL]`` bands of the tail: sum of exp(x - top) and of (x - top) exp(x - top), the ends of the
            interval in which x - top lies, and room.
        work: ``[ARRAYS, >= n]`` float64.
        g: ``[>= steps, >= n]`` float64, room for the gradients.
        d: the same for their bounds.
        ratios: ``[2, >= K, >= steps]`` float64, room for the tail's.
        w: ``[>= steps]`` float64, room for Adam's weights.
        o: the same.
        settings: threshold, kl_weight, learning_rate.
        steps: at most this many updates.
        done: receives the number of updates, and the tail's shift.

    Returns:
        A bound on the total variation distance between the softmax of the head, rounded to float32 after the tail's
        shift was taken off, beside the untouched tail, and the exact path's result; `NONE` where there is none.
    """
    threshold, pull, rate, found, row, first = (
        settings[0],
        settings[1],
        settings[2],
        np.zeros(3),
        np.zeros(4),
        np.zeros(4),
    )
    work[_A][: x.shape[0]] = 0.0
    tail[:, LOW], tail[:, HIGH], tail[:, SHIFT], tail[:, REACH], tail[:, FALLS] = 0.0, 0.0, 0.0, TAIL_SLACK, 1.0
    t = 0
    while True:
        if _measure(x, top, tail, work, row, found) == NONE:
            return NONE
        if t == steps or (threshold > 0 and row[1] + row[3] < threshold):
            break
        if threshold > 0 and row[1] - row[3] < threshold:
            return NONE
        t += 1
        if t == 1:
            first[:] = row
        c = adam_weights(t, w, o)
        follow_tail(tail, ratios, row, first, pull, rate, t, w, o, c)
        _gradients(x, top, row, first[2], pull, t == 1, work, g[t - 1], d[t - 1])
        _update(x, rate, t, w, o, c, work, g, d)
    done[0], done[1] = t, settle(tail)
    if t == 0:
        return 0.0
    change, furthest = _measure(x, top, tail, work, row, found), 0.0
    for i in range(x.shape[0]):
        furthest = max(furthest, abs(x[i] - done[1]))
    return float(((1 + change) * math.exp(2 * _ROUNDING * furthest) - 1) / 2)
