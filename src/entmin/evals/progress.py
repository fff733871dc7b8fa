"""Progress of a run: a live line on a terminal, a plain line now and then elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

from entmin.loops import in_notebook
from entmin.terminal import console, printable

_PLAIN_EVERY = 15.0


class Progress:
    """Counts finished samples and shows them with tokens/s and the time left.

    Writes to standard error, so that results on standard output stay clean.
    """

    def __init__(
        self,
        label: str,
        total: int,
        tokens: Callable[[], int],
        there: int = 0,
        *,
        quiet: bool = False,
        stream: TextIO | None = None,
    ) -> None:
        """Build the display; use it as a context manager.

        Args:
            label: what is running.
            total: samples of the whole run.
            tokens: returns the tokens decoded so far by the engine.
            there: samples that earlier sessions have finished.
            quiet: show nothing.
            stream: where to write; standard error by default.
        """
        self.label, self.total, self.there, self.done = label, total, there, 0
        self._tokens, self._base = tokens, tokens()
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._started = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._show, name="entmin-progress", daemon=True)

    def __enter__(self) -> Self:
        if not self._quiet and self.total > self.there:
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
        now = self.there + self.done
        left = f"{_clock(elapsed / self.done * (self.total - now))} left" if self.done else "estimating"
        kept = f" ({self.there} kept from before)" if self.there else ""
        return f"{self.label}  {now}/{self.total}{kept}  {rate:.0f} tok/s  {left}"

    def _show(self) -> None:
        if in_notebook():  # where lines are written over by a carriage return only
            while not self._stop.wait(1):
                self._stream.write(f"\r{printable(self.line())}  ")
                self._stream.flush()
            self._stream.write("\n")
        elif self._stream.isatty():
            from rich.live import Live

            # Standard output is not the display's to redirect: the run does that, in another thread, and who restores
            # it last would decide what it is from then on.
            display = console(self._stream)
            with Live(self.line(), console=display, transient=True, auto_refresh=False, redirect_stdout=False) as live:
                while not self._stop.wait(0.25):
                    live.update(self.line(), refresh=True)
        else:
            while not self._stop.wait(_PLAIN_EVERY):
                print(printable(self.line()), file=self._stream, flush=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
