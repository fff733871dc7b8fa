"""A run of the command that a test disturbs; what it wrote stands in a file."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests import forked


@dataclass
class Run:
    """One process of the command."""

    process: forked.Forked
    said: Path
    seconds: float = 0.0
    """How long it ran, once it was waited for."""
    started: float = field(default_factory=time.monotonic)

    @property
    def text(self) -> str:
        """What it wrote on both streams."""
        return self.said.read_text(errors="replace") if self.said.exists() else ""

    @property
    def code(self) -> int | None:
        """Its exit code once it has ended, negative for a signal."""
        return self.process.poll()

    def alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    def wait(self, seconds: float = 120.0) -> int:
        """Its exit code, negative for a signal."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"still running after {seconds} s:\n{self.text}") from None
        self.seconds = self.seconds or time.monotonic() - self.started
        return code

    def wait_for(self, condition: Callable[[], object], seconds: float = 60.0) -> None:
        """Wait until something is the case, while it runs."""
        end = time.monotonic() + seconds
        while not condition():
            assert self.alive(), f"ended before it could be disturbed:\n{self.text}"
            assert time.monotonic() < end, f"waited too long:\n{self.text}"
            time.sleep(0.02)

    def kill(self) -> bool:
        """``kill -9``; whether it was still running."""
        was = self.alive()
        self.process.kill()
        return self.wait() == -signal.SIGKILL and was

    def ctrl_c(self) -> None:
        """Interrupt it and whatever it started, as a terminal does."""
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.killpg(self.process.pid, signal.SIGINT)


@dataclass
class Forked:
    """Starts the command in a folder."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    said: Path | None = None
    """Where the output is written; default: beside the folder."""
    count: int = 0

    def start(self, *args: str | Path, before: str = "", **environment: str) -> Run:
        """Start it; `before` is Python to run in the process first, for limits that it is put under."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.count += 1
        said = (self.said or self.folder.parent) / f"{self.folder.name}-said-{self.count}.txt"
        known = {**os.environ, "OMP_NUM_THREADS": "1", **self.environment, **environment}
        with said.open("wb") as stream:
            process = forked.Forked(
                args, before=before, cwd=self.folder, env=known, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream
            )
        return Run(process, said)

    def __call__(self, *args: str | Path, code: int = 0, **options: str) -> Run:
        """Run it to its end."""
        run = self.start(*args, **options)
        found = run.wait()
        assert found == code, f"exit {found}\n{run.text}"
        return run
