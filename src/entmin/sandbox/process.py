"""One sandbox process from outside: feed it, read what it reports, watch its memory, leave nothing behind."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

_CHUNK = 1 << 16
_POLL = 0.1
BEAT_SECONDS = 15.0
"""Longest silence of a launcher, which says each second that it is alive."""


class MemoryExceededError(Exception):
    """All processes of the sandbox together hold more memory than they may."""


class SilenceError(Exception):
    """The sandbox did not report within its time."""


class FloodError(Exception):
    """The sandbox reported more than any honest report holds."""


def descendants(pid: int) -> Iterator[int]:
    """All living descendants of a process; what vanishes meanwhile is left out."""
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        with contextlib.suppress(OSError, ValueError):
            for children in Path(f"/proc/{parent}/task").glob("*/children"):
                found = [int(child) for child in children.read_text().split()]
                waiting += found
                yield from found


def resident(pid: int) -> int:
    """Bytes of memory that no file on a disk backs, held by a process's descendants."""
    return sum(map(held, descendants(pid)))


def held(pid: int) -> int:
    """Anonymous and shared memory; what several share counts once between them where the kernel tells."""
    for name, fields in (("smaps_rollup", ("Pss_Anon:", "Pss_Shmem:")), ("status", ("RssAnon:", "RssShmem:"))):
        with contextlib.suppress(OSError, ValueError, IndexError):
            lines = [line.split() for line in Path(f"/proc/{pid}/{name}").read_text().splitlines()]
            found = [int(words[1]) for words in lines if words and words[0] in fields]
            if found:
                return sum(found) << 10
    return 0


class Session:
    """A started sandbox; use it in a ``with`` block, which ends every process of it."""

    def __init__(
        self, argv: tuple[str, ...], given: Iterable[bytes], pass_fds: tuple[int, ...], environment: Mapping[str, str]
    ) -> None:
        # In a file, what it is given waits without a writer, and each process inside reads no more than its own part.
        with tempfile.TemporaryFile() as file:
            file.writelines(given)
            file.seek(0)
            self._start(argv, file, pass_fds, environment)
        self.errors = b""

    def _start(
        self, argv: tuple[str, ...], given: IO[bytes], pass_fds: tuple[int, ...], environment: Mapping[str, str]
    ) -> None:
        # In a session of its own, an interrupt at the terminal reaches us and not the sandbox.
        self._process = subprocess.Popen(
            argv,
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=pass_fds,
            env=dict(environment),
            start_new_session=True,
            cwd=os.sep,
        )

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def lines(self, seconds: float, memory: int, most: int) -> Iterator[bytes]:
        """The lines it reports, as they come, until it closes its output; empty ones only say that it is alive.

        Args:
            seconds: Longest wait for the first line; later ones may be `BEAT_SECONDS` apart.
            memory: Bytes its processes may hold together.
            most: Bytes of a line.

        Raises:
            SilenceError: no line came in time.
            MemoryExceededError: its processes hold too much.
            FloodError: a line is longer than any report.
        """
        assert self._process.stdout is not None and self._process.stderr is not None
        buffer, deadline = b"", time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            selector.register(self._process.stderr, selectors.EVENT_READ)
            while self._process.stdout in {key.fileobj for key in selector.get_map().values()}:
                ready = selector.select(_POLL)
                for key, _ in ready:
                    chunk = os.read(key.fd, _CHUNK)
                    if not chunk:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is self._process.stderr:
                        self.errors = (self.errors + chunk)[-4096:]
                    else:
                        buffer += chunk
                while b"\n" in buffer:
                    line, _, buffer = buffer.partition(b"\n")
                    if line:
                        yield line
                    deadline = time.monotonic() + BEAT_SECONDS
                self._check(deadline, memory, len(buffer) > most, polled=not ready)

    def _check(self, deadline: float, memory: int, flooded: bool, *, polled: bool) -> None:
        if flooded:
            raise FloodError
        if time.monotonic() > deadline:
            raise SilenceError
        if polled and resident(self.pid) > memory:
            raise MemoryExceededError

    def close(self) -> None:
        """Kill what is left: the end of the namespace's first process is the end of all of them."""
        if self._process.poll() is None:
            with contextlib.suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._process.wait()
