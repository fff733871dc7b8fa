"""The processes of one case: what each of them holds, and what it does until it ends."""

from __future__ import annotations

import atexit
import builtins
import fcntl
import json
import os
import resource
import sys

from entmin.sandbox.inside.judge import judge
from entmin.sandbox.inside.solver import Solver, failure, namespace, run
from entmin.sandbox.inside.values import Channel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Spec = dict[str, Any]

HIGH = 512
"""Descriptors that must not be in the way are moved above this."""
_GRACE = 1


def limit(limits: dict[str, int]) -> None:
    """Limit this process and everything it starts."""
    cpu, memory, files = limits["cpu_seconds"], limits["memory_mib"] << 20, limits["file_mib"] << 20
    for kind, soft, hard in (
        (resource.RLIMIT_CPU, cpu, cpu + _GRACE),
        (resource.RLIMIT_AS, memory, memory),
        (resource.RLIMIT_NPROC, limits["processes"], limits["processes"]),
        (resource.RLIMIT_FSIZE, files, files),
        (resource.RLIMIT_NOFILE, limits["open_files"], limits["open_files"]),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_MEMLOCK, 0, 0),
        (resource.RLIMIT_MSGQUEUE, 0, 0),
        (resource.RLIMIT_STACK, 128 << 20, 128 << 20),
    ):
        _, most = resource.getrlimit(kind)
        if most != resource.RLIM_INFINITY:
            soft, hard = min(soft, most), min(hard, most)
        resource.setrlimit(kind, (soft, hard))


def plain(value: object, depth: int = 0) -> object:
    """The value as JSON can hold it: tuples and arrays become lists, NumPy's numbers numbers, the unknown its repr."""
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        value = value.tolist()
    if depth > 50 or value is None or isinstance(value, (bool, int, float, str)):
        return value if depth <= 50 else None
    if isinstance(value, (list, tuple)):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    return repr(value)[:1000]


def execute(spec: Spec, case: Spec, secret: str) -> Spec:
    """Run the case in this process; returns the event to report."""
    space, stage = namespace("__main__" if spec["kind"] == "stdin" else "solution"), "compile"
    space["FILES"] = spec["files"]
    try:
        program = compile(case["code"], "<program>", "exec", dont_inherit=True)
        stage = "setup"
        exec(compile(spec["setup"], "<setup>", "exec", dont_inherit=True), space)  # noqa: S102
        stage = "program"
        run(program, space)
        stage = "tests"
        if spec["kind"] == "asserts":
            exec(compile(case["tests"], "<tests>", "exec", dont_inherit=True), space)  # noqa: S102
            return {"passed": secret}
        if spec["kind"] == "call":
            owner = space["Solution"]() if "Solution" in space else None
            function = getattr(owner, spec["function"]) if owner is not None else space[spec["function"]]
            return {"passed": secret, "result": plain(function(*case["arguments"]))}
        finish(space)
        return {"passed": secret}
    except BaseException as error:
        return failure(stage, error)


def finish(space: Spec) -> None:
    """What an interpreter does at its end, for output that would be lost: threads, exit functions, open files."""
    if "threading" in sys.modules:
        sys.modules["threading"]._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    space.clear()


def enter(spec: Spec, uid: int | None, descriptors: list[int], *, files: bool) -> None:
    """Make this the process of a case: these descriptors from 0 on (and the files), another user, the limits."""
    os.setsid()
    for place, source in enumerate([fcntl.fcntl(one, fcntl.F_DUPFD, HIGH) for one in descriptors]):
        os.dup2(source, place)
    kept = sorted(spec["files"].values()) if files else []
    for first, last in zip((len(descriptors) - 1, *kept), (*kept, 2 * HIGH), strict=True):
        os.closerange(first + 1, last)
    sys.stdin = open(0, encoding="utf-8", errors="replace", closefd=False)
    sys.stdout = open(1, "w", encoding="utf-8", errors="replace", closefd=False)
    sys.stderr = open(2, "w", encoding="utf-8", errors="replace", closefd=False, buffering=1)
    for name in ("exit", "quit"):  # `site`, which is not imported here, would bring them
        setattr(builtins, name, sys.exit)
    sys.set_int_max_str_digits(0)
    if uid is not None:
        # A process that changed its user is closed to others: nobody can trace it or reach its files through /proc.
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    limit(spec["limits"])


def fork(work: Callable[[], None]) -> int:
    """Run `work` in a process of its own, which ends with it."""
    pid = os.fork()
    if pid == 0:
        leave = os._exit
        try:
            work()
            leave(0)
        finally:
            leave(70)
    return pid


def together(spec: Spec, case: Spec, secret: str, event: int, output: int) -> None:
    """Program and tests in one process."""
    # Names the program could replace are taken before it runs.
    dumps, write = json.dumps, os.write
    null = os.open(os.devnull, os.O_RDWR)
    source, errors = (nameless(case["input"]), null) if spec["kind"] == "stdin" else (null, output)
    enter(spec, spec["uids"][0], [source, output, errors, event], files=True)
    found = execute(spec, case, secret)
    try:
        data = dumps(found).encode() + b"\n"
    except BaseException:
        data = b'{"stage": "tests", "type": "unserializable", "kinds": [], "message": ""}\n'
    while data:
        data = data[write(3, data) :]


def solve(spec: Spec, case: Spec, output: int, reading: int, writing: int) -> None:
    """The program; nothing that only the judge may know has been read by the process this one was forked from."""
    enter(spec, spec["uids"][0], [os.open(os.devnull, os.O_RDWR), output, output, reading, writing], files=False)
    Solver(Channel(3, 4, most(spec)), spec["setup"], case["code"]).serve()


def pronounce(spec: Spec, length: int, event: int, reading: int, writing: int) -> None:
    """The tests, which this process reads itself from the standard input of the one it was forked from."""
    tests = json.loads(exactly(0, length))["tests"]
    null = os.open(os.devnull, os.O_RDWR)
    enter(spec, spec["uids"][1], [null, null, null, event, reading, writing], files=True)
    found = judge(spec, tests, Channel(4, 5, most(spec)))
    put(3, json.dumps(found).encode() + b"\n")


def most(spec: Spec) -> int:
    """Bytes of one message between the two: what can be read within the limit of memory."""
    return int(spec["limits"]["memory_mib"]) << 17


def put(descriptor: int, data: bytes) -> None:
    """Write all of the data."""
    while data:
        data = data[os.write(descriptor, data) :]


def exactly(descriptor: int, count: int) -> bytes:
    """Read so many bytes.

    Raises:
        EOFError: there are fewer.
    """
    data = bytearray()
    while len(data) < count:
        part = os.read(descriptor, count - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def nameless(text: str) -> int:
    """An open file without a name that holds the text; a pipe would need a writer beside the reader."""
    descriptor = os.open("/tmp", os.O_TMPFILE | os.O_RDWR, 0o600)  # noqa: S108
    put(descriptor, text.encode())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
