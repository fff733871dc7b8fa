"""Warm, killable grading processes shared by every caller of this process.

A worker is started when none is idle, up to `MAX_WORKERS`, and kept. It limits its own processor time per request
(`child`); the wall clock here is only for a process that neither answers nor uses any. A worker that ends while
grading is replaced, and its one request is reported: ``timeout`` when the kernel's clock ended it, ``error`` otherwise
after `TRIES` tries. Several, because a process may also be killed from outside, while it starts too.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from typing import Any

from entmin.errors import EntminError

WALL_SECONDS = 60.0
"""Generous: thirty times the processor time a request may use."""
START_SECONDS = 120.0
TRIES = 3
"""Processes that may end over one request, or while they start for it, before it is given up."""
MAX_WORKERS = max(2, os.cpu_count() or 2)
_CLOCKED_OUT = (-signal.SIGPROF, -signal.SIGXCPU)


class WorkerEndedError(Exception):
    """A worker ended or went silent; ``reason`` says why."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason} {detail}".strip())
        self.reason = reason


def _environment() -> dict[str, str]:
    """What a worker needs to find its modules, and nothing of the caller's secrets."""
    return {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8",
        "MPMATH_NOGMPY": "1",
    }


class Worker:
    """One grading process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-B", "-m", "entmin.grading.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            cwd=os.sep,
            start_new_session=True,
        )
        self._buffer = b""
        self._ready = False

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def _read_line(self, seconds: float) -> bytes:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        deadline = time.monotonic() + seconds
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise WorkerEndedError("timeout", "no answer on the wall clock")
            chunk = os.read(descriptor, 1 << 16)
            if not chunk:
                raise self._ended()
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _ended(self) -> WorkerEndedError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        code = self._process.returncode
        return WorkerEndedError("timeout" if code in _CLOCKED_OUT else "error", f"exit status {code}")

    def ask(self, request: bytes) -> dict[str, Any]:
        """Send one request, wait for its reply.

        Raises:
            WorkerEndedError: the process ended or hung.
        """
        if not self._ready:
            try:
                self._read_line(START_SECONDS)
            except WorkerEndedError as ended:
                raise WorkerEndedError("start", str(ended)) from ended
            self._ready = True
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(request + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise self._ended() from error
        reply: dict[str, Any] = json.loads(self._read_line(WALL_SECONDS))
        return reply

    def stop(self) -> None:
        """Kill the process and forget it."""
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)


class Pool:
    """Idle workers, and room for more."""

    def __init__(self, size: int = MAX_WORKERS) -> None:
        self._idle: list[Worker] = []
        self._slots = threading.Semaphore(size)
        self._lock = threading.Lock()
        self._owner = os.getpid()

    def _take(self) -> Worker:
        with self._lock:
            if self._owner != os.getpid():
                # After a fork the pipes belong to the parent; two readers of one pipe would swap verdicts.
                self._idle, self._owner = [], os.getpid()
            while self._idle:
                worker = self._idle.pop()
                if worker.alive():
                    return worker
                worker.stop()
        return Worker()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The reply to one request; ``{"failure": ..., "reason": ...}`` where there is none.

        Raises:
            EntminError: no process can be started at all.
        """
        line = json.dumps(request).encode()
        with self._slots:
            for attempt in range(1, TRIES + 1):
                worker = self._take()
                try:
                    reply = worker.ask(line)
                except WorkerEndedError as ended:
                    worker.stop()
                    if ended.reason == "start" and attempt == TRIES:
                        raise EntminError(
                            f"no grading process could be started ({ended}); `{sys.executable} -m entmin.grading.child`"
                            " shows why"
                        ) from ended
                    if ended.reason == "timeout" or attempt == TRIES:
                        return {"failure": str(ended), "reason": ended.reason}
                except BaseException:
                    worker.stop()
                    raise
                else:
                    with self._lock:
                        self._idle.append(worker)
                    return reply
        raise AssertionError("unreachable")

    def pids(self) -> list[int]:
        """Process ids of the idle workers."""
        with self._lock:
            return [worker.pid for worker in self._idle]

    def close(self) -> None:
        """End every idle worker."""
        with self._lock:
            workers, self._idle = self._idle, []
        if self._owner == os.getpid():
            for worker in workers:
                worker.stop()


_shared: Pool | None = None
_shared_lock = threading.Lock()


def shared() -> Pool:
    """The pool of this process, started on first use."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = Pool()
            atexit.register(_shared.close)
        return _shared
