"""Bubblewrap as an Inspect sandbox: ``--sandbox bubblewrap`` for any Inspect task, where docker is too much.

Inspect's contract is a small machine: commands and files in a working folder that lasts for a sample. So here, unlike
in our own benchmarks, there is a folder of the host (a temporary one) that programs write to, and the system's commands
are visible, read-only. Everything else is as in bubblewrap.py: no network, no home, no privileges, limits.

Files are read and written from inside. A program may leave a symbolic link in its folder; followed out here, it would
hand over a file of the host.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Literal, overload

from inspect_ai.util import (
    ExecResult,
    OutputLimitExceededError,
    SandboxEnvironment,
    SandboxEnvironmentLimits,
    sandboxenv,
    subprocess,
)
from typing_extensions import override

from entmin.sandbox import bubblewrap
from entmin.sandbox.bubblewrap import WORK
from entmin.sandbox.limits import MIB, Limits
from entmin.sandbox.process import descendants, held
from entmin.sandbox.sandbox import open_sandbox
from entmin.sandbox.seccomp import filter_program

_DESCRIPTOR = 9
_WATCH_SECONDS = 0.2
_FILTER = (
    f"import os,sys; r,w=os.pipe(); os.write(w,bytes.fromhex(sys.argv[1])); os.close(w); os.dup2(r,{_DESCRIPTOR});"
    "os.execv(sys.argv[2],sys.argv[2:])"
)
_LIMITS = Limits(cpu_seconds=600, memory_mib=4096, processes=256, file_mib=256, disk_mib=256)
_START = """
import os, resource, sys
uid, cpu, memory, processes, size = map(int, sys.argv[1:6])
if uid:
    os.setgroups([]); os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid)
for kind, value in ((resource.RLIMIT_CPU, cpu), (resource.RLIMIT_AS, memory), (resource.RLIMIT_NPROC, processes),
                    (resource.RLIMIT_FSIZE, size), (resource.RLIMIT_CORE, 0)):
    resource.setrlimit(kind, (value, value))
try:
    os.chdir(sys.argv[6])
    os.execvp(sys.argv[7], sys.argv[7:])
except OSError as error:
    sys.exit(f"{sys.argv[7]}: {error.strerror}")
"""
_READ = """
import base64, sys
data = open(sys.argv[1], "rb").read(int(sys.argv[2]) + 1)
if len(data) > int(sys.argv[2]):
    raise OverflowError
