"""Which of several servers takes a request: the one that is likely to answer it soonest, of those that are up.

A server's share of the requests in flight goes by the time its latest answers took, so a slow one holds few. One that
fails gets none for some seconds, twice as long each time, and takes part again when it answers.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

_PAUSE, _LONGEST_PAUSE = 2.0, 60.0
"""Seconds without requests after a failure, the first and the longest."""
_WEIGHT = 0.2
"""Of the latest answer in a server's mean time."""


@dataclass(slots=True)
class Endpoint:
    """One server in the course of a run."""

    url: str
    begun: list[float] = field(default_factory=list)
    """When each request in flight was sent."""
    answered: int = 0
    failures: int = 0
    """In all."""
    in_a_row: int = 0
    seconds: float | None = None
    """Mean time of an answer; None before the first."""
    down_until: float = 0.0

    def expected(self, usual: float, now: float) -> float:
        """Seconds of an answer: the mean so far, or what the oldest request in flight has taken already."""
        oldest = now - min(self.begun) if self.begun else 0.0
        return max(usual if self.seconds is None else self.seconds, oldest)


class Endpoints:
    """The servers of one run."""

    def __init__(self, urls: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
        """Take servers that are all up."""
        self.all = {url: Endpoint(url) for url in urls}
        self._clock = clock

    def take(self, avoid: Collection[str] = ()) -> str | None:
        """The server for the next request, without those that it was sent to already; None where no other is up.

        Where all pause after failures the one whose pause ends first is tried.
        """
        now, others = self._clock(), [one for one in self.all.values() if one.url not in avoid]
        up = [one for one in others if one.down_until <= now]
        if not up:
            return min(others, key=lambda one: one.down_until).url if others else None
        known = [one.seconds for one in up if one.seconds is not None]
        usual = sum(known) / len(known) if known else 1.0
        return min(up, key=lambda one: (len(one.begun) + 1) * one.expected(usual, now)).url

    @contextlib.contextmanager
    def asked(self, url: str, failures: tuple[type[Exception], ...]) -> Iterator[None]:
        """Count a request while it is under way; an exception of `failures` is the server's failure."""
        one, begun = self.all[url], self._clock()
        one.begun.append(begun)
        try:
            yield
        except failures:
            one.failures, one.in_a_row = one.failures + 1, one.in_a_row + 1
            one.down_until = self._clock() + min(_LONGEST_PAUSE, _PAUSE * 2 ** (one.in_a_row - 1))
            raise
        finally:
            one.begun.remove(begun)
        took = self._clock() - begun
        one.seconds = took if one.seconds is None else (1 - _WEIGHT) * one.seconds + _WEIGHT * took
        one.answered, one.in_a_row, one.down_until = one.answered + 1, 0, 0.0

    def record(self) -> list[dict[str, str | int | float | None]]:
        """What each server did."""
        return [
            {"url": one.url, "answered": one.answered, "failures": one.failures, "seconds": one.seconds}
            for one in self.all.values()
        ]
