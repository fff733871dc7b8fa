"""The real `entmin` command: in a new interpreter, in a process forked from a warm one, or in this process."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.forked import COMMAND

MAIN = [sys.executable, "-c", COMMAND]


def fresh(arguments: Sequence[str | Path], *, before: str = "", **options) -> subprocess.Popen:
    """The command in a new interpreter; `before` is Python that it runs first."""
    # A shell starts its background jobs, and so perhaps this test run, deaf to Ctrl-C.
    line = [sys.executable, "-c", f"{before}\n{COMMAND}", *map(str, arguments)]
    return subprocess.Popen(line, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **options)


@dataclass
class Runner:
    folder: Path
    environment: dict[str, str]
    begin: Callable[..., subprocess.Popen] = fresh

    def __call__(
        self, *args: str | Path, code: int | None = 0, said: str | bytes = "", before: str = "", **env: str
    ) -> subprocess.CompletedProcess:
        """Run it to its end; `said` is what stands on standard input."""
        with self.start(*args, before=before, stdin=subprocess.PIPE, text=isinstance(said, str), **env) as process:
            try:
                out, err = process.communicate(said, timeout=240)
            except BaseException:
                process.kill()
                raise
        if code is not None:
            assert process.returncode == code, f"exit {process.returncode}\n{out}\n{err}"
        return subprocess.CompletedProcess(args, process.returncode, out, err)

    def start(
        self, *args: str | Path, before: str = "", stdin: int = subprocess.DEVNULL, text: bool = True, **env: str
    ) -> subprocess.Popen:
        return self.begin(
            args, before=before, cwd=self.folder, env=self.environment | env, text=text,
            stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def on_terminal(self, stream: str, *args: str | Path) -> str:
        """What the command writes to ``stdout`` or ``stderr`` where that is a terminal."""
        main, side = pty.openpty()
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: side}
        environment = {**self.environment, "TERM": "xterm-256color"}
        process = self.begin(args, cwd=self.folder, env=environment, **streams)
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
