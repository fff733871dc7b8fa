"""The sandbox as the rest of entmin sees it: opened once, proved once, then any number of programs from any thread.

``bubblewrap`` isolates. ``docker`` is the way where bubblewrap is missing. ``unsafe-none`` is a plain process with
limits and nothing else: the program has the rights of the user. There is no falling back from one to another.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from entmin.errors import EntminError, UsageError
from entmin.sandbox import bubblewrap, cgroups, docker
from entmin.sandbox.cgroups import Group
from entmin.sandbox.limits import MIB, Case, Limits, Outcome, Program
from entmin.sandbox.outcomes import outcome_of
from entmin.sandbox.process import FloodError, MemoryExceededError, Session, SilenceError
from entmin.sandbox.seccomp import filter_program
from entmin.sandbox.speed import slowness
from entmin.terminal import say

KINDS = ("bubblewrap", "docker", "unsafe-none")
VERSION = "3"
"""Version of the rules that turn an execution into a verdict."""
_START_SECONDS = 60.0
_SLEPT_SECONDS = 0.5
"""A case that took too long on less processor time waited for something: a second try would end no other way."""


class _Slots:
    """One program per core, as more would only wait while the clock runs; or one alone."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._free = threading.BoundedSemaphore(count)
        self._one_alone = threading.Lock()

    @contextmanager
    def taken(self, *, alone: bool) -> Iterator[None]:
        """Have a slot, or all of them: whoever wants all holds none before, so no two wait for each other."""
        with self._one_alone if alone else nullcontext(), ExitStack() as held:
            for _ in range(self._count if alone else 1):
                held.enter_context(self._free)
            yield


_slots = _Slots(max(1, os.cpu_count() or 1))


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A way of running programs that has proved to work here."""

    kind: str
    version: str | None = None
    filtered: bool = False
    """Whether system calls are filtered."""

    def record(self) -> dict[str, Any]:
        """What a log must say about it."""
        return {
            "sandbox": self.kind,
            "sandbox_version": self.version,
            "system_call_filter": self.filtered,
            "machine_slowness": slowness(),
            "control_group": self.kind == "bubblewrap" and cgroups.parent() is not None,
            "rules": VERSION,
        }

    def run(
        self, program: Program, limits: Limits, go_on: Callable[[int, Outcome], bool] | None = None
    ) -> list[Outcome]:
        """Run the cases of `program` in order; blocks, and may be called from several threads.

        The first case that takes too long is tried once more while no other program runs, which decides.

        Args:
            program: What to run.
            limits: What each case may use.
            go_on: Called with each outcome; False ends the run there. By default all cases run.

        Returns:
            An outcome for each case that was run.

        Raises:
            EntminError: the sandbox itself failed.
        """
        outcomes: list[Outcome] = []
        again = False
        while len(outcomes) < len(program.cases):
            with _slots.taken(alone=again):
                last = len(outcomes) + 1 if again else None
                rest = replace(program, cases=program.cases[len(outcomes) : last])
                for outcome in self._outcomes(rest, limits):
                    settled = self._settled(program, len(outcomes), outcome, limits)
                    if _unlucky(settled) and not again and not any(one.ending == "timeout" for one in outcomes):
                        again = True
                        break
                    if again and settled.ending == "timeout":
                        settled = replace(settled, detail=f"{settled.detail}, tried twice")
                    again = False
                    outcomes.append(settled)
                    if go_on is not None and not go_on(len(outcomes) - 1, settled):
                        return outcomes
        return outcomes

    def _settled(self, program: Program, index: int, outcome: Outcome, limits: Limits) -> Outcome:
        """The outcome, or that of tests and program in one process where the tests cannot be held apart."""
        if outcome.uncrossable:
            program = replace(program, entries=(), cases=program.cases[index : index + 1])
            outcome = next(self._outcomes(program, limits))
        return replace(outcome, in_process=program.kind == "asserts" and not program.entries)

    def _outcomes(self, program: Program, limits: Limits) -> Iterator[Outcome]:
        """Outcomes in order, up to and including the first case that broke the launcher."""
        done, ready = 0, False
        with self._session(program, limits) as (session, group):
            memory, most = _memory(limits), 12 * limits.output_mib * MIB
            try:
                for line in session.lines(_START_SECONDS, memory, most):
                    if not ready:
                        ready = True
                        continue
                    yield outcome_of(line, program.kind, limits)
                    done += 1
            except MemoryExceededError:
                yield Outcome("memory", "its processes together hold too much memory")
                return
            except SilenceError:
                yield Outcome("timeout", "the launcher was kept from reporting")
                return
            except FloodError:
                yield Outcome("crash", "more output than a report holds")
                return
            if not ready:
                last = session.errors.decode("utf-8", "replace").strip().splitlines()[-1:] or ["no message"]
                raise EntminError(f"the {self.kind} sandbox could not start: {last[0]}; run `entmin doctor`")
            starved = group is not None and group.starved()
        if starved:
            yield Outcome("memory", "its processes together hold too much memory")
        elif done < len(program.cases):
            yield Outcome("crash", "it ended its own launcher")

    @contextmanager
    def _session(self, program: Program, limits: Limits) -> Iterator[tuple[Session, Group | None]]:
        environment: dict[str, str] = {}
        uids: tuple[int | None, int | None] = (None, None)
        with _filter_descriptor(self.filtered) as descriptor, _opened(program.files) as opened:
            files: Mapping[str, int | str] = opened
            passed = (*opened.values(), *(() if descriptor is None else (descriptor,)))
            if self.kind == "bubblewrap":
                made = bubblewrap.command(
                    disk_mib=limits.disk_mib, packages=program.packages, filter_descriptor=descriptor
                )
                argv, uids = made.argv, made.uids
            elif self.kind == "docker":
                argv, uids = docker.command(limits, program.packages, program.files), docker.USERS
                environment, passed = dict(os.environ), ()
                files = {name: f"{docker.DATA}/{name}" for name in program.files}
            else:
                folder = os.path.dirname(bubblewrap.inside())
                argv = (bubblewrap.interpreter(), *bubblewrap.PYTHON_OPTIONS, "-c", bubblewrap.boot(folder))
                environment = bubblewrap.ENVIRONMENT | {"PYTHONPATH": _search_path(program.packages)}
            given = program.frames(limits, files, uids=uids, isolated=self.kind != "unsafe-none")
            room = _memory(limits) + limits.disk_mib * MIB
            with cgroups.group(room) if self.kind == "bubblewrap" else nullcontext() as group:
                argv = argv if group is None else group.entered(argv)
                with Session(argv, given, passed, environment) as session:
                    yield session, group


def _unlucky(outcome: Outcome) -> bool:
    """Whether it may have been for want of a core that a case took too long."""
    return outcome.ending == "timeout" and outcome.cpu_seconds >= _SLEPT_SECONDS


def _memory(limits: Limits) -> int:
    """Bytes that all processes of a program may hold together."""
    return int(1.5 * limits.memory_mib * MIB)


@contextmanager
def _opened(files: Mapping[str, str]) -> Iterator[dict[str, int]]:
    """Name to an open descriptor."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(open(path, "rb")).fileno() for name, path in files.items()}


