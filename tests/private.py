"""Record files are their user's alone."""

from __future__ import annotations

import stat
from pathlib import Path


def open_to_others(folder: Path, *, but: tuple[str, ...] = ()) -> list[str]:
    """Files and folders under a folder, itself included, that others than their user may read, write or enter."""
    every = [folder, *folder.rglob("*")]
    return [f"{path} {stat.filemode(path.stat().st_mode)}" for path in every
            if path.stat().st_mode & 0o077 and path.suffix not in but]  # fmt: skip
