"""Work that starts an event loop of its own, where one may run already, as in a notebook."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

Made = TypeVar("Made")


def has_loop() -> bool:
    """Whether an event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def in_notebook() -> bool:
    """Whether what is written appears in a notebook's cell."""
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell else None
    return running is not None and hasattr(running, "kernel")


def beside_a_loop(work: Callable[[], Made]) -> Made:
    """Call what starts an event loop: in another thread, and waited for, where one runs in this thread."""
    if not has_loop():
        return work()
    with ThreadPoolExecutor(1, thread_name_prefix="entmin-loop") as pool:
        return pool.submit(copy_context().run, work).result()
