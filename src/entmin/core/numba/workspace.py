"""Scratch memory: a part for each thread that works on rows, lent for one call and kept for the next.

Threads of a team are not Python's, so they can ask for nothing: all that they need is there before they start.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from entmin.core.numba.counting import CODES
from entmin.core.numba.distinct import ARRAYS
from entmin.core.numba.sweeps import BLOCK, HEAD_LARGEST, STATE

NOISE = 256
"""Tokens whose noise is made at once (see `entmin.core.numba.gumbel`)."""
DOUBLES = (2 + ARRAYS) * CODES + 2
SINGLES = CODES + 2 * BLOCK
WHOLES = CODES + NOISE
"""How many numbers of each kind a thread's part has, its state left out."""


class Workspace(NamedTuple):
    """One thread's part."""

    values: Any
    """``[CODES]`` float64, distinct values of a row, or its head."""
    counts: Any
    """``[CODES]`` float64."""
    work: Any
    """``[ARRAYS, CODES]`` float64 (see `entmin.core.numba.distinct`)."""
    ones: Any
    """``[HEAD_LARGEST]`` float64, the counts of a head; the same for all threads."""
    sums: Any
    """``[2]`` float64."""
    table: Any
    """``[CODES]`` float32, by code."""
    scratch: Any
    """``[2 * BLOCK]`` float32."""
    state: Any
    """A row in blocks (see `entmin.core.numba.sweeps`), float32."""
    tallies: Any
    """``[CODES]`` int32, all zero between rows."""
    noise: Any
    """``[NOISE]`` int32."""
    codes: Any
    """``[CODES]`` uint16."""
    where: Any
    """``[HEAD_LARGEST]`` int64."""


class Workspaces:
    """The parts of so many threads; grows with the vocabulary, never shrinks. Untouched parts take no memory."""

    def __init__(self, threads: int) -> None:
        self._kept: list[Any] = [
            np.zeros((threads, DOUBLES)),
            np.zeros((threads, SINGLES), np.float32),
            np.zeros((threads, WHOLES), np.int32),
            np.zeros((threads, CODES), np.uint16),
            np.zeros((threads, HEAD_LARGEST), np.int64),
            np.ones(HEAD_LARGEST),
        ]
        self._addresses = [array.ctypes.data for array in self._kept]
        self._state = np.zeros((threads, 0), np.float32)

    def addresses_for(self, length: int) -> tuple[list[int], int]:
        """For rows of this length: addresses in the order of `entmin.core.numba.shares.workspace`, a state's size."""
        size = -(-length // BLOCK) * STATE
        if self._state.shape[1] < size:
            self._state = np.zeros((self._state.shape[0], size), np.float32)
        return [*self._addresses, self._state.ctypes.data], self._state.shape[1]


_free: defaultdict[int, list[Workspaces]] = defaultdict(list)


@contextlib.contextmanager
def lent(threads: int) -> Iterator[Workspaces]:
    """Memory that nobody else works in until the block ends.

    After an error it is not lent again, since its tallies may not be zero. No lock, which a fork could find closed.
    """
    try:
        space = _free[threads].pop()
    except IndexError:
        space = Workspaces(threads)
    yield space
    _free[threads].append(space)
