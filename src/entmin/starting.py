"""What a process of ours does when it starts: how long its threads spin, and when its objects are looked through."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

SPINS = "10000"
"""How long a thread of torch's OpenMP library spins for its next work before it sleeps. The library's own 300,000 makes
processes that share cores spin against each other (benchmarks/busy_machine.py); it reads this when torch is loaded."""
_MUCH = 100_000
"""Objects that live on; importing torch makes four times as many."""


def spinning() -> dict[str, str]:
    """The variable that says so, for a process and those that it starts; none where the user says how threads wait."""
    told = (os.environ.get("OMP_WAIT_POLICY"), os.environ.get("GOMP_SPINCOUNT"))
    return {"GOMP_SPINCOUNT": SPINS} if told == (None, None) else {}


@contextmanager
def without_collection() -> Iterator[None]:
    """Inside, where modules are imported and a model is loaded, Python does not look for garbage.

    What is made there lives on: to look through it again and again takes a quarter of the time to a first token. At the
    end, where it was much, all that lives is set aside, so that later searches need not go through it either.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if gc.get_count()[0] > _MUCH:
            gc.freeze()
        gc.enable()
