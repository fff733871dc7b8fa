# ruff: noqa: E501
"""Tests and program in processes of their own: what passes, what does not, and how each side ends."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import entmin.sandbox as sandbox_package
from entmin.sandbox import Case, Limits, Program

from .conftest import LIMITS


@pytest.fixture
def apart(sandbox):
    def go(code: str, tests: str, entries: tuple[str, ...] = ("f",), limits: Limits = LIMITS, **options):
        return sandbox.run(Program("asserts", code, (Case(tests=tests),), entries=entries, **options), limits)[0]

    return go


@pytest.mark.parametrize(
    ("code", "tests"),
    [
        ("def f(x): return x + 1", "assert f(1) == 2"),
        ("def f(*a, **k): return a, k", "assert f(1, [2], b={3}) == ((1, [2]), {'b': {3}})"),
        ("def f(x): x.append(3); return x", "y = [1]\nassert f(y) is y and y == [1, 3]"),
        ("def f(x): x['a'].add(2)", "y = {'a': {1}}\nf(y)\nassert y == {'a': {1, 2}}"),
        ("def f(n): yield from range(n)", "assert list(f(1000)) == list(range(1000)) and f(3) != [0, 1, 2]"),
        ("import itertools\ndef f(): return itertools.count()", "g = f()\nassert [next(g) for _ in range(600)][-1] == 599"),
        ("def f(x): return map(str, x)", "assert ''.join(f([1, 2])) == '12'"),
        ("def f(n): return lambda m: n + m", "assert f(1)(2) == 3"),
        ("def f(g, xs): return [g(x) for x in xs]", "assert f(lambda x: x * 2, [1, 2]) == [2, 4]"),
        ("def f(g): return g", "g = len\nassert f(g) is g"),
        ("class f:\n    def __init__(s, v): s.v = v\n    def get(s): return s.v", "o = f(3)\nassert o.get() == o.v == 3"),
        ("class f:\n    def __init__(s): s.v = {}\n    def __getitem__(s, k): return s.v[k]\n    def __setitem__(s, k, v):"
         " s.v[k] = v\n    def __len__(s): return len(s.v)\n    def __iter__(s): return iter(s.v)",
         "o = f()\no['a'] = 1\no.x = [2]\nassert o['a'] == 1 and len(o) == 1 and list(o) == ['a'] and o.x == [2]"),
        ("def f(): raise ValueError('no')", "try:\n    f()\nexcept ValueError as e:\n    assert str(e) == 'no'\nelse: 1 / 0"),
        ("class Mine(KeyError): pass\ndef f(): raise Mine", "try: f()\nexcept KeyError: pass\nelse: 1 / 0"),
        ("def f(): return helper()\ndef helper(): return 1\nN = 5", "assert f() == helper() == 1 and N == 5"),
        ("def f(x): return {1: x}.keys()", "assert f(2) == {1}"),
    ],
)  # fmt: skip
def test_what_passes(apart, code, tests):
    outcome = apart(code, tests)
    assert outcome.ending == "ok" and not outcome.in_process, outcome


def test_nodes_pass_by_structure(apart):
    setup = "class Node:\n    def __init__(self, val=0, next=None):\n        self.val, self.next = val, next\n"
    code = "def f(head):\n    out = None\n    while head:\n        out = Node(head.val, out)\n        head = head.next\n    return out"
    tests = "a = None\nfor i in range(3000): a = Node(i, a)\nb = f(a)\nassert b.val == 0 and b.next.val == 1 and type(b) is Node"
    assert apart(code, tests, setup=setup).ending == "ok"


def test_random_numbers_that_the_tests_seed_are_seeded_for_the_program(apart):
    code = "import random\ndef f(): return random.random()"
    tests = "import random\nrandom.seed(3)\na = f()\nassert a == random.Random(3).random() and f() != a"
    assert apart(code, tests, seeded=True).ending == "ok"
    assert apart(code, tests).ending == "wrong"


@pytest.mark.parametrize(
    ("code", "ending"),
    [
        ("def f(x): return x", "wrong"),
        ("def f(x): raise AssertionError", "wrong"),
        ("def f(x): return 1 / 0", "crash"),
        ("def f(x): raise SystemExit(0)", "crash"),
        ("def g(x): return 2", "crash"),
        ("def f(x", "compile"),
        ("def f(x): return bytearray(10 ** 10)", "memory"),
        ("def f(x):\n    while True: pass", "timeout"),
        pytest.param("import time\ndef f(x): time.sleep(99)", "timeout", marks=pytest.mark.slow),
        ("import os\ndef f(x): os._exit(0)", "crash"),
        ("import os\ndef f(x): os.abort()", "crash"),
        ("import os\ndef f(x):\n    os.close(3)\n    os.close(4)\n    import time; time.sleep(99)", "crash"),
        ("import os\ndef f(x): os.write(4, b'x' * 100)\n", "crash"),
        ("import os\ndef f(x):\n    while True: os.write(4, bytes(8) + b'1')\n", "crash"),
        ("import os\ndef f(x): os.write(4, (1 << 40).to_bytes(8, 'big')); return 2", "crash"),
        ("import os\ndef f(x): os.write(4, (990).to_bytes(8, 'big') + b'[' * 990); return 2", "crash"),
        ("def f(x):\n    a = ()\n    for _ in range(500): a = (a,)\n    return a", "crash"),
        ("def f(x): raise ValueError('\\ud800')", "crash"),
        ("def f(x): return '\\ud800'", "wrong"),
        ("def f(x):\n    a = []\n    for _ in range(10 ** 5): a = [a]\n    return a", "wrong"),
    ],
)
def test_how_it_ends(apart, code, ending):
    limits = Limits(cpu_seconds=1, wall_seconds=4, memory_mib=256)
    outcome = apart(code, "assert f(1) == 2", limits=limits)
    assert outcome.ending == ending, outcome
    outcome.detail.encode()


def test_a_test_that_swallows_everything_does_not_swallow_the_end(apart):
    tests = "try:\n    f(1)\nexcept BaseException:\n    pass"
    assert apart("import os\ndef f(x): os._exit(0)", tests).ending == "crash"
    assert apart("def f(x): raise SystemExit", tests).ending == "ok"


def test_a_call_does_not_end_a_loop_of_the_tests(apart):
    assert apart("def f(x): raise StopIteration", "assert all(map(f, [1, 2]))").ending == "crash"


def test_the_program_never_holds_tests_or_files(apart, tmp_path):
    (tmp_path / "targets").write_text("the-target-text")
    code = (
        "import gc, sys, os\ndef f():\n    for o in gc.get_objects():\n"
        "        if isinstance(o, dict) and 'tests' in o: return repr(o)[:99]\n"
        "        if isinstance(o, (list, tuple)) and any(isinstance(x, str) and 'nees-reven'[::-1] in x for x in o): return 1\n"
        "    for fd in range(5, 1024):\n        try: os.fstat(fd)\n        except OSError: continue\n        return fd\n"
        "    return 'clean'"
    )
    tests = "x = 'never-seen'\nimport os\nassert os.pread(FILES['targets'], 99, 0) == b'the-target-text'\nassert f() == 'clean', f()"
    outcome = apart(code, tests, files={"targets": str(tmp_path / "targets")})
    assert outcome.ending == "ok", outcome


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives the two users of their own")
def test_the_program_can_neither_read_nor_write_nor_end_its_judge(apart):
    code = """
