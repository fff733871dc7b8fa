"""A control group for one sandbox, where the machine lets us make one: then the kernel counts memory, all of it.

It must be cgroup v2, and we must be allowed to make a group below our own or beside it with the memory controller, as
in a container with delegation or under ``systemd-run --user --scope -p Delegate=yes``. Elsewhere memory is watched from
outside (process.py).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_ENTER = 'echo 0 > "$0/cgroup.procs" && exec "$@"'


@dataclass(frozen=True, slots=True)
class Group:
    """A control group of its own."""

    path: Path

    def entered(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """The command, run inside the group from its first instruction on."""
        return ("/bin/sh", "-c", _ENTER, str(self.path), *argv)

    def starved(self) -> bool:
        """Whether the kernel ended it for its memory."""
        with contextlib.suppress(OSError, ValueError):
            lines = (self.path / "memory.events").read_text().splitlines()
            return any(line.startswith("oom_kill ") and int(line.split()[1]) > 0 for line in lines)
        return False


@cache
def parent(root: Path = ROOT) -> Path | None:
    """The group that we may make others in; None where there is none."""
    with contextlib.suppress(OSError, StopIteration, subprocess.SubprocessError):
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        own = root / next(line[3:].strip("/") for line in lines if line.startswith("0::"))
        for place in (own, own.parent):
            if place.is_relative_to(root) and "memory" in (place / "cgroup.subtree_control").read_text().split():
                with _made(place, 1 << 30) as group:
                    subprocess.run(group.entered(("true",)), check=True, timeout=10, capture_output=True)
                return place
    return None


@contextlib.contextmanager
def _made(place: Path, memory: int) -> Iterator[Group]:
    path = place / f"entmin-{os.getpid()}-{secrets.token_hex(4)}"
    path.mkdir()
    try:
        (path / "memory.max").write_text(str(memory))
        (path / "memory.oom.group").write_text("1")
        with contextlib.suppress(OSError):
            (path / "memory.swap.max").write_text("0")
        yield Group(path)
    finally:
        with contextlib.suppress(OSError):
            (path / "cgroup.kill").write_text("1")
        _remove(path)


def _remove(path: Path) -> None:
    """A group can go when its last process has."""
    for _ in range(50):
        try:
            path.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)


@contextlib.contextmanager
def group(memory: int) -> Iterator[Group | None]:
    """A group that may hold so many bytes; None where there can be none."""
    place = parent()
    if place is None:
        yield None
        return
    with _made(place, memory) as made:
        yield made
