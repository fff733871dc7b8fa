"""The engines that are open in this process: each is opened once and closed with the others."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Hashable
from typing import Protocol, TypeVar, cast


class Closing(Protocol):
    """Something to close: a model in memory, or a server."""

    def close(self) -> None:
        """Let go of it."""


Engine = TypeVar("Engine", bound=Closing)

_opened: dict[Hashable, Closing] = {}
_lock = threading.RLock()


def opened(key: Hashable, make: Callable[[], Engine]) -> Engine:
    """What is open under a key, opened now where nothing is."""
    with _lock:
        if key not in _opened:
            _opened[key] = make()
        return cast(Engine, _opened[key])


def any_open(matches: Callable[[Hashable], bool]) -> Closing | None:
    """One of those whose key matches."""
    with _lock:
        return next((one for key, one in _opened.items() if matches(key)), None)


@atexit.register
def close_engines(matches: Callable[[Hashable], bool] = lambda _: True) -> None:
    """Close those whose key matches, by default all.

    A comparison has one model in memory at a time, and a thread inside torch would abort an exit.
    """
    with _lock:
        for key in [key for key in _opened if matches(key)]:
            _opened.pop(key).close()
