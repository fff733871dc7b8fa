"""What a logits processor has done, where another process can read it: a server's `/metrics` has it from there.

vLLM's engine and its HTTP server are processes of their own. Each engine process writes two numbers into a file of its
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
    """Rows of logits that a method was applied to."""
    seconds: float = 0.0
    """Time in it on the host; a GPU works on after that."""


class Counters:
    """One process's part."""

    def __init__(self) -> None:
        self._numbers = np.zeros(2)
        folder = os.environ.get(VARIABLE)
        if folder:
            with contextlib.suppress(OSError):  # a server answers without its counters too
                Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
                self._numbers = np.memmap(Path(folder) / str(os.getpid()), np.float64, "w+", shape=(2,))

    @contextlib.contextmanager
    def counting(self, rows: int) -> Iterator[None]:
        """Count rows, and the time until the block ends."""
        start = time.perf_counter()
        yield
        self._numbers[0] += rows
        self._numbers[1] += time.perf_counter() - start


def counted(folder: Path) -> Counted:
    """What all engine processes have counted so far; nothing where none has written."""
    found = np.zeros(2)
    for path in folder.glob("*"):
        with contextlib.suppress(OSError, ValueError):
            found += np.fromfile(path, np.float64, 2)
    return Counted(int(found[0]), float(found[1]))
