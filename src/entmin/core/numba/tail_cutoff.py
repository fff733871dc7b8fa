"""EM-INF on a row's head alone, where `certificate` proves the result close enough; nothing is written where it cannot.

One read of the row finds the sums of the tail under each of a few cuts. The head is what lies over the highest cut that
leaves a tail of small enough effect, its tail the rest: it keeps its logits, and the head moves against it.
"""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np

from entmin.core.numba import bands, certificate, sweeps
from entmin.core.numba.compiling import elementwise, reducing
from entmin.core.numba.sweeps import BLOCK, HEAD_LARGEST, STATE

_EDGES = (-4.0, -6.0, -8.0, -11.0, -14.0, -16.0, -18.0, -20.0)
_GROUP = 64
_TAIL_SHARE, _TRIES = 0.8, 2
_HEAD_SHARE, _HEAD_SMALL = 16, 2048


class Room(threading.local):
    """One thread's scratch memory; grows, never shrinks."""

    def __init__(self) -> None:
        count = len(_EDGES)
        self.edges = np.array((*_EDGES, -np.inf), np.float32)
        self.tail = np.zeros((count, bands.COLUMNS))
        self.sums = np.zeros((count + 1, 2))
        self.done = np.zeros(2)
        self.work = np.zeros((certificate.ARRAYS, 0))
        self.history = np.zeros((2, 0, 0))
        self.steps = np.zeros((2 + 2 * count, 0))

    def reserve(self, n: int, steps: int) -> None:
        """Room for a head of n tokens and so many steps."""
        if self.work.shape[1] < n:
            self.work = np.zeros((certificate.ARRAYS, n))
        if self.history.shape[1] < steps or self.history.shape[2] < n:
            self.history = np.zeros((2, max(steps, self.history.shape[1]), max(n, self.history.shape[2])))
        if self.steps.shape[1] < steps:
            self.steps = np.zeros((self.steps.shape[0], steps))


ROOM = Room()


@reducing
def _add_up_between(scratch: Any, low: np.float32, high: np.float32, sums: Any) -> None:
    """Add the weights whose exponents lie in (low, high], and their products with these."""
    zero = np.float32(0.0)
    total, expected = zero, zero
    for i in range(BLOCK):
        s = scratch[BLOCK + i]
        weight = scratch[i] if (s <= high) & (s > low) else zero
        total += weight
        expected += weight * s
    sums[0] += total
    sums[1] += expected


@elementwise
def _take_all_sums(state: Any, top: np.float32, edges: Any, scratch: Any, sums: Any) -> None:
    """Sums over the entries above all edges (first) and of each band between two of them, in one read."""
    sums[:] = 0.0
    for b in range(state.shape[0] // STATE):
        sweeps._exponentials(state[b * STATE : (b + 1) * STATE], top, scratch)
        _add_up_between(scratch, edges[0], np.float32(np.inf), sums[0])
        for k in range(edges.shape[0] - 1):
            _add_up_between(scratch, edges[k + 1], edges[k], sums[k + 1])


@elementwise
def _take_head(state: Any, top: np.float32, cut: np.float32, most: int, where: Any, values: Any) -> int:
    """Collect the entries over the cut, compared as `_add_up_between` does; how many, -1 if more than `most`."""
    n = 0
    for b in range(state.shape[0] // STATE):
        block = state[b * STATE : b * STATE + BLOCK]
        for start in range(0, BLOCK, _GROUP):
            found = 0
            for i in range(_GROUP):
                found += block[start + i] - top > cut
            if n + found > most:
                return -1
            if found:
                for i in range(start, start + _GROUP):
                    if block[i] - top > cut:
                        where[n], values[n] = b * BLOCK + i, block[i]
                        n += 1
    return n


@elementwise
def choose(sums: Any, edges: Any, largest_move: float, budget: float) -> int:
    """Which edge to cut at: the highest with a tail that uses about its share of the budget, else the lowest.

    What a band costs is only guessed: half of the largest move where gradients drown in Adam's eps, far less above.
    """
    total = sums[:, 0].sum()
    log_total = math.log(total)
    h, cost, k = log_total - sums[:, 1].sum() / total, 0.0, edges.shape[0] - 2
    while k >= 0:
        log_p = (edges[k + 1] if k + 2 < edges.shape[0] else edges[k] - 3) - log_total
        gradient = math.exp(log_p) * -(edges[k] - log_total + h)
        if gradient <= 0:
            break
        cost += sums[k + 1, 0] / total * largest_move * (0.01 + 0.5e-8 / (gradient + 1e-8))
        if cost > budget * _TAIL_SHARE:
            break
        k -= 1
    return int(min(k + 1, edges.shape[0] - 2))


def adjust(w: Any, state: Any, top: float, settings: Any, steps: int, budget: float, length: int) -> tuple[float, int]:
    """Adjust the head of a row that `sweeps.load` put into `state`, which stays as it is.

    Returns:
        The certified bound, NaN where there is none within the budget; the size n of the head, whose logits, relative
        to an untouched tail, are then in ``w.values[:n]`` and belong to ``w.where[:n]``.
    """
    room = ROOM
    if not (np.isfinite(settings).all() and settings[2] >= 0):
        return math.nan, 0
    largest_move = certificate.largest_move(settings[2], steps)
    if largest_move > certificate.LARGEST_MOVE:
        return math.nan, 0
    _take_all_sums(state, np.float32(top), room.edges, w.scratch, room.sums)
    most = min(HEAD_LARGEST, max(_HEAD_SMALL, length // _HEAD_SHARE))
    guess = choose(room.sums, room.edges, largest_move, budget)
    for k in range(guess, min(guess + _TRIES, len(_EDGES))):
        n = _take_head(state, np.float32(top), room.edges[k], most, w.where, w.values)
        if n < 0:
            break
        bound = _follow(room, w.values[:n], k, top, settings, steps)
        if bound <= budget:
            updates, shift = room.done
            w.values[:n] -= shift
            return bound, n if updates else 0
    return math.nan, 0


def _follow(room: Room, head: Any, k: int, top: float, settings: Any, steps: int) -> float:
    """`certificate.follow` with everything under edge k as the tail."""
    room.reserve(len(head), steps)
    tail, (g, d), (w, o) = room.tail[k:], room.history, room.steps[:2]
    tail[:, :2], tail[:, 2], tail[:, 3] = room.sums[k + 1 :], room.edges[k + 1 :], room.edges[k:-1]
    ratios = room.steps[2:].reshape(2, len(_EDGES), -1)
    bound: float = certificate.follow(head, top, tail, room.work, g, d, ratios, w, o, settings, steps, room.done)
    return bound
