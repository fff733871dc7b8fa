"""What a logits processor has done, where another process can read it: a server's `/metrics` has it from there.

vLLM's engine and its HTTP server are processes of their own. Each engine process writes its numbers into a file of its
own in the folder that ``ENTMIN_COUNTERS`` names; without the variable nothing is written.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

VARIABLE = "ENTMIN_COUNTERS"


class Counted(NamedTuple):
    """Sums over the engine processes of a server."""

    rows: int = 0
    """Rows of logits that a method was applied to; those of a GPU's step with drafts come with the next step."""
    seconds: float = 0.0
    """Time in it on the host; a GPU works on after that."""
    batches: int = 0
    """Steps of the engine in which a method was applied."""
    planning: float = 0.0
    """Seconds in which the host followed which row belongs to which request."""


_ROWS, _SECONDS, _BATCHES, _PLANNING, _DRAFTED, _SIZE = range(6)


class Counters:
    """One process's part."""

    def __init__(self) -> None:
        self._numbers = np.zeros(_SIZE)
        folder = os.environ.get(VARIABLE)
        if folder:
            with contextlib.suppress(OSError):  # a server answers without its counters too
                Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
                self._numbers = np.memmap(Path(folder) / str(os.getpid()), np.float64, "w+", shape=(_SIZE,))

    @contextlib.contextmanager
    def applying(self) -> Iterator[None]:
        """Count a batch, and the time until the block ends."""
        with self._timing(_SECONDS):
            yield
        self._numbers[_BATCHES] += 1

    def planning(self) -> contextlib.AbstractContextManager[None]:
        """Count the time until the block ends."""
        return self._timing(_PLANNING)

    @contextlib.contextmanager
    def _timing(self, place: int) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self._numbers[place] += time.perf_counter() - start

    def add_rows(self, rows: int) -> None:
        """Count rows whose number is known."""
        self._numbers[_ROWS] += rows

    def drafted(self, rows: int) -> None:
        """Say how many rows there have been, over all, in batches with drafts."""
        self._numbers[_DRAFTED] = rows


def counted(folder: Path) -> Counted:
    """What all engine processes have counted so far; nothing where none has written."""
    found = np.zeros(_SIZE)
    for path in folder.glob("*"):
        with contextlib.suppress(OSError, ValueError):
            found += np.fromfile(path, np.float64, _SIZE)
    rows = int(found[_ROWS] + found[_DRAFTED])
    return Counted(rows, float(found[_SECONDS]), int(found[_BATCHES]), float(found[_PLANNING]))
