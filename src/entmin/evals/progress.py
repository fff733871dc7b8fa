"""Progress of a run: a live line on a terminal, a plain line now and then elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

from entmin.terminal import console, printable

_PLAIN_EVERY = 15.0


class Progress:
    """Counts finished samples and shows them with tokens/s and the time left.

    Writes to standard error, so that results on standard output stay clean.
    """

    def __init__(
        self, label: str, total: int, tokens: Callable[[], int], *, quiet: bool = False, stream: TextIO | None = None
    ) -> None:
        """Build the display; use it as a context manager.

        Args:
            label: what is running.
            total: samples to finish in this session.
            tokens: returns the tokens decoded so far by the engine.
            quiet: show nothing.
            stream: where to write; standard error by default.
        """
        self.label, self.total, self.done = label, total, 0
        self._tokens, self._base = tokens, tokens()
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._started = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._show, name="entmin-progress", daemon=True)

    def __enter__(self) -> Self:
        if not self._quiet and self.total > 0:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2)

    def advance(self) -> None:
        """One more sample is finished."""
        self.done += 1

    def line(self) -> str:
        """The current state in words."""
        elapsed = time.monotonic() - self._started
        rate = (self._tokens() - self._base) / elapsed if elapsed > 0 else 0.0
        left = f"{_clock(elapsed / self.done * (self.total - self.done))} left" if self.done else "estimating"
        return f"{self.label}  {self.done}/{self.total}  {rate:.0f} tok/s  {left}"

    def _show(self) -> None:
        if self._stream.isatty():
            from rich.live import Live

            with Live(self.line(), console=console(self._stream), transient=True, auto_refresh=False) as live:
                while not self._stop.wait(0.25):
                    live.update(self.line(), refresh=True)
        else:
            while not self._stop.wait(_PLAIN_EVERY):
                print(printable(self.line()), file=self._stream, flush=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