sys.stdout.write(base64.b64encode(data).decode())
"""
_WRITE = (
    "import base64,os,sys; os.makedirs(os.path.dirname(os.path.abspath(sys.argv[1])), exist_ok=True);"
    "open(sys.argv[1],'wb').write(base64.b64decode(sys.stdin.read()))"
)


class _Watch:
    """Ends the processes that see a folder when together they hold too much memory."""

    def __init__(self, folder: str, memory: int) -> None:
        self._folder, self._memory = folder.encode(), memory
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.exceeded = False

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()

    def _look(self) -> None:
        while not self._done.wait(_WATCH_SECONDS):
            # The sandbox's own first process has the folder in its command line; what runs inside is below it.
            first = [pid for pid in descendants(os.getpid()) if self._folder in _command_line(pid)]
            if sum(map(held, {below for pid in first for below in descendants(pid)})) > self._memory:
                self.exceeded = True
                for pid in first:
                    with contextlib.suppress(OSError):
                        os.kill(pid, signal.SIGKILL)


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@sandboxenv(name="bubblewrap")
class BubblewrapSandbox(SandboxEnvironment):
    """A working folder for one sample, and commands that see it and little else."""

    def __init__(self) -> None:
        super().__init__()
        open_sandbox("bubblewrap")
        self._folder = tempfile.mkdtemp(prefix="entmin-sandbox-")
        self._uid = bubblewrap.USERS + secrets.randbelow(bubblewrap.USERS) if os.geteuid() == 0 else 0
        if self._uid:
            os.chown(self._folder, self._uid, self._uid)

    @override
    @classmethod
    async def sample_init(
        cls, task_name: str, config: object, metadata: dict[str, str]
    ) -> dict[str, SandboxEnvironment]:
        """One empty folder."""
        return {"default": cls()}

    @override
    @classmethod
    async def sample_cleanup(
        cls,
        task_name: str,
        config: object,
        environments: dict[str, SandboxEnvironment],
        interrupted: bool,
    ) -> None:
        """Remove the folders."""
        for environment in environments.values():
            shutil.rmtree(environment.as_type(BubblewrapSandbox)._folder, ignore_errors=True)

    @override
    async def exec(
        self,
        cmd: list[str],
        input: str | bytes | None = None,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        user: str | None = None,
        timeout: int | None = None,
        timeout_retry: bool = True,
        concurrency: bool = True,
    ) -> ExecResult[str]:
        """Run a command in the folder; `user` is not heeded, there is only one.

        Of more output than Inspect allows, the end is kept. Processes that together hold more memory than one may are
        ended.
        """
        most = SandboxEnvironmentLimits.MAX_EXEC_OUTPUT_SIZE
        return await self._run(cmd, most, input, cwd, env, timeout, concurrency)

    async def _run(
        self,
        cmd: list[str],
        most: int,
        input: str | bytes | None = None,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        timeout: int | None = None,
        concurrency: bool = True,
    ) -> ExecResult[str]:
        numbers = (self._uid, _LIMITS.cpu_seconds, _LIMITS.memory_mib << 20, _LIMITS.processes, _LIMITS.file_mib << 20)
        place = os.path.join(WORK, cwd or "")
        start = [bubblewrap.interpreter(), *bubblewrap.PYTHON_OPTIONS, "-c", _START, *map(str, numbers), place, *cmd]
        program = filter_program()
        argv = bubblewrap.workspace(
            self._folder,
            start,
            environment=env or {},
            disk_mib=_LIMITS.disk_mib,
            filter_descriptor=_DESCRIPTOR if program else None,
        )
        if program:
            # Inspect's subprocess passes no descriptors on, so a process in between opens the filter's.
            argv = [sys.executable, "-S", "-c", _FILTER, program.hex(), *argv]
        with _Watch(self._folder, _LIMITS.memory_mib * MIB) as watch:
            result = await subprocess(
                argv, input=input, timeout=timeout, concurrency=concurrency, cwd=os.sep, output_limit=most
            )
        if watch.exceeded:
            return ExecResult(False, 137, result.stdout, f"{result.stderr}\nended: more than {_LIMITS.memory_mib} MiB")
        return result

    @override
    async def write_file(self, file: str, contents: str | bytes) -> None:
        """Write from inside."""
        data = contents.encode() if isinstance(contents, str) else contents
        result = await self.exec([bubblewrap.interpreter(), "-c", _WRITE, file], input=base64.b64encode(data))
        self._complain(file, result)

    @overload
    async def read_file(self, file: str, text: Literal[True] = True) -> str: ...

    @overload
    async def read_file(self, file: str, text: Literal[False]) -> bytes: ...

    @override
    async def read_file(self, file: str, text: bool = True) -> str | bytes:
        """Read from inside."""
        most = SandboxEnvironmentLimits.MAX_READ_FILE_SIZE
        result = await self._run([bubblewrap.interpreter(), "-c", _READ, file, str(most)], 2 * most)
        if "OverflowError" in result.stderr:
            raise OutputLimitExceededError(SandboxEnvironmentLimits.MAX_READ_FILE_SIZE_STR, None)
        self._complain(file, result)
        data = base64.b64decode(result.stdout)
        return data.decode() if text else data

    @staticmethod
    def _complain(file: str, result: ExecResult[str]) -> None:
        if result.success:
            return
        for kind in (FileNotFoundError, PermissionError, IsADirectoryError):
            if kind.__name__ in result.stderr:
                raise kind(file)
        raise OSError(f"{file}: {result.stderr[-300:]}")
