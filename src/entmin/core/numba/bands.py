"""The tail of a row in bands of logits: an interval for the moves of each, (4) of `entmin.core.numba.certificate`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from entmin.core.numba.compiling import elementwise

EPS, SLACK, TAIL_SLACK = 1e-8, 1e-12, 1e-4
TOTAL, EXPECTED, FROM, TO, LOW, HIGH, SHIFT, REACH, FALLS = range(9)
"""Columns of a ``[K, COLUMNS]`` tail: sums of exp(s) and s exp(s), s = x - max; the ends of s; the ends of the moves;
the shift that stands for them and how far it may be off; whether all gradients so far were proven positive."""
COLUMNS = 9

_BETA1, _BETA2 = 0.9, 0.999


@elementwise
def adam_weights(t: int, w: Any, o: Any) -> float:
    """The weights of gradients 1..t in Adam's two means, bias correction included; returns c_t."""
    squares = 0.0
    for s in range(t):
        w[s] = (1 - _BETA1) * _BETA1 ** (t - 1 - s) / (1 - _BETA1**t)
        o[s] = (1 - _BETA2) * _BETA2 ** (t - 1 - s) / (1 - _BETA2**t)
        squares += w[s] * w[s] / o[s]
    return math.sqrt(squares) * (1 + 1e-12)


@elementwise
def follow_tail(
    tail: Any, ratios: Any, row: Any, first: Any, pull: float, rate: float, t: int, w: Any, o: Any, c: float
) -> None:
    """Step t of the tail: widen the interval of each band's moves by (4), or by c_t both ways where that fails."""
    shrunk = row[0] - first[0]
    unsure = row[2] + first[2]
    for k in range(tail.shape[0]):
        band, low, high = tail[k], ratios[0, k], ratios[1, k]
        least = -(band[TO] - first[0] + first[1] + first[2] + first[3] + TAIL_SLACK)  # of -(log p + H) at the start
        most = -(band[FROM] - first[0] + first[1] - first[2] - first[3] - TAIL_SLACK)
        y_low, y_high = band[LOW] - shrunk - unsure, band[HIGH] - shrunk + unsure  # of log p'_t / p'_1
        cooled, doubt = row[1] - first[1], row[3] + first[3]
        pulls = pull * (1 - math.exp(-y_low)), pull * (1 - math.exp(-y_high))
        more_low = -y_high - cooled - doubt + min(pulls[0], pulls[1])
        more_high = -y_low - cooled + doubt + max(pulls[0], pulls[1])
        falls = band[FALLS] > 0 and least > 0 and 1 + more_low / least > 0
        band[FALLS] = 1.0 if falls else 0.0
        u_low, u_high = -c, c
        if falls:
            low[t - 1], high[t - 1] = 1.0, 1.0
            if t > 1:
                low[t - 1] = math.exp(y_low) * (1 + more_low / (least if more_low < 0 else most))
                high[t - 1] = math.exp(y_high) * (1 + more_high / (most if more_high < 0 else least))
            smallest = math.exp(band[FROM] - first[0] - first[2] - TAIL_SLACK) * least
            m_low, m_high, v_low, v_high = 0.0, 0.0, 0.0, 0.0
            for s in range(t):
                m_low, m_high = m_low + w[s] * low[s], m_high + w[s] * high[s]
                v_low, v_high = v_low + o[s] * low[s] ** 2, v_high + o[s] * high[s] ** 2
            u_low = m_low / (math.sqrt(v_high) + EPS / smallest) * (1 - SLACK) if smallest > 0 else 0.0
            u_high = min(c, m_high / math.sqrt(v_low) * (1 + SLACK))
        band[LOW] -= rate * u_high
        band[HIGH] -= rate * u_low
    for k in range(tail.shape[0]):
        tail[k, SHIFT] = (tail[k, LOW] + tail[k, HIGH]) / 2
        tail[k, REACH] = (tail[k, HIGH] - tail[k, LOW]) / 2 + TAIL_SLACK


@elementwise
def settle(tail: Any) -> float:
    """Give all bands one shift, that of the band for which mass times reach comes out least; returns it."""
    best, chosen = np.inf, 0.0
    for i in range(tail.shape[0]):
        total, shift = 0.0, tail[i, SHIFT]
        for k in range(tail.shape[0]):
            total += tail[k, TOTAL] * math.exp(tail[k, SHIFT]) * max(shift - tail[k, LOW], tail[k, HIGH] - shift)
        if total < best:
            best, chosen = total, shift
    for k in range(tail.shape[0]):
        tail[k, REACH] = max(chosen - tail[k, LOW], tail[k, HIGH] - chosen) + TAIL_SLACK
        tail[k, SHIFT] = chosen
    return chosen
