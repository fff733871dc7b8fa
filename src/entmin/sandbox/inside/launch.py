"""The first process inside the sandbox: it starts each case in processes of its own, limits them, reports on them.

Protocol: on standard input a specification (limits.py, `Program.frames`) and then, for each case, what the solver may
know and, for a judged case, what only the judge may; on standard output a line that it is ready, one JSON line per
case, and an empty line each second in between.

With ``entries``, a solver runs the program and a judge runs the tests, under different user ids where we start as root.
This process never runs untrusted code, and never reads what only the judge may know: the solver is forked from it.
Without them one process does both, and what it reports of itself is as good as the program lets it be.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import select
import signal
import sys
import time

from entmin.sandbox.inside.cases import HIGH, exactly, fork, pronounce, put, solve, together

TYPE_CHECKING = False
if TYPE_CHECKING:
    # Not at run time: `typing` would be paid for by every program.
    from typing import Any

    Spec = dict[str, Any]

_CHUNK = 1 << 16
MAX_DIGITS = 200_000
"""Of an integer in a report: what Python reads in a fraction of a second."""
_TICK = 0.1
_PR_SET_DUMPABLE = 4
_STAGES = ("compile", "setup", "program", "tests")


def stop(pids: list[int], isolated: bool) -> None:
    """Kill the case and everything it started."""
    # In a PID namespace of our own, -1 is everything but us. Outside one it would be the whole machine.
    own = isolated and os.getpid() <= 8 and os.getppid() <= 1
    for kill, target in ((os.kill, -1), *((os.killpg, pid) for pid in pids), *((os.kill, pid) for pid in pids)):
        try:
            if own or target != -1:
                kill(target, signal.SIGKILL)
        except OSError:
            pass  # dead already


def ended(pid: int) -> bool:
    """Whether a process of ours has ended; it stays to be waited for."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def crowded(spec: Spec) -> bool:
    """Whether there are more files than there may be: each costs memory that belongs to no process."""
    used = 0
    for place in ("/tmp", "/dev/shm") if spec["isolated"] else ():  # noqa: S108
        try:
            found = os.statvfs(place)
        except OSError:
            continue
        used += found.f_files - found.f_ffree
    return used > int(spec["limits"]["inodes"])


class Watch:
    """What has to be looked at while a case runs: that it says we are alive, that its files stay few."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._told = time.monotonic()

    def crowded(self) -> bool:
        """One look."""
        if time.monotonic() - self._told >= 1:
            self._told = time.monotonic()
            os.write(1, b"\n")
        return crowded(self._spec)


def collect(pid: int, events: int, output: int, spec: Spec) -> tuple[bytes, bytes, str | None]:
    """Read both pipes until what is awaited closes, the process ends, or a limit is met: (event, output, killed)."""
    limits, watch = spec["limits"], Watch(spec)
    taken = {events: bytearray(), output: bytearray()}
    most, deadline = limits["output_mib"] << 20, time.monotonic() + limits["wall_seconds"]
    opened, over, killed = {events, output}, False, None
    # A judge that has ended has said everything; the solver that holds the output is not waited for.
    awaited = {events} if spec["entries"] else set(opened)
    while opened & awaited:
        ready, _, _ = select.select(list(opened), [], [], 0.02 if over else _TICK)
        for descriptor in ready:
            chunk = os.read(descriptor, _CHUNK)
            taken[descriptor] += chunk
            if not chunk:
                opened.discard(descriptor)
        late = time.monotonic() > deadline
        if max(map(len, taken.values())) > most:
            killed = "output"
        elif watch.crowded():
            killed = "files"
        elif late and not over:
            killed = "wall"
        if killed or (over and (late or not ready)):
            break  # after its end: what still holds the pipes is a process it left behind
        if not over and ended(pid):
            over, deadline = True, time.monotonic() + 0.5
    return bytes(taken[events]), bytes(taken[output][:most]), killed


def clean(data: bytes) -> Spec:
    """The event as it must be, whatever was written: nothing but the known fields, of their types and in bounds."""
    try:
        event = json.loads(data.partition(b"\n")[0])
    except (ValueError, RecursionError):
        return {}
    if not isinstance(event, dict):
        return {}
    found = {name: event[name] for name in ("passed", "gone", "uncrossable", "result") if name in event}
    kinds = event.get("kinds")
    if event.get("stage") in _STAGES:
        found["stage"] = event["stage"]
        found["kinds"] = [kind[:100] for kind in kinds if isinstance(kind, str)][:20] if isinstance(kinds, list) else []
        for name in ("type", "message"):
            found[name] = text[:300] if isinstance(text := event.get(name), str) else ""
    return found


def start(spec: Spec, case: Spec, secret: str, event: int, output: int) -> tuple[int, int | None, int | None]:
    """Start a case: its process, the solver's where there is one, and where the next case begins in our input."""
    if not spec["entries"]:
        return fork(lambda: together(spec, case, secret, event, output)), None, None
    length, after = int.from_bytes(exactly(0, 8), "big"), None
    try:
        after = os.lseek(0, 0, os.SEEK_CUR) + length
    except OSError:
        pass  # a pipe: the judge reads to the end of what is its own
    (theirs, ours), (back, forth) = os.pipe(), os.pipe()
    solver = fork(lambda: solve(spec, case, output, theirs, forth))
    judge = fork(lambda: pronounce(spec, length, event, back, ours))
    for descriptor in (theirs, ours, back, forth):
        os.close(descriptor)
    return judge, solver, after


