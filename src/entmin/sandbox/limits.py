"""A program to run, its limits, and the outcome. Plain data, importable anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

MIB = 1 << 20
Ending = Literal["ok", "wrong", "timeout", "memory", "crash", "compile"]
"""``ok``: it ran to its end (and, for asserts, all of them held). ``wrong``: an assertion failed. The others say
how it broke."""
Kind = Literal["asserts", "stdin", "call"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The resources of one program. Processor time decides; the wall clock only ends what does not use any."""

    cpu_seconds: int = 10
    """Processor seconds of one case, of each process of it."""
    wall_seconds: float = 60.0
    """Seconds on the clock for one case: generous, so that a loaded machine does not turn right into wrong."""
    memory_mib: int = 1024
    """Address space of a process, and resident memory of all processes together."""
    processes: int = 32
    """Processes and threads together."""
    file_mib: int = 16
    """Largest file."""
    disk_mib: int = 64
    """All files together; they live in memory."""
    output_mib: int = 8
    """Standard output and standard error of one case."""
    open_files: int = 128
    inodes: int = 8192
    """Files, folders and links together; each holds kernel memory that no other limit sees."""

    def record(self) -> dict[str, int | float]:
        """The JSON form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Case:
    """One execution of a program: what is appended to it, or what it reads or is called with."""

    tests: str = ""
    """``asserts``: code that runs after the program, in the same module."""
    input: str = ""
    """``stdin``: its standard input."""
    arguments: tuple[Any, ...] = ()
    """``call``: JSON values."""
    code: str | None = None
    """Another program than `Program.code`, where cases differ in it."""


@dataclass(frozen=True, slots=True)
class Program:
    """Untrusted code and how to run it; cases run one after another in one sandbox, each in its own process."""

    kind: Kind
    code: str
    cases: tuple[Case, ...]
    setup: str = ""
    """Trusted code that runs before it in the same module, such as imports."""
    function: str = ""
    """``call``: the function, or the method of a class Solution."""
    preload: tuple[str, ...] = ()
    """Modules imported once for all cases."""
    packages: tuple[str, ...] = ()
    """Installed packages it may import beside the standard library."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Host files for the tests: name to path. The tests find an open descriptor as ``FILES[name]``; a program that is
    judged apart finds nothing."""

    entries: tuple[str, ...] = ()
    """``asserts``: the names that the tests use of the program. With them, the tests run in a process of their own
    and see the program through calls only; without, in the program's process, where it can bend its own verdict."""
    seeded: bool = False
    """With `entries`: random numbers that the tests seed are seeded for the program too."""

    def frames(
        self, limits: Limits, files: Mapping[str, int | str], *, uids: tuple[int | None, int | None], isolated: bool
    ) -> Iterator[bytes]:
        """What the launcher inside the sandbox is told: each part by its own process alone, see inside/launch.py."""
        yield _frame(
            {
                "kind": self.kind,
                "setup": self.setup,
                "function": self.function,
                "preload": list(self.preload),
                "entries": list(self.entries),
                "seeded": self.seeded,
                "files": dict(files),
                "count": len(self.cases),
                "limits": limits.record(),
                "uids": list(uids),
                "isolated": isolated,
            }
        )
        for case in self.cases:
            known = {"code": self.code if case.code is None else case.code, "input": case.input}
            tests = {"tests": case.tests}
            if self.entries:
                yield _frame(known)
                yield _frame(tests)
            else:
                yield _frame(known | tests | {"arguments": case.arguments})


def _frame(content: dict[str, Any]) -> bytes:
    data = json.dumps(content).encode()
    return len(data).to_bytes(8, "big") + data


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one case."""

    ending: Ending
    detail: str = ""
    """The exception, the signal, or the limit that was met; at most a line."""
    output: str = ""
    """``stdin``: what it wrote to standard output."""
    result: Any = None
    """``call``: what it returned, as JSON."""
    cpu_seconds: float = 0.0
    uncrossable: bool = False
    """The tests hand over a value that cannot pass to another process."""
    in_process: bool = False
    """``asserts``: the tests ran in the program's own process, where it can bend its verdict."""
