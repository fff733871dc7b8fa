"""EM-INF on a row's head alone, where `certificate` proves the result close enough; nothing is written where it cannot.

One read of the row finds the sums of the tail under each of a few cuts. The head is what lies over the highest cut that
leaves a tail of small enough mass, its tail the rest: it keeps its logits, and the head moves against it.
"""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np

from entmin.core.values import certificate, sweeps
from entmin.core.values.compiling import elementwise, reducing
from entmin.core.values.sweeps import BLOCK, HEAD_LARGEST, STATE

_CUTS = (-5.0, -7.0, -9.0, -11.0, -13.0, -15.0)
_GROUP = 64
_TAIL_SHARE = 1 / 3
_HEAD_SHARE, _HEAD_SMALL = 8, 2048


class Room(threading.local):
    """One thread's scratch memory; grows, never shrinks."""

    def __init__(self) -> None:
        self.cuts = np.array(_CUTS, np.float32)
        self.sums = np.zeros((len(_CUTS) + 1, 3))
        self.tail = np.zeros(5)
        self.row = np.zeros(7)
        self.work = np.zeros((certificate.ARRAYS, 0))
        self.history = np.zeros((2, 0, 0))
        self.weights = np.zeros((2, 0))

    def reserve(self, n: int, steps: int) -> None:
        """Room for a head of n tokens and so many steps."""
        if self.work.shape[1] < n:
            self.work = np.zeros((certificate.ARRAYS, n))
        if self.history.shape[1] < steps or self.history.shape[2] < n:
            self.history = np.zeros((2, max(steps, self.history.shape[1]), max(n, self.history.shape[2])))
        if self.weights.shape[1] < steps:
            self.weights = np.zeros((2, steps))


ROOM = Room()


@reducing
def _add_up_under(scratch: Any, cut: np.float32, sums: Any) -> None:
    """Add the weights whose exponents are at or under the cut, their products with these, and their number."""
    zero = np.float32(0.0)
    total, expected, number = zero, zero, zero
    for i in range(BLOCK):
        s = scratch[BLOCK + i]
        weight = scratch[i] if s <= cut else zero
        total += weight
        expected += weight * s
        number += np.float32(1.0) if s <= cut else zero
    sums[0] += total
    sums[1] += expected
    sums[2] += number


@elementwise
def _take_all_sums(state: Any, top: np.float32, cuts: Any, scratch: Any, sums: Any) -> None:
    """Sums over the whole row (first) and under each cut, in one read."""
    sums[:] = 0.0
    for b in range(state.shape[0] // STATE):
        sweeps._exponentials(state[b * STATE : (b + 1) * STATE], top, scratch)
        _add_up_under(scratch, np.float32(np.inf), sums[0])
        for k in range(cuts.shape[0]):
            _add_up_under(scratch, cuts[k], sums[k + 1])


@elementwise
def _take_head(state: Any, top: np.float32, cut: np.float32, where: Any, values: Any) -> int:
    """Collect the entries over the cut, compared as `_add_up_under` does; returns how many there are."""
    n = 0
    for b in range(state.shape[0] // STATE):
        block = state[b * STATE : b * STATE + BLOCK]
        for start in range(0, BLOCK, _GROUP):
            found = 0
            for i in range(_GROUP):
                found += block[start + i] - top > cut
            if found:
                for i in range(start, start + _GROUP):
                    if block[i] - top > cut:
                        where[n], values[n] = b * BLOCK + i, block[i]
                        n += 1
    return n


def choose(sums: Any, length: int, largest_move: float, budget: float) -> int:
    """Which cut to make: the highest with a tail that uses at most its share of the budget; -1 where there is none."""
    room = min(HEAD_LARGEST, max(_HEAD_SMALL, length // _HEAD_SHARE))
    padding = (-length) % BLOCK
    for k in range(sums.shape[0] - 1):
        mass, size = sums[k + 1, 0] / sums[0, 0], length + padding - sums[k + 1, 2]
        if size > room:
            return -1
        if mass * math.expm1(largest_move / 2) <= budget * _TAIL_SHARE:
            return k
    return -1


def adjust(w: Any, state: Any, top: float, settings: Any, steps: int, budget: float, length: int) -> tuple[float, int]:
    """Adjust the head of a row that `sweeps.load` put into `state`, which stays as it is.

    Returns:
        The certified bound, NaN where there is none within the budget; the size n of the head, whose logits, relative
        to an untouched tail, are then in ``w.values[:n]`` and belong to ``w.where[:n]``.
    """
    room, refused = ROOM, (math.nan, 0)
    if not (np.isfinite(settings).all() and settings[2] >= 0):
        return refused
    largest_move = certificate.largest_move(settings[2], steps)
    if largest_move > certificate.LARGEST_MOVE:
        return refused
    _take_all_sums(state, np.float32(top), room.cuts, w.scratch, room.sums)
    k = choose(room.sums, length, largest_move, budget)
    if k < 0:
        return refused
    n = _take_head(state, np.float32(top), room.cuts[k], w.where, w.values)
    room.reserve(n, steps)
    head, (g, d), (first, second) = w.values[:n], room.history, room.weights
    room.tail[:3] = room.sums[k + 1, 0], room.sums[k + 1, 1], room.cuts[k]
    bound = certificate.follow(head, top, room.tail, room.work, g, d, first, second, settings, steps, room.row)
    if not bound <= budget:
        return refused
    updates, shift = room.row[5], room.row[6]
    head -= shift
    return bound, n if updates else 0
