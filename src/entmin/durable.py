"""Files that a kill cannot leave in halves, and folders that one process has at a time."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from entmin.errors import EntminError, UsageError
from entmin.terminal import say

_TOLD = partial(say, err=True)
LOCK = ".lock"
"""Name of the file that says that a process works in its folder; it stays, empty."""


def write_whole(path: Path, text: str) -> None:
    """Write a file that is the old one or the new one, whenever the process is killed.

    Raises:
        OSError: it cannot be written; what was there is still there.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        scratch.write_text(text, encoding="utf-8", errors="backslashreplace")
        os.replace(scratch, path)
    except BaseException:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)
        raise


def append_row(path: Path, row: dict[str, Any]) -> None:
    """Add one line of JSON and hand it to the operating system; a last line that a kill cut short is removed first.

    Raises:
        OSError: it cannot be written; the lines before are still there.
    """
    with path.open("ab+") as file:
        cut_tail(path)
        file.write(json.dumps(row).encode() + b"\n")


def cut_tail(path: Path) -> None:
    """Remove what stands after the last line end of a file."""
    with path.open("rb+") as file:
        size = end = file.seek(0, os.SEEK_END)
        while end and (file.seek(end - 1), file.read(1))[1] != b"\n":
            end -= 1
        if end < size:
            file.truncate(end)


@contextlib.contextmanager
def alone(path: Path, *, wait: bool = True, notify: Callable[[str], None] = _TOLD) -> Iterator[None]:
    """Have a folder or a file for this process, until the block or the process ends.

    Args:
        path: a file, or a folder, which is made where it does not exist.
        wait: whether to wait for another process that has it, which is told in a line.
        notify: takes that line.

    Raises:
        UsageError: another process has it, and `wait` is off.
        EntminError: nothing can be written there.
    """
    try:
        if not path.is_file():
            path.mkdir(parents=True, exist_ok=True)
        file = (path if path.is_file() else path / LOCK).open("a")
    except OSError as error:
        raise EntminError(f"cannot write in {path}: {error}; free space or choose another place") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                raise UsageError(
                    f"another entmin process works in {path}: wait until it ends, or choose another place"
                ) from None
            notify(f"another entmin process works in {path}; waiting until it ends")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
