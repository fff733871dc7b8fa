"""Rows shared out over threads: what a compiled function is told, and how its calls divide the rows among themselves.

A thread that is free takes the next few rows; a row's result does not depend on the thread. A function for threads gets
one address, of a table of addresses: a counter of shares, a counter of threads, whole numbers, the workspaces' memory,
the rows, and what the operation adds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numba import carray, types
from numba.extending import intrinsic

from entmin.core.numba import threads
from entmin.core.numba.compiling import entry, part
from entmin.core.numba.counting import CODES
from entmin.core.numba.distinct import ARRAYS
from entmin.core.numba.rows import Rows
from entmin.core.numba.sweeps import BLOCK, HEAD_LARGEST, STATE
from entmin.core.numba.workspace import DOUBLES, NOISE, SINGLES, WHOLES, Workspace, lent

_SHARES, _THREADS, _NUMBERS, _ROWS, ADDED = 0, 1, 2, 3, 4
"""Places in the table; `ADDED` is the first of the operation's own, and the workspaces' memory comes after those."""
_MOST_ADDED = 4
_SPACE = ADDED + _MOST_ADDED
_STRIDE, _LENGTH, _COUNT, _SIZE, _TEAM, _STATE, SETTINGS = 0, 1, 2, 3, 4, 5, 6
"""Places among the whole numbers; `SETTINGS` is the first of the operation's own."""
_MOST_SETTINGS = 4
_GRAIN = {threads.TEAM: 1 << 14, threads.POOL: 1 << 18}
"""Numbers in a share, about; a pool's threads have to be woken for it."""


def share_out(function: Any, rows: Rows, settings: list[int], added: list[int]) -> None:
    """Run a function for threads on all rows; returns when it is done.

    Args:
        function: takes the table; compiled at its first use.
        rows: what is shared out.
        settings: whole numbers of the operation, at most four.
        added: addresses of the operation's own memory, at most four.
    """
    most, kind = torch.get_num_threads(), threads.kind()
    size = max(1, _GRAIN[kind] // max(1, rows.length))
    most = 1 if rows.number <= size else most
    with lent(most) as space:
        memory, wide = space.addresses_for(rows.length)
        numbers = [0, 0, rows.stride, rows.length, rows.number, size, most, wide, *settings]
        held = np.array(numbers, np.int64)  # its first two are counters
        start = held.ctypes.data
        added = added + [0] * (_MOST_ADDED - len(added))
        table = np.array([start, start + 8, start + 16, rows.address, *added, *memory], np.uintp)
        threads.on_threads(kind, entry(function).address, table.ctypes.data, most)


class Memory(NamedTuple):
    """Rows as a compiled function sees them: row i at ``numbers[i * stride : i * stride + length]``."""

    numbers: Any
    stride: int
    length: int
    number: int


@intrinsic  # type: ignore[untyped-decorator]
def _count(_typing: Any, address: Any) -> Any:
    """Add one to an int64 that several threads count with, and return what it was."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        where = builder.bitcast(arguments[0], context.get_value_type(types.CPointer(types.int64)))
        return builder.atomic_rmw("add", where, context.get_constant(types.int64, 1), "seq_cst")

    return types.int64(types.voidptr), generate


@part
def next_share(table: Any) -> tuple[int, int]:
    """First and last + 1 of the next rows that nobody has; both the same when there are none."""
    numbers = carray(table[_NUMBERS], SETTINGS, np.int64)
    count, size = numbers[_COUNT], numbers[_SIZE]
    first = min(_count(table[_SHARES]) * size, count)
    return first, min(first + size, count)


@part
def settings_of(table: Any) -> Any:
    """The operation's whole numbers."""
    return carray(table[_NUMBERS], SETTINGS + _MOST_SETTINGS, np.int64)[SETTINGS:]


@part
def memory_of(table: Any, kind: Any) -> Memory:
    """The rows, as numbers of this kind (a NumPy array that shows it)."""
    numbers = carray(table[_NUMBERS], SETTINGS, np.int64)
    stride, length, count = numbers[_STRIDE], numbers[_LENGTH], numbers[_COUNT]
    return Memory(carray(table[_ROWS], (count - 1) * stride + length, kind.dtype), stride, length, count)


@part
def workspace(table: Any) -> Workspace:
    """The part of the memory that belongs to the thread that asks, once for each call of its function."""
    numbers = carray(table[_NUMBERS], SETTINGS, np.int64)
    team, wide, me = numbers[_TEAM], numbers[_STATE], _count(table[_THREADS])
    doubles = carray(table[_SPACE], (team, DOUBLES), np.float64)[me]
    singles = carray(table[_SPACE + 1], (team, SINGLES), np.float32)[me]
    wholes = carray(table[_SPACE + 2], (team, WHOLES), np.int32)[me]
    work, size = (2 + ARRAYS) * CODES, -(-numbers[_LENGTH] // BLOCK) * STATE
    return Workspace(
        doubles[:CODES],
        doubles[CODES : 2 * CODES],
        doubles[2 * CODES : work].reshape((ARRAYS, CODES)),
        carray(table[_SPACE + 5], HEAD_LARGEST, np.float64),
        doubles[work : work + 2],
        singles[:CODES],
        singles[CODES : CODES + 2 * BLOCK],
        carray(table[_SPACE + 6], (team, wide), np.float32)[me][:size],
        wholes[:CODES],
        wholes[CODES : CODES + NOISE],
        carray(table[_SPACE + 3], (team, CODES), np.uint16)[me],
        carray(table[_SPACE + 4], (team, HEAD_LARGEST), np.int64)[me],
    )
