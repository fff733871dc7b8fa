"""Where files are kept between runs: converted models, and the targets of SciCode."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """``ENTMIN_CACHE``, else ``XDG_CACHE_HOME``/entmin, else ``~/.cache/entmin``."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("ENTMIN_CACHE") or Path(home) / "entmin")
