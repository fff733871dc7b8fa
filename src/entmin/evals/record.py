"""What must be known about a run to read its numbers later: versions, hardware, source revision."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("entmin", "torch", "transformers", "inspect-ai", "math-verify", "reasoning-gym", "numpy", "vllm")


def versions() -> dict[str, str]:
    """Installed versions of the libraries a number can depend on."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, Any]:
    """Processor, cores, threads and accelerator; the latter two only where torch was used in this process."""
    found = {"machine": platform.machine(), "processor": _processor(), "cores": os.cpu_count()}
    torch = sys.modules.get("torch")
    if torch is None:
        return found
    accelerator = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {**found, "threads": torch.get_num_threads(), "accelerator": accelerator}


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def git_revision() -> str | None:
    """Commit of the working tree that entmin runs from, ``+`` appended when it has changes; None outside git."""
    here = Path(__file__).parent

    def git(*args: str) -> str:
        return subprocess.run(
            ["git", "-C", str(here), *args], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None
