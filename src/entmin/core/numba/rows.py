"""Tensors as memory, rows shared out over threads, one workspace per thread.

Threads are Python's own, since compiled functions release the interpreter lock; Numba's threads abort the process when
two Python threads use them at once. There are as many as torch uses (`torch.set_num_threads`). A free thread takes the
next few rows; a row's result does not depend on the thread.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from entmin.core.numba.counting import CODES
from entmin.core.numba.distinct import ARRAYS
from entmin.core.numba.sweeps import BLOCK, HEAD_LARGEST, STATE

NOISE = 256
"""Tokens whose noise is made at once (see `entmin.core.numba.gumbel`)."""
_SHARE_ELEMENTS = 1 << 18
_COUNTED_MIN_VOCABULARY = 4096


class Rows(NamedTuple):
    """``[N, V]`` numbers in memory, row i at ``memory[i * stride : i * stride + length]``."""

    memory: Any
    """One-dimensional NumPy array."""
    stride: int
    length: int
    """V."""
    number: int
    """N."""


def rows_of(tensor: Tensor, kind: torch.dtype | None = None) -> Rows:
    """The tensor's own memory, a copy only where a row's entries are not neighbours; `kind` reinterprets the bits."""
    tensor = tensor.detach()
    number, length = tensor.shape
    if length > 1 and tensor.stride(1) != 1:
        tensor = tensor.contiguous()
    flat = tensor.as_strided(((number - 1) * tensor.stride(0) + length,), (1,)) if number else tensor.flatten()
    flat = flat if kind is None else flat.view(kind)
    return Rows(flat.numpy(), tensor.stride(0), length, number)


def bits_of(tensor: Tensor) -> tuple[Rows, int]:
    """A float32 or bfloat16 tensor's bits as unsigned integers, and how far right their upper 16 are to be shifted."""
    wide = tensor.dtype == torch.float32
    rows = rows_of(tensor, torch.int32 if wide else torch.int16)
    return rows._replace(memory=rows.memory.view(np.uint32 if wide else np.uint16)), 16 if wide else 0


def is_counted(rows: Rows) -> bool:
    """Whether the rows are long enough to look for repeated values."""
    return rows.length >= _COUNTED_MIN_VOCABULARY


class Counting(NamedTuple):
    """Scratch memory of a row that is counted (see `entmin.core.numba.counting`), ``[CODES]`` each."""

    tallies: Any
    """int32, all zero between rows."""
    table: Any
    """float32, by code."""
    codes: Any
    """uint16."""
    values: Any
    """float64."""
    counts: Any
    """float64."""
    work: Any
    """``[ARRAYS, CODES]`` float64 (see `entmin.core.numba.distinct`)."""


class Workspace(threading.local):
    """One thread's scratch memory; grows, never shrinks."""

    def __init__(self) -> None:
        self.values = np.zeros(CODES)
        self.work = np.zeros((ARRAYS, CODES))
        self.counting = Counting(
            np.zeros(CODES, np.int32),
            np.zeros(CODES, np.float32),
            np.zeros(CODES, np.uint16),
            self.values,
            np.zeros(CODES),
            self.work,
        )
        self.ones = np.ones(CODES)
        self.where = np.zeros(HEAD_LARGEST, np.int64)
        self.scratch = np.zeros(2 * BLOCK, np.float32)
        self.sums = np.zeros(2)
        self.noise = np.zeros(NOISE, np.int32)
        self.state = np.zeros(0, np.float32)

    def state_of(self, length: int) -> Any:
        """Room for a row of this length in blocks (see `entmin.core.numba.sweeps`)."""
        size = -(-length // BLOCK) * STATE
        if self.state.shape[0] < size:
            self.state = np.zeros(size, np.float32)
        return self.state[:size]


WORKSPACE = Workspace()


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="entmin-rows", initializer=_leave_the_creators_core)


def _leave_the_creators_core() -> None:
    """Let this thread run wherever any thread of the process may.

    A thread starts on its creator's cores. vLLM's CPU build and OpenMP (``OMP_PROC_BIND``) pin the main thread to a
    single one, where helpers would take turns with it.
    """
    with contextlib.suppress(AttributeError, OSError):  # not this system, or a container forbids it: slower, and right
        cores: set[int] = set()
        for thread in os.listdir("/proc/self/task"):
            with contextlib.suppress(ProcessLookupError):  # it ended
                cores |= os.sched_getaffinity(int(thread))
        os.sched_setaffinity(0, cores)


def for_each_share(rows: Rows, work: Callable[[int, int], None]) -> None:
    """Call ``work(first, last)`` for consecutive shares of the rows, on several threads if there are several shares."""
    size = max(1, _SHARE_ELEMENTS // max(1, rows.length))
    shares = iter([(first, min(first + size, rows.number)) for first in range(0, rows.number, size)])
    lock = threading.Lock()

    def following() -> Iterator[tuple[int, int]]:
        while True:
            with lock:
                share = next(shares, None)
            if share is None:
                return
            yield share

    def worker() -> None:
        for first, last in following():
            work(first, last)

    helpers = min(torch.get_num_threads(), -(-rows.number // size)) - 1
    if helpers < 1:
        return worker()
    jobs = [_pool(torch.get_num_threads() - 1).submit(worker) for _ in range(helpers)]
    worker()
    for job in itertools.filterfalse(lambda job: job.cancel(), jobs):
        job.result()
