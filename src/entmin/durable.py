"""Files that a kill cannot leave in halves, and folders that one process has at a time; both are their user's alone.

Records hold prompts, answers and paths. A new one is readable by nobody else: 0600, folders 0700, or less where the
umask takes more away. One that is there already keeps the mode that its user gave it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from entmin.errors import EntminError, UsageError
from entmin.terminal import say

_TOLD = partial(say, err=True)
LOCK = ".lock"
"""Name of the file that says that a process works in its folder; it stays, empty."""


def private(path: str, flags: int) -> int:
    """Open a file that, where it is new, is its user's alone; the `opener` of the built-in `open`."""
    return os.open(path, flags, 0o600)


def require_place(path: Path, option: str) -> None:
    """Refuse a folder in which nothing can be written, before anything is computed; nothing is made.

    Args:
        path: the folder, which may not be there yet.
        option: what would choose another one.

    Raises:
        EntminError: so it is.
    """
    place = next(one for one in (path, *path.absolute().parents) if one.exists())
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b" " * 4096)
    except OSError as error:
        raise EntminError(
            f"cannot write in {place}: {error.strerror}; free space or choose another {option}"
        ) from error


def require_page(path: Path | None, option: str) -> None:
    """The same for a file that is written at the end.

    Raises:
        EntminError: it cannot be written.
    """
    if path is not None and path.is_dir():
        raise UsageError(f"{option} {path} is a folder: name a file in it")
    if path is not None:
        require_place(path.absolute().parent, option)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, as far as they are missing, for their user alone.

    Raises:
        OSError: one cannot be made, or is no folder.
    """
    for missing in [one for one in reversed((path, *path.parents)) if not one.exists()]:
        missing.mkdir(mode=0o700, exist_ok=True)
    path.mkdir(exist_ok=True)  # which complains where it is a file


@contextlib.contextmanager
def private_files() -> Iterator[None]:
    """New files of this process, whoever writes them, are its user's alone until the block ends."""
    before = os.umask(0o077)
    os.umask(before | 0o077)
    try:
        yield
    finally:
        os.umask(before)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file that is the old one or the new one, whenever the process is killed.

    Raises:
        OSError: it cannot be written; what was there is still there.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(scratch, "wb", opener=private) as file:
            if path.exists():
                os.fchmod(file.fileno(), path.stat().st_mode & 0o777)
            file.write(content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace"))
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
    with open(path, "ab+", opener=private) as file:
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
        if not path.exists():
            make_folder(path)
        file = open(path / LOCK if path.is_dir() else path, "a", opener=private)
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