import ctypes, os
def f():
    me, found = os.getpid(), []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        if pid == me: continue
        found.append(os.stat(f"/proc/{pid}").st_uid != os.getuid())
        for name in ("mem", "maps", "environ", "fd", "cwd", "exe", "auxv", "syscall", "stack"):
            try:
                place = f"/proc/{pid}/{name}"
                os.listdir(place) if name == "fd" else os.readlink(place) if name in ("cwd", "exe") else open(place, "rb").read(1)
                return (pid, name)
            except OSError: pass
        try: open(f"/proc/{pid}/mem", "wb"); return (pid, "write")
        except OSError: pass
        try: os.kill(pid, 0); return (pid, "kill")
        except OSError: pass
        libc = ctypes.CDLL(None)
        if libc.ptrace(16, pid, 0, 0) != -1: return (pid, "ptrace")
        if libc.process_vm_readv(pid, 0, 0, 0, 0, 0) != -1: return (pid, "readv")
    return len(found) >= 3 and all(found)
"""
    outcome = apart(code, "assert f() is True, f()")
    assert outcome.ending == "ok", outcome


def test_what_the_tests_cannot_hand_over_is_judged_in_process_and_says_so(apart):
    outcome = apart("def f(x): return x is not None", "import sys\nassert f(open('/dev/null'))")
    assert outcome.ending == "ok" and outcome.in_process
    # The program cannot bring that about.
    for code in ("def f(x): return iter([1])", "def f(x): return object()", "def f(x): return f"):
        assert apart(code, "f(f(1))").in_process is False, code
    assert apart("def f(x): return object()", "assert f(1) == 2").in_process is False


AS_A_USER = """
import os, sys
os.setgroups([]); os.setresgid(54321, 54321, 54321); os.setresuid(54321, 54321, 54321)
sys.path.insert(0, {source!r})
from entmin.sandbox import Case, Limits, Program, open_sandbox
code = '''
import os
def f(x): return x + 1
def others():
    found = []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        if pid in (1, os.getpid()): continue
        found.append(pid)
        for name in ("mem", "maps", "environ", "fd"):
            try: os.listdir(f"/proc/{{pid}}/fd") if name == "fd" else open(f"/proc/{{pid}}/{{name}}", "rb").read(1)
            except OSError: continue
            return (pid, name)
    return len(found)
def end():
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        if pid not in (1, os.getpid()): os.kill(pid, 9)
    return 1
'''
sandbox = open_sandbox()
for tests in ("assert f(1) == 2", "assert f(1) == 3", "assert others() == 2, others()", "assert end() == 1"):
    program = Program("asserts", code, (Case(tests=tests),), entries=("f", "others", "end"))
    print(sandbox.run(program, Limits(cpu_seconds=2, wall_seconds=10))[0].ending)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become an ordinary user")
def test_as_an_ordinary_user(tmp_path):
    python = shutil.which("python3", path="/usr/bin")
    if python is None or subprocess.run([python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]).returncode:
        pytest.skip("no interpreter that every user may run")
    source = str(Path(sandbox_package.__file__).parents[2])
    ran = subprocess.run(
        [python, "-c", AS_A_USER.format(source=source)], capture_output=True, text=True, cwd="/", timeout=120
    )
    if "could not start" in ran.stderr or "Permission denied" in ran.stderr:
        pytest.skip("the kernel gives ordinary users no namespaces, or our source is not open to them")
    assert ran.stdout.split() == ["ok", "wrong", "ok", "crash"], ran.stderr
