"""Who works on rows: the threads of torch's own OpenMP library, or a pool of Python threads where those cannot be had.

Between two products torch's threads stay on their cores for a while and wait for more. A pool of other threads would
have to wait for the cores; the team itself is there at once. So work is handed to it as torch hands its own: through
``GOMP_parallel``, which libgomp has, and Intel's and LLVM's OpenMP have too. The team cannot be had on macOS and
Windows, in a torch that was built without OpenMP, and in a process that was forked, where it would hang: its threads
are not in the child. ``ENTMIN_THREADS=pool`` does without it.

Numba's own threads are neither: they abort the process when two Python threads use them at once.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import itertools
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from entmin.errors import UsageError

VARIABLE = "ENTMIN_THREADS"
TEAM, POOL = "team", "pool"
_FORKED = 0x40  # PF_FORKNOEXEC of Linux's include/linux/sched.h
_IMPORTED_BY = os.getpid()

_CALL = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def kind() -> str:
    """`TEAM` or `POOL`: whose threads would work if this thread asked now.

    Raises:
        UsageError: ``ENTMIN_THREADS`` is neither, or asks for the team where there is none.
    """
    asked = os.environ.get(VARIABLE)
    if asked not in (None, TEAM, POOL):
        raise UsageError(f"{VARIABLE} is {asked!r}; it can be {TEAM} or {POOL}, or left out")
    if asked == POOL:
        return POOL
    there = _parallel(os.getpid()) is not None
    if asked == TEAM and not there:
        raise UsageError(f"{VARIABLE} is {TEAM}, and torch's own threads cannot be had in this process: leave it out")
    return TEAM if there else POOL


def on_threads(kind: str, address: int, arguments: int, threads: int) -> None:
    """Call a compiled function on so many threads, this one among them; returns when all have returned.

    The threads share the work out among themselves: fewer than asked for may come, and some may find nothing to do.

    Args:
        kind: what `kind` said.
        address: of machine code that takes one address (`entmin.core.numba.compiling.entry`).
        arguments: address handed to every call.
        threads: `torch.get_num_threads()`, or 1. A team of another size than torch's would be built anew.
    """
    parallel = _parallel(os.getpid()) if kind == TEAM else None
    if threads < 2:
        _CALL(address)(arguments)
    elif parallel is not None:
        parallel(address, arguments, threads, 0)
    else:
        _on_pool(_CALL(address), arguments, threads)


def _on_pool(call: Callable[[int], None], arguments: int, threads: int) -> None:
    jobs = [_pool(threads - 1).submit(call, arguments) for _ in range(threads - 1)]
    call(arguments)
    for job in itertools.filterfalse(lambda job: job.cancel(), jobs):
        job.result()


@functools.cache
def _parallel(process: int) -> Callable[[int, int, int, int], None] | None:
    """``GOMP_parallel`` as torch's own calls of it are bound; None where there is no team for this process."""
    if sys.platform != "linux" or "parallel backend: OpenMP" not in torch.__config__.parallel_info():
        return None
    if process != _IMPORTED_BY or _forked():
        return None
    everything = ctypes.CDLL(None)  # what is loaded for all to see; torch loads its OpenMP library so
    try:
        parallel, most = everything.GOMP_parallel, everything.omp_get_max_threads
    except AttributeError:
        return None
    if most() != torch.get_num_threads():  # some other library's
        return None
    parallel.argtypes, parallel.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint], None
    return parallel


def _forked() -> bool:
    """Whether this process is a fork that has not started another program since."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        return bool(int(fields[6]) & _FORKED)
    except (OSError, IndexError, ValueError):
        return True  # it cannot be known


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
