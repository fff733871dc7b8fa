"""The real command in a process of its own, forked from one that has made the imports: a start costs no seconds.

The process is as real as any: it gets real signals, writes real files, and is gone after SIGKILL.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.faults.warm"])


def _main(args: list[str], folder: str, said: str, environment: dict[str, str], before: str) -> None:
    os.setpgid(0, 0)  # a Ctrl-C goes to all processes of the group, as from a terminal
    os.chdir(folder)
    os.environ.update(environment)
    stream = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(stream, 1)
    os.dup2(stream, 2)
    sys.stdout, sys.stderr = (open(number, "w", buffering=1, closefd=False) for number in (1, 2))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    exec(before, {})
    from entmin.cli import main

    try:
        main(args)
    finally:  # what an interpreter does at its end, in the same order
        threading._shutdown()
        atexit._run_exitfuncs()


@dataclass
class Run:
    """One process of the command."""

    process: multiprocessing.process.BaseProcess
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
        return self.process.exitcode

    def alive(self) -> bool:
        """Whether it runs."""
        return self.process.is_alive()

    def wait(self, seconds: float = 120.0) -> int:
        """Its exit code, negative for a signal."""
        self.process.join(seconds)
        if self.process.exitcode is None:
            self.process.kill()
            raise AssertionError(f"still running after {seconds} s:\n{self.text}")
        self.seconds = self.seconds or time.monotonic() - self.started
        return self.process.exitcode

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
        values = ([str(arg) for arg in args], str(self.folder), str(said), self.environment | environment, before)
        process = _context.Process(target=_main, args=values)
        process.start()
        return Run(process, said)

    def __call__(self, *args: str | Path, code: int = 0, **options: str) -> Run:
        """Run it to its end."""
        run = self.start(*args, **options)
        found = run.wait()
        assert found == code, f"exit {found}\n{run.text}"
        return run
