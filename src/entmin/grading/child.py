"""A grading process: reads requests from its standard input until that closes, answers on its standard output.

Its clock is processor time, kept by the kernel: a request that uses more is ended with the process, inside C code too,
and load on the machine changes nothing. The process can write no file, start no process and open no connection, has
bounded memory, and ends when its parent does because its input closes then.
"""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import sys
from typing import Any, BinaryIO

from entmin.grading.judge import handle

CPU_SECONDS = 2.0
"""Processor time for one request; an ordinary one takes a thousandth of it."""
_MEMORY = 2 << 30
_MAX_INT_DIGITS = 30_000
_READ_FLAGS = 0o3
_FORBIDDEN = (
    "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "subprocess.Popen", "os.kill",
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown",
    "os.putenv", "shutil.", "socket.", "ctypes.", "pty.", "signal.pthread_kill", "tempfile.", "urllib.", "ftplib.",
)  # fmt: skip


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """Audit hook: what no grading needs is an error, wherever it is called from."""
    if event == "open":
        mode, flags = arguments[1], arguments[2]
        writes = isinstance(mode, str) and any(letter in mode for letter in "wax+")
        if writes or (isinstance(flags, int) and flags & _READ_FLAGS):
            raise PermissionError("a grading process writes no files")
    elif event.startswith(_FORBIDDEN):
        raise PermissionError(f"a grading process may not call {event}")


def confine() -> None:
    """Give up everything a grading does not need."""
    limits = [
        (resource.RLIMIT_AS, _MEMORY), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ]  # fmt: skip
    for limit, value in limits:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (value, value))
    sys.set_int_max_str_digits(_MAX_INT_DIGITS)
    sys.setrecursionlimit(5_000)
    sys.addaudithook(_refuse)


def answer(line: bytes) -> bytes:
    """One request to one reply; a defect of ours is reported as such and the process goes on."""
    try:
        reply = handle(json.loads(line))
    except MemoryError:
        reply = {"failure": "out of memory"}
    except Exception as error:  # the process border
        reply = {"failure": f"{type(error).__name__}: {error}"[:300]}
    return json.dumps(reply).encode() + b"\n"


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer until the input closes."""
    for line in requests:
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        reply = answer(line)
        signal.setitimer(signal.ITIMER_PROF, 0)
        replies.write(reply)
        replies.flush()


def main() -> None:
    """Warm up, confine, serve."""
    import entmin.grading.symbolic as symbolic

    symbolic.warm()
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    confine()
    sys.stdout.buffer.write(b"ready\n")
    sys.stdout.buffer.flush()
    serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
