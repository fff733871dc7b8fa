"""The real `entmin` command in a subprocess."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

MAIN = [sys.executable, "-c", "from entmin.cli import main; main()"]


@dataclass
class Runner:
    folder: Path
    environment: dict[str, str]

    def __call__(self, *args: str | Path, code: int | None = 0, **env: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*MAIN, *map(str, args)],
            cwd=self.folder,
            env=self.environment | env,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        if code is not None:
            assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *args: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*MAIN, *map(str, args)],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