def run(spec: Spec, case: Spec, index: int) -> Spec:
    """Run one case to its end and describe it."""
    secret = os.urandom(16).hex()
    (event_out, event_in), (output_out, output_in) = os.pipe(), os.pipe()
    main, solver, after = start(spec, case, secret, event_in, output_in)
    os.close(event_in)
    os.close(output_in)
    data, output, killed = collect(main, event_out, output_out, spec)
    event = clean(data)
    telling = main
    if solver is not None and event.pop("gone", False):
        # How the solver ended is what became of the case; its pipes close a moment before it is dead.
        until = time.monotonic() + 1
        while not ended(solver) and time.monotonic() < until:
            time.sleep(0.001)
        telling = solver if ended(solver) else main
    pids = [main] if solver is None else [main, solver]
    stop(pids, spec["isolated"])
    os.close(event_out)
    os.close(output_out)
    if after is not None:
        os.lseek(0, after, os.SEEK_SET)
    statuses = {pid: os.wait4(pid, 0)[1:] for pid in pids}
    status = statuses[telling][0]
    return {
        "case": index,
        "uncrossable": bool(event.pop("uncrossable", False)) and solver is not None,
        "passed": event.pop("passed", None) == (secret if solver is None else True),
        "event": event or None,
        "killed": killed,
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        "exit": os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0,
        "cpu": sum(usage.ru_utime + usage.ru_stime for _, usage in statuses.values()),
        "output": output.decode("utf-8", "replace") if spec["kind"] == "stdin" else "",
    }


def tell(report: Spec) -> None:
    """Write one report; what a hostile result makes unwritable is left out, and with it the pass."""
    try:
        data = json.dumps(report).encode()
    except (ValueError, RecursionError):
        data = json.dumps({**report, "passed": False, "event": None}).encode()
    put(1, data + b"\n")


def close(spec: Spec) -> None:
    """Close this process to others of its user; where cases have users of their own, that is so already."""
    if spec["isolated"] and spec["uids"][0] is None:
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def opened(files: Spec) -> dict[str, int]:
    """Name to descriptor, out of the way; a file comes as a descriptor or, in a container, as a path."""
    found = {}
    for name, source in files.items():
        descriptor = os.open(source, os.O_RDONLY) if isinstance(source, str) else source
        found[name] = fcntl.fcntl(descriptor, fcntl.F_DUPFD, HIGH)
        os.close(descriptor)
    return found


def frame() -> Spec:
    """The next object of our input."""
    found: Spec = json.loads(exactly(0, int.from_bytes(exactly(0, 8), "big")))
    return found


def main() -> None:
    """Serve one specification."""
    sys.set_int_max_str_digits(MAX_DIGITS)
    spec = frame()
    close(spec)
    spec["files"] = opened(spec["files"])
    for name in spec["preload"]:
        try:
            __import__(name)
        except ImportError:
            pass  # only a head start: a program that needs it says so itself
    gc.freeze()  # or the collector would write to every page that the cases share with us, and so copy it
    tell({"ready": True})
    for index in range(spec["count"]):
        tell(run(spec, frame(), index))
