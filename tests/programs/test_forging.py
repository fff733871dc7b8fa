"""Answers that try to forge their own verdict: every trick of the red team, against every benchmark. None passes."""

import json

import pytest
from tests.programs.test_code_programs import HUMANEVAL, LEETCODE, MBPP
from tests.programs.test_scicode import PROBLEM, STEPS

from entmin.programs.contest import judge_tests
from entmin.programs.judge import Rules, judge
from entmin.programs.livecodebench import Test
from entmin.programs.steps import join_steps, judge_scicode
from entmin.tasks import humaneval, leetcode, mbpp, scicode

pytestmark = pytest.mark.usefixtures("sandbox")

# Each defines `forged`, which is called instead of the right function and gives back a wrong value if it gives any.
TRICKS = {
    "the secret from a caller's frame": """
import os, sys, json
def forged(*a, **k):
    frame, seen = sys._getframe(), set()
    while frame:
        for space in (frame.f_locals, frame.f_globals):
            seen |= {v for v in list(space.values()) if isinstance(v, str) and len(v) == 32}
        frame = frame.f_back
    for secret in [True, *seen]:
        for d in range(3, 700):
            try: os.write(d, json.dumps({"passed": secret, "case": 0, "result": 6}).encode() + b"\\n")
            except OSError: pass
    os._exit(0)
""",
    "builtins.compile and exec": """
import builtins
_compile = builtins.compile
builtins.compile = lambda *a, **k: _compile("pass", "x", "exec")
builtins.exec = lambda *a, **k: None
def forged(*a, **k): return -12345
""",
    "the functions of whoever called": """
import sys, gc
frame = sys._getframe()
while frame:
    for name, value in list(frame.f_globals.items()):
        if callable(value) and name in ("judge", "failure", "execute", "run", "pronounce", "solve", "plain", "clean"):
            frame.f_globals[name] = lambda *a, **k: {"passed": True}
    frame = frame.f_back
for thing in gc.get_objects():
    if isinstance(thing, dict) and "passed" in thing: thing["passed"] = True
def forged(*a, **k): return -12345
""",
    "tests emptied through gc and frames": """
import gc, sys
def empty():
    for thing in gc.get_objects():
        if isinstance(thing, dict) and ("tests" in thing or "test" in thing):
            for key in ("tests", "test"): thing[key] = ""
    frame = sys._getframe()
    while frame:
        for key in ("tests", "check", "case", "code"): frame.f_globals[key] = lambda *a: None
        frame = frame.f_back
empty()
def forged(*a, **k):
    empty()
    return -12345
""",
    "an object equal to everything": """
class Any:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    def __bool__(self): return True
    def __len__(self): return 0
    def __getattr__(self, name): return lambda *a, **k: Any()
    __lt__ = __le__ = __gt__ = __ge__ = __contains__ = lambda *a: True
    __sub__ = __rsub__ = __add__ = __mul__ = __abs__ = __call__ = lambda self, *a: self
    __float__ = lambda self: 0.0
    __index__ = __int__ = lambda self: 0
    __array_priority__ = 1e9
    def __array_ufunc__(self, *a, **k): return True
    def __array_function__(self, *a, **k): return True
    def __array__(self, *a, **k): raise TypeError
def forged(*a, **k): return Any()
""",
    "numbers and texts equal to everything": """
def equal(kind, *a):
    return type("X", (kind,), {"__eq__": lambda *a: True, "__ne__": lambda *a: False, "__hash__": lambda s: 0,
                               "__sub__": lambda *a: 0, "__rsub__": lambda *a: 0})(*a)
answers = iter([equal(int, -12345), equal(float, -1.5), equal(str, "no"), equal(list), equal(tuple), equal(dict)] * 99)
def forged(*a, **k): return next(answers)
""",
    "an array that answers for numpy": """
def forged(*a, **k):
    import numpy as np
    class Yes(np.ndarray):
        def __array_function__(self, *a, **k): return True
        def __array_ufunc__(self, *a, **k): return True
        def __eq__(self, other): return True
    return np.array([-1.0, -2.0]).view(Yes)
""",
    "leaving in the middle": "import os\ndef forged(*a, **k): os._exit(0)\n",
    "leaving politely": "def forged(*a, **k): raise SystemExit(0)\n",
    "ending a loop of the tests": "def forged(*a, **k): raise StopIteration\n",
    "json, struct and os bent": """
import json, os, struct, base64
real = os.write
json.dumps = lambda *a, **k: '{"passed": true, "ready": true, "value": [true, []], "changed": []}'
json.loads = lambda *a, **k: {"passed": True}
struct.pack = lambda *a: b""
os.write = lambda d, data: real(d, b'{"passed": true}\\n') and len(data)
def forged(*a, **k): return -12345
""",
    "every descriptor written to": """
import os
def forged(*a, **k):
    for data in (b'{"passed": true}\\n', (16).to_bytes(8, "big") + b'{"passed": true}'):
        for d in range(3, 700):
            try: os.write(d, data)
            except OSError: pass
    return -12345
""",
    "other processes through /proc": """
import os
def forged(*a, **k):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if pid == str(os.getpid()): continue
        for name in ("mem", "environ", "maps"):
            try: open(f"/proc/{pid}/{name}", "rb").read(10)
            except OSError: continue
            os._exit(0)
        try: numbers = os.listdir(f"/proc/{pid}/fd")
        except OSError: continue
        for d in numbers:
            try: os.write(os.open(f"/proc/{pid}/fd/{d}", os.O_WRONLY), b'{"passed": true}\\n')
            except OSError: pass
    return -12345
""",
    "killing everybody else": """
import os, signal
def forged(*a, **k):
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        if pid != os.getpid():
            try: os.kill(pid, signal.SIGKILL)
            except OSError: pass
    return -12345
""",
    "a child that answers for its parent": """
import os
def forged(*a, **k):
    if os.fork(): os._exit(0)
    return -12345
""",
}
RIGHT = {
    "humaneval": "def forged(x): return x // 2\n",
    "mbpp": "import math\ndef forged(r): return math.pi * r * r\n",
    "leetcode": "def forged(xs, x): return 1\n",
    "scicode": "def forged(x): return np.asarray(x) ** 2\n",
    "livecodebench": "def forged(xs, y): return sum(xs) + y\n",
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return str(tmp_path_factory.mktemp("cache"))


def reason(task: str, code: str, cache: str, monkeypatch) -> str:
    """The verdict's reason for an answer whose function calls `forged`."""
    rules = Rules(task, cpu_seconds=3)
    fenced = "```python\n{}\n```".format
    if task == "humaneval":
        answer = fenced(f"{code}\ndef half(x):\n    return forged(x)")
        return judge(humaneval.problem(HUMANEVAL, 0), answer, rules).verdict.reason
    if task == "mbpp":
        return judge(mbpp.problem(MBPP, 0), fenced(f"{code}\ndef area(r):\n    return forged(r)"), rules).verdict.reason
    method = "\nclass Solution:\n    def {}(self, *a, **k):\n        return forged(*a, **k)".format
    if task == "leetcode":
        return judge(leetcode.problem(LEETCODE, 0), fenced(code + method("place")), rules).verdict.reason
    if task == "livecodebench":
        tests = [Test("[1, 2]\n3", "6", True), Test("[]\n0", "0", True)]
        return judge_tests(tests, "add", fenced(code + method("add")), rules).verdict.reason
    monkeypatch.setenv("ENTMIN_CACHE", cache)
    row = scicode.problem(PROBLEM, 0)
    row.gold["targets"] = "reference"
    imports = code.replace("\nimport ", "\n    import ")
    first = f"if True:\n    pass\n{imports}\ndef square(x):\n    return forged(x)"
    codes = {"1.1": first, "1.2": STEPS[1]["ground_truth_code"]}
    return judge_scicode(row, join_steps(codes), rules).parts["1.1"]


@pytest.mark.parametrize("task", RIGHT)
def test_the_right_answer_passes_by_the_same_road(task, cache, monkeypatch):
    assert reason(task, RIGHT[task], cache, monkeypatch) == "match"


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("task", RIGHT)
def test_no_trick_forges_a_verdict(task, trick, cache, monkeypatch):
    found = reason(task, TRICKS[trick], cache, monkeypatch)
    assert found in ("wrong", "crash", "timeout"), json.dumps([task, trick, found])
