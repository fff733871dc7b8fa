"""How slow this machine is: limits of processor time are stated for a quick core and stretched by this factor.

A small program is timed once for each interpreter, and the result is kept in the cache folder, so that limits do not
change from run to run. It is never below 1: a quicker machine has the stated limits.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import platform
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

from entmin.cache_folder import cache_folder
from entmin.durable import make_folder, write_whole
from entmin.sandbox.limits import Limits

REFERENCE_SECONDS = 0.006
"""What a quick core of 2025 needs for the program."""
MOST = 10.0
_WORK = """
import time

def work():
    total, table, text = 0, {}, []
    for n in range(60_000):
        total += n * n % 7
        table[n % 1000] = total
        text.append(str(n))
    return len("".join(text)) + sum(n for n in sorted(table.values(), reverse=True) if n % 3)

def seconds():
    began = time.process_time()
    work()
    return time.process_time() - began

print(min(seconds() for _ in range(25)))
"""


@cache
def slowness() -> float:
    """This machine's processor time for a Python program over a quick core's, from 1 to 10."""
    known = hashlib.sha256("\n".join((_WORK, platform.node(), _processor(), sys.executable, sys.version)).encode())
    kept = cache_folder() / "machine" / f"{known.hexdigest()[:16]}.json"
    try:
        seconds = float(json.loads(kept.read_text(encoding="utf-8"))["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        seconds = _measured()
        with contextlib.suppress(OSError):
            make_folder(kept.parent)
            write_whole(kept, json.dumps({"seconds": seconds, "processor": _processor()}) + "\n")
    return round(min(max(seconds / REFERENCE_SECONDS, 1.0), MOST), 1)


def on_this_machine(limits: Limits) -> Limits:
    """The limits that give a program here what the stated ones give it on a quick core."""
    factor = slowness()
    return replace(
        limits, cpu_seconds=math.ceil(limits.cpu_seconds * factor), wall_seconds=limits.wall_seconds * factor
    )


def _measured() -> float:
    argv = [sys.executable, "-I", "-S", "-c", _WORK]
    return float(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line
    return platform.processor()
