# ruff: noqa: E501
"""Memory that no limit of one process sees: refused, or counted and ended."""

import os
import platform
import signal
import struct
import threading
import time
from pathlib import Path

import pytest

from entmin.sandbox import Case, Limits, Program, cgroups
from entmin.sandbox.process import descendants, resident
from entmin.sandbox.seccomp import filter_program

LIMITS = Limits(cpu_seconds=5, wall_seconds=20, memory_mib=256, processes=16)
SYSTEM_V = {
    "x86_64": {"shmget": 29, "shmat": 30, "semget": 64, "msgget": 68, "msgsnd": 69, "modify_ldt": 154, "personality": 135,
               "fanotify_init": 300},
    "aarch64": {"shmget": 194, "shmat": 196, "semget": 190, "msgget": 186, "msgsnd": 189, "personality": 92,
                "fanotify_init": 262},
}  # fmt: skip


@pytest.mark.parametrize("call", SYSTEM_V["x86_64"])
def test_calls_that_hold_memory_elsewhere_are_refused(run, sandbox, call):
    numbers = SYSTEM_V.get(platform.machine(), {})
    if not sandbox.filtered or call not in numbers:
        pytest.skip("no filter or no such call on this architecture")
    code = f"import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nvalue = libc.syscall({numbers[call]}, 0, 1 << 20, 0o1600)\n"
    assert run(code + "error = ctypes.get_errno()", "assert value == -1 and error == 1").ending == "ok"


def verdict(program: bytes, architecture: int, number: int) -> int:
    """What the filter says to a call: its instructions, carried out."""
    data = struct.pack("=II", number, architecture) + bytes(56)
    accumulator, place = 0, 0
    while True:
        code, yes, no, value = struct.unpack_from("=HBBI", program, 8 * place)
        place += 1
        if code == 0x06:
            return value
        if code == 0x20:
            accumulator = struct.unpack_from("=I", data, value)[0]
        else:
            met = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[code]
            place += yes if met else no


@pytest.mark.parametrize(("machine", "architecture"), [("x86_64", 0xC000003E), ("aarch64", 0xC00000B7)])
def test_both_filters_refuse_them(machine, architecture):
    program = filter_program(machine)
    for name, number in SYSTEM_V[machine].items():
        assert verdict(program, architecture, number) == 0x00050001, name
    assert verdict(program, architecture, 63) == 0x7FFF0000  # uname, read
    assert verdict(program, 0x40000003, 63) == 0x80000000


def test_shared_memory_counts(run):
    code = (
        "import mmap, os, time\nfor _ in range(5):\n    if os.fork() == 0:\n        m = mmap.mmap(-1, 150 << 20)\n"
        "        for i in range(0, 150 << 20, 4096): m[i] = 1\n        time.sleep(99)\ntime.sleep(99)"
    )
    assert run(code, limits=LIMITS).ending == "memory"


def test_pages_shared_after_a_fork_count_once(run):
    code = (
        "import os, time\nx = bytearray(os.urandom(1 << 20)) * 100\npids = []\nfor _ in range(8):\n    pid = os.fork()\n"
        "    if pid == 0:\n        time.sleep(0.5)\n        os._exit(0)\n    pids.append(pid)\n"
        "for pid in pids: os.waitpid(pid, 0)"
    )
    assert run(code, limits=LIMITS).ending == "ok"


def test_the_same_holds_for_a_program_apart(sandbox):
    code = "import os, time\ndef f():\n    for _ in range(8):\n        if os.fork() == 0:\n            x = bytearray(os.urandom(1 << 20)) * 150\n            time.sleep(99)\n    time.sleep(99)"
    [outcome] = sandbox.run(Program("asserts", code, (Case(tests="f()"),), entries=("f",)), LIMITS)
    assert outcome.ending == "memory"


@pytest.mark.parametrize(
    "make", ["os.symlink('x', f'/tmp/{i}')", "os.mkdir(f'/tmp/{i}')", "open(f'/dev/shm/{i}', 'w').close()"]
)
def test_many_small_files(run, make):
    outcome = run(f"import os\nfor i in range(10 ** 6): {make}\n", limits=LIMITS)
    assert outcome.ending == "memory" and "files" in outcome.detail


def test_what_a_process_holds():
    before = resident(os.getppid())
    held = bytearray(os.urandom(1 << 20)) * 50
    assert resident(os.getppid()) - before > 40 << 20
    del held


def stop_the_sandbox() -> None:
    """Stop every process of the sandbox once its case runs."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in descendants(os.getpid())}
        found = [pid for pid, command in commands.items() if b"entmin.sandbox" in command]
        if len(found) >= 4:
            for pid in found:
                os.kill(pid, signal.SIGSTOP)
            return
        time.sleep(0.1)


@pytest.mark.slow
def test_a_launcher_that_stops_costs_seconds(sandbox, monkeypatch):
    monkeypatch.setattr("entmin.sandbox.process.BEAT_SECONDS", 3.0)
    program = Program("asserts", "import time\ntime.sleep(99)", (Case(),))
    thread = threading.Thread(target=stop_the_sandbox)
    started = time.monotonic()
    thread.start()
    [outcome] = sandbox.run(program, Limits(cpu_seconds=300, wall_seconds=900))
    thread.join()
    assert outcome.ending == "timeout" and "launcher" in outcome.detail
    assert time.monotonic() - started < 30


def test_a_control_group_is_used_where_one_may_be_made(sandbox, tmp_path, monkeypatch):
    """On a folder that looks like one: no machine of ours lets us make a real one."""
    [own] = [
        line[3:].strip("/") for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")
    ]
    place = tmp_path / own
    place.mkdir(parents=True, exist_ok=True)
    (place / "cgroup.subtree_control").write_text("cpu pids")
    assert cgroups.parent(tmp_path) is None
    cgroups.parent.cache_clear()
    (place / "cgroup.subtree_control").write_text("memory pids")
    monkeypatch.setattr(cgroups, "_remove", lambda path: None)
    assert cgroups.parent(tmp_path) == place
    monkeypatch.setattr(cgroups, "parent", lambda: place)
    before = set(place.glob("entmin-*"))
    [outcome] = sandbox.run(Program("asserts", "x = 1", (Case(tests="assert x == 1"),)), LIMITS)
    [made] = set(place.glob("entmin-*")) - before
    assert outcome.ending == "ok" and (made / "cgroup.procs").read_text() == "0\n"
    assert int((made / "memory.max").read_text()) == (384 + 64) << 20 and (made / "cgroup.kill").read_text() == "1"
    assert not cgroups.Group(made).starved()
    (made / "memory.events").write_text("oom 1\noom_kill 1\n")
    assert cgroups.Group(made).starved()
