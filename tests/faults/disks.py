"""A small disk of one's own, that can be filled, freed, and made read-only: a real file system in memory."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass
class Disk:
    """A mounted file system."""

    folder: Path

    def mount(self, options: str) -> None:
        """Mount it, or change how it is mounted."""
        again = ",remount" if self.folder.is_mount() else ""
        line = ["mount", "-t", "tmpfs", "-o", f"{options}{again}", "tmpfs", str(self.folder)]
        subprocess.run(line, check=True, capture_output=True)


@contextlib.contextmanager
def disk(folder: Path, kilobytes: int) -> Iterator[Disk]:
    """A disk of a size, mounted in a folder; skips where this user may not mount."""
    folder.mkdir(parents=True)
    made = Disk(folder)
    try:
        made.mount(f"size={kilobytes}k")
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no small disk can be mounted here ({error}); RLIMIT_FSIZE stands for one in the default tests")
    try:
        yield made
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)
