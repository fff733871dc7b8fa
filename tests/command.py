"""The real `entmin` command, in a subprocess or in this process."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import signal
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
            # A shell starts its background jobs, and so perhaps this test run, deaf to Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def on_terminal(self, stream: str, *args: str | Path) -> str:
        """What the command writes to ``stdout`` or ``stderr`` where that is a terminal."""
        main, side = pty.openpty()
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: side}
        environment = {**self.environment, "TERM": "xterm-256color"}
        process = subprocess.Popen([*MAIN, *map(str, args)], cwd=self.folder, env=environment, **streams)
        os.close(side)
        written = b""
        with contextlib.suppress(OSError):  # how the end of a terminal reads
            while block := os.read(main, 4096):
                written += block
        os.close(main)
        assert process.wait(timeout=60) == 0, written.decode()
        return written.decode()


@dataclass
class InProcess:
    """The same entry point without the seconds that a new interpreter spends on imports."""

    folder: Path

    def __call__(self, *args: str | Path, code: int | None = 0, **env: str) -> subprocess.CompletedProcess[str]:
        from entmin.cli import main

        out, err, exit_code, old = io.StringIO(), io.StringIO(), 0, dict(os.environ)
        os.environ.update(env)
        try:
            with contextlib.chdir(self.folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                main([str(arg) for arg in args])
        except SystemExit as stop:
            exit_code = int(stop.code or 0)
        finally:
            os.environ.clear()
            os.environ.update(old)
        done = subprocess.CompletedProcess(args, exit_code, out.getvalue(), err.getvalue())
        if code is not None:
            assert exit_code == code, f"exit {exit_code}\n{done.stdout}\n{done.stderr}"
        return done
