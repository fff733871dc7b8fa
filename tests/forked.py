"""The real command in a process of its own, forked from one that has made the imports: a start costs no seconds.

The process is as real as any: it has its own streams, folder and environment, gets real signals, writes real files, and
is gone after SIGKILL. What an import costs, or reads (the environment, limits of the process), it cannot show.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from multiprocessing import reduction

COMMAND = "from entmin.cli import main; main()"
"""What the process runs, unless it is told something else."""

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.warm"])


class _Stream:
    """A file descriptor of this process that the other is handed as its own."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self):
        return _received, (reduction.DupFd(self.number),)


def _received(handed) -> int:
    return handed.detach()


def _main(code: str, arguments: list[str], streams: list[int], folder: str, environment: dict[str, str]) -> None:
    os.setpgid(0, 0)  # a Ctrl-C goes to all processes of the group, as from a terminal
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = [one for one in environment.get("PYTHONPATH", "").split(os.pathsep) if one]
    sys.argv = ["-c", *arguments]
    sys.stdin = open(0, closefd=False)
    sys.stdout, sys.stderr = (
        # As an interpreter opens them: a pipe is written in blocks.
        open(number, "w", encoding="utf-8", errors=errors, buffering=1 if os.isatty(number) or number == 2 else -1,
             closefd=False)
        for number, errors in ((1, "strict"), (2, "backslashreplace"))
    )  # fmt: skip
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        exec(code, {"__name__": "__main__"})
    finally:  # what an interpreter does at its end, in the same order
        threading._shutdown()
        atexit._run_exitfuncs()


class Forked(subprocess.Popen):
    """A `subprocess.Popen` of the command with some arguments; `before` is Python that the process runs first."""

    def __init__(self, arguments: Sequence[object], *, before: str = "", code: str = COMMAND, **options) -> None:
        self._code = f"{before}\n{code}"
        super().__init__([str(one) for one in arguments], **options)

    def _execute_child(
        self, args, executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo, creationflags, shell, *pipes
    ) -> None:
        """In the place of fork and exec; `pipes` begins with two ends for each stream, -1 where it is inherited."""
        assert preexec_fn is None, "functions do not travel; say it in `before`"
        ends = pipes[:6]
        streams = [_Stream(end if end != -1 else number) for number, end in enumerate((ends[0], ends[3], ends[5]))]
        given = (self._code, args, streams, str(cwd or os.getcwd()), dict(os.environ if env is None else env))
        self.forked = _context.Process(target=_main, args=given)
        self.forked.start()
        self.pid = self.forked.pid
        self._close_pipe_fds(*ends)

    def poll(self) -> int | None:
        """Its exit code once it has ended, negative for a signal."""
        if self.returncode is None:
            self.returncode = self.forked.exitcode
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code."""
        if self.poll() is None:
            self.forked.join(timeout)
        if self.poll() is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.returncode

    def _internal_poll(self, **_) -> int | None:
        return self.poll()
