"""What a program prints, returns and how it ends: the verdict is on its work, not on its last line."""

import pytest

from entmin.programs.contest import judge_tests
from entmin.programs.judge import Rules
from entmin.programs.livecodebench import Test

ONE_MORE = "n = int(input())\nprint(n + 1)"
ENDINGS = {
    "exit() at the end": f"{ONE_MORE}\nexit()",
    "quit(0) in a function": "def main():\n    print(int(input()) + 1)\n    quit(0)\n\nmain()",
    "os._exit after a flush": f"import os\n{ONE_MORE.replace('+ 1', '+ 1, flush=True')}\nos._exit(0)",
    "text on stderr": f"import sys\nprint('debug', file=sys.stderr)\n{ONE_MORE}",
    "a thread that is not joined": (
        "import threading, time\ndef main():\n    time.sleep(0.2)\n    print(int(input()) + 1)\n"
        "threading.Thread(target=main).start()"
    ),
    "a thread, then sys.exit": (
        "import sys, threading\nsys.setrecursionlimit(10 ** 6)\nthreading.stack_size(1 << 26)\ndef main():\n"
        "    print(int(input()) + 1)\nthreading.Thread(target=main).start()\nsys.exit()"
    ),
    "output by atexit": "import atexit\natexit.register(lambda: print(int(input()) + 1))",
    "a file over the output": "out = open(1, 'w')\nout.write(str(int(input()) + 1))",
}  # fmt: skip


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize("ending", ENDINGS)
def test_how_a_program_ends_is_no_part_of_its_verdict(ending):
    tests = [Test("2\n", "3\n", False), Test("41\n", "42\n", False)]
    assert judge_tests(tests, None, f"```python\n{ENDINGS[ending]}\n```", Rules()).verdict.reason == "match"
    wrong = ENDINGS[ending].replace("+ 1", "+ 2")
    assert judge_tests(tests, None, f"```python\n{wrong}\n```", Rules()).verdict.reason == "wrong"


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize("way", ["exit(1)", "sys.exit('failed')", "os._exit(3)", "raise KeyError"])
def test_a_program_that_ends_by_an_error_is_a_crash(way):
    answer = f"```python\nimport os, sys\nprint(int(input()) + 1, flush=True)\n{way}\n```"
    assert judge_tests([Test("2\n", "3\n", False)], None, answer, Rules()).verdict.reason == "crash"


@pytest.mark.usefixtures("sandbox")
def test_long_integers_are_read_written_and_compared_exactly():
    digits = "9" * 5000
    tests = [Test(digits, "1" + "0" * 5000, False)]
    assert judge_tests(tests, None, "```python\nprint(int(input()) + 1)\n```", Rules()).verdict.reason == "match"
    for body, reason in (("10 ** n", "match"), ("10 ** n + 1", "wrong"), ("10 ** (40 * n)", "crash")):
        answer = f"```python\nclass Solution:\n    def f(self, n):\n        return {body}\n```"
        judged = judge_tests([Test("5000", "1" + "0" * 5000, True)], "f", answer, Rules())
        assert judged.verdict.reason == reason


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize(
    ("returned", "expected", "reason"),
    [
        ("np.int64(n)", "4", "match"),
        ("[np.int64(n), np.bool_(n > 2)]", "[4, true]", "match"),
        ("np.arange(n)", "[0, 1, 2, 3]", "match"),
        ("np.int64(n + 1)", "4", "wrong"),
        ("n / 3", "1.33333", "match"),
        ("[(n / 3,)]", "[[1.33333]]", "match"),
        ("n / 3 + 0.0001", "1.33333", "wrong"),
        ("10 ** 400", "1.33333", "wrong"),
        ("float('nan')", "1.33333", "wrong"),
        ("n + 0.000001", "4", "wrong"),
        ("str(n)", "4", "wrong"),
    ],
)
def test_returned_values(returned, expected, reason):
    answer = f"```python\nimport numpy as np\nclass Solution:\n    def f(self, n):\n        return {returned}\n```"
    assert judge_tests([Test("4", expected, True)], "f", answer, Rules()).verdict.reason == reason


@pytest.mark.usefixtures("sandbox")
def test_a_function_counts_where_its_file_ends_by_exit():
    answer = (
        "```python\nclass Solution:\n    def f(self, n):\n        return n + 1\n\nprint(Solution().f(2))\nexit()\n```"
    )
    for expected, reason in (("3", "match"), ("4", "wrong")):
        assert judge_tests([Test("2", expected, True)], "f", answer, Rules()).verdict.reason == reason
