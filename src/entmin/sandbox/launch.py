"""Runs inside the sandbox: starts each case in a process of its own, limits it, reports what became of it.

This file is handed to a bare interpreter as text, so it imports nothing but the standard library and must stay one
file. Protocol: a JSON specification on standard input (limits.py, `Program.spec`); on standard output a line that it
is ready, then one JSON line per case. The launcher itself never runs untrusted code; the case's process does, without
a way to the report pipe: the launcher is closed to it (`become`). What is left is its own process, in which the tests
of ``asserts`` run too: a program that sets out to forge its own verdict there can, and gains nothing but that.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import time
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    # Not at run time: `typing` would be paid for by every program.
    from typing import Any, NoReturn

    Spec = dict[str, Any]

_CHUNK = 1 << 16
_GRACE = 1
_PR_SET_DUMPABLE = 4


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
    """The value as JSON can hold it: tuples become lists, everything unknown its repr."""
    if depth > 50 or value is None or isinstance(value, (bool, int, float, str)):
        return value if depth <= 50 else None
    if isinstance(value, (list, tuple)):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    return repr(value)[:1000]


def failure(stage: str, error: BaseException) -> Spec:
    """One line about an exception."""
    try:
        text = str(error)[:300]
    except BaseException:
        text = ""
    name = type(error).__name__
    kinds = [kind for kind in (MemoryError, AssertionError, SyntaxError, RecursionError) if isinstance(error, kind)]
    return {"stage": stage, "type": name, "kinds": [kind.__name__ for kind in kinds], "message": text}


def execute(spec: Spec, case: Spec, secret: str) -> Spec:
    """Run the case in this process; returns the event to report."""
    code = spec["code"] if case["code"] is None else case["code"]
    name = "__main__" if spec["kind"] == "stdin" else "solution"
    module = types.ModuleType(name)
    sys.modules[name] = module
    space, stage = module.__dict__, "compile"
    try:
        program = compile(code, "<program>", "exec", dont_inherit=True)
        stage = "setup"
        exec(compile(spec["setup"], "<setup>", "exec", dont_inherit=True), space)  # noqa: S102
        stage = "program"
        exec(program, space)  # noqa: S102
        stage = "tests"
        if spec["kind"] == "asserts":
            exec(compile(case["tests"], "<tests>", "exec", dont_inherit=True), space)  # noqa: S102
            return {"passed": secret}
        if spec["kind"] == "call":
            owner = space["Solution"]() if "Solution" in space else None
            function = getattr(owner, spec["function"]) if owner is not None else space[spec["function"]]
            return {"passed": secret, "result": plain(function(*case["arguments"]))}
        sys.stdout.flush()
        return {"passed": secret}
    except SystemExit as error:
        if spec["kind"] == "stdin" and error.code in (None, 0):
            sys.stdout.flush()
            return {"passed": secret}
        return failure(stage, error)
    except BaseException as error:
        return failure(stage, error)


def child(spec: Spec, case: Spec, secret: str, events: int, output: int, source: int) -> NoReturn:
    """The case's own process: never returns."""
    # Names the program could replace are taken before it runs.
    dumps, write, leave = json.dumps, os.write, os._exit
    os.setsid()
    os.dup2(source, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    # Descriptor 3 is the event pipe, and nothing else is open: not the launcher's report, not its other pipes.
    os.dup2(events, 3)
    os.closerange(4, 256)
    sys.stdin = open(0, encoding="utf-8", errors="replace", closefd=False)
    sys.stdout = open(1, "w", encoding="utf-8", errors="replace", closefd=False)
    sys.stderr = open(2, "w", encoding="utf-8", errors="replace", closefd=False, buffering=1)
    limit(spec["limits"])
    event = execute(spec, case, secret)
    try:
        data = dumps(event).encode() + b"\n"
    except BaseException:
        data = b'{"stage": "tests", "type": "unserializable", "kinds": [], "message": ""}\n'
    while data:
        data = data[write(3, data) :]
    leave(0)


def stop(pid: int, isolated: bool) -> None:
    """Kill the case and everything it started."""
    # In a PID namespace of our own, -1 is everything but us. Outside one it would be the whole machine.
    own = isolated and os.getpid() <= 8 and os.getppid() <= 1
    for kill, target in ((os.kill, -1 if own else pid), (os.killpg, pid)):
        try:
            kill(target, signal.SIGKILL)
        except OSError:
            pass  # dead already


def collect(pid: int, events: int, output: int, limits: Spec) -> tuple[bytes, bytes, str | None]:
    """Read both pipes until they close, the process ends, or a limit is met; returns (event, output, killed)."""
    taken = {events: b"", output: b""}
    most, deadline = limits["output_mib"] << 20, time.monotonic() + limits["wall_seconds"]
    opened, ended = {events, output}, False
    while opened:
        ready, _, _ = select.select(list(opened), [], [], 0.02 if ended else 0.5)
        for descriptor in ready:
            chunk = os.read(descriptor, _CHUNK)
            taken[descriptor] += chunk
            if not chunk:
                opened.discard(descriptor)
        if max(map(len, taken.values())) > most:
            return taken[events], taken[output][:most], "output"
        if ended and (not ready or time.monotonic() > deadline):
            break  # what still holds the pipes is a process it left behind
        if not ended and time.monotonic() > deadline:
            return taken[events], taken[output], "wall"
        if not ended and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            ended, deadline = True, time.monotonic() + 0.5
    return taken[events], taken[output], None


def run(spec: Spec, case: Spec, index: int) -> Spec:
    """Run one case to its end and describe it."""
    secret = os.urandom(16).hex()
    event_out, event_in = os.pipe()
    output_out, output_in = os.pipe()
    source = nameless(case["input"]) if spec["kind"] == "stdin" else os.open("/dev/null", os.O_RDONLY)
    pid = os.fork()
    if pid == 0:
        child(spec, case, secret, event_in, output_in, source)
    for descriptor in (event_in, output_in, source):
        os.close(descriptor)
    events, output, killed = collect(pid, event_out, output_out, spec["limits"])
    stop(pid, spec["isolated"])
    _, status, usage = os.wait4(pid, 0)
    for descriptor in (event_out, output_out):
        os.close(descriptor)
    try:
        event = json.loads(events.partition(b"\n")[0] or b"null")
    except ValueError:
        event = None
    passed = isinstance(event, dict) and event.pop("passed", None) == secret
    return {
        "case": index,
        "passed": passed,
        "event": event,
        "killed": killed,
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        "exit": os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0,
        "cpu": usage.ru_utime + usage.ru_stime,
        "output": output.decode("utf-8", "replace") if spec["kind"] == "stdin" else "",
    }


def nameless(text: str) -> int:
    """An open file without a name that holds the text; a pipe would need a writer beside the reader."""
    descriptor = os.open("/tmp", os.O_TMPFILE | os.O_RDWR, 0o600)  # noqa: S108
    write_all(descriptor, text)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def write_all(descriptor: int, text: str) -> None:
    """Write a long text."""
    data = text.encode()
    while data:
        data = data[os.write(descriptor, data) :]


def become(uid: int | None, isolated: bool) -> None:
    """Leave root for a user that owns nothing, its capabilities with it; close this process to its children.

    A process that changed its user is closed to others of that user: they can neither trace it nor reach its pipes
    through /proc. Where it was nobody from the start, it has to ask for that.
    """
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    elif isolated:
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def main() -> None:
    """Serve one specification."""
    spec = json.loads(sys.stdin.buffer.read())
    become(spec["uid"], spec["isolated"])
    write_all(1, '{"ready": true}\n')
    for name in spec["preload"]:
        try:
            __import__(name)
        except ImportError:
            pass  # only a head start: a program that needs it says so itself
    for index, case in enumerate(spec["cases"]):
        write_all(1, json.dumps(run(spec, case, index)) + "\n")


if __name__ == "__main__":
    main()