@contextmanager
def _filter_descriptor(wanted: bool) -> Iterator[int | None]:
    program = filter_program() if wanted else None
    if program is None:
        yield None
        return
    reading, writing = os.pipe()
    os.write(writing, program)
    os.close(writing)
    try:
        yield reading
    finally:
        os.close(reading)


def _search_path(packages: tuple[str, ...]) -> str:
    return os.pathsep.join({os.path.dirname(source) for source in bubblewrap.package_mounts(packages).values()})


_PROBE = Program("asserts", "import math\nf = math.sqrt", (Case(tests="assert f(4) == 2"),), entries=("f",))


@cache
def open_sandbox(kind: str = "bubblewrap") -> Sandbox:
    """The sandbox called `kind`, after one program has proved that it works here.

    Raises:
        UsageError: there is no such sandbox.
        EntminError: it does not work here; the message says what to install or allow.
    """
    if kind not in KINDS:
        raise UsageError(f"unknown sandbox {kind!r}; there are {', '.join(KINDS)}")
    if kind == "bubblewrap" and bubblewrap.executable() is None:
        raise EntminError(_REFUSAL.format(why="bubblewrap is not installed"))
    filtered = kind == "bubblewrap" and filter_program() is not None
    sandbox = Sandbox(kind, _version(kind), filtered)
    try:
        outcome = sandbox.run(_PROBE, Limits())[0]
    except (EntminError, OSError) as error:
        raise EntminError(_REFUSAL.format(why=f"{kind} does not work here ({error})")) from error
    if outcome.ending != "ok":
        raise EntminError(_REFUSAL.format(why=f"{kind} does not work here ({outcome.ending}: {outcome.detail})"))
    if kind == "unsafe-none":
        say("warning: programs run WITHOUT a sandbox, with your rights", err=True)
    return sandbox


_REFUSAL = (
    "code benchmarks run programs that a model wrote, and need a sandbox: {why}. "
    "Install bubblewrap (apt-get install bubblewrap; the kernel must allow user namespaces, or run as root, or make "
    "bwrap setuid), or use docker (-T sandbox=docker). --unsafe-no-sandbox runs them with your own rights instead"
)


def _version(kind: str) -> str | None:
    name = {"bubblewrap": "bwrap", "docker": "docker"}.get(kind)
    if name is None:
        return None
    try:
        shown = subprocess.run([name, "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return shown.strip()
