"""Hostile answers, killed workers, and verdicts that do not depend on how they are asked for."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import entmin.grading as grading
from entmin.errors import EntminError
from entmin.grading import Gold, pool
from entmin.grading.child import CPU_SECONDS
from entmin.tasks import answers

SLOW_INTEGRAL = r"\int_0^{10^{9}} \sin(x^{x^{x}}) dx"


def trace(tmp_path):
    return tmp_path / "trace"


def processor_seconds():
    """Of all graders so far, ended or idle: what a request may cost, however busy the machine is with other work."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    idle = 0
    for pid in pool.shared().pids():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        idle += int(fields[11]) + int(fields[12])
    return ended.ru_utime + ended.ru_stime + idle / os.sysconf("SC_CLK_TCK")


HOSTILE = {
    "tower of tens": (r"10^{10^{10}}", "5"),
    "tower of nines": (r"9^{9^{9^{9}}}", "5"),
    "tower against tower": (r"9^{9^{9^{9}}}", r"9^{9^{9^{8}}}"),
    "factorial of factorials": ("((100!)!)!", "5"),
    "factorial of a large number": ("99999999!", "5"),
    "binomial of large numbers": (r"\binom{10^{9}}{5 \cdot 10^{8}}", "5"),
    "exponential of a power": (r"e^{10^{50}}", "5"),
    "sine of a tower": (r"\sin(10^{10^{5}})", "5"),
    "root of a tower": (r"\sqrt{10^{10^{8}}}", "5"),
    "braces ten thousand deep": ("{" * 10_000 + "1" + "}" * 10_000, "2"),
    "parentheses ten thousand deep": ("(" * 10_000 + "1" + ")" * 10_000, "2"),
    "fractions three hundred deep": (r"\frac{" * 300 + "1" + "}{2}" * 300, "5"),
    "powers three hundred deep": ("x" + "^{x" * 300 + "}" * 300, "5"),
    "unclosed braces": ("{" * 5_000, "5"),
    "unclosed boxes": (r"\boxed{" * 5_000, "5"),
    "five thousand digits": ("9" * 5_000, "9" * 4_999 + "8"),
    "a megabyte of digits": ("9" * 1_000_000, "5"),
    "a megabyte of sums": ("1+" * 500_000 + "1", "5"),
    "a megabyte of letters": ("a" * 1_000_000, "5"),
    "a megabyte of commas": ("1," * 500_000, "5"),
    "a megabyte of spaces": (" " * 1_000_000 + "7", "5"),
    "fifteen hundred letters": ("abc" * 500, "5"),
    "many plus-minus": (r"\pm 1 " * 500, "5"),
    "many equals": ("x=" * 3_000 + "1", "5"),
    "many dollars": ("$" * 20_000, "5"),
    "null bytes": ("\x00\x01" * 100, "5"),
    "lone surrogate": ("\ud800", "5"),
    "import": ("__import__('os').system('touch TRACE')", "1"),
    "open": ("open('TRACE','w').write('x')", "1"),
    "pathlib": (r"\pi*0+__import__('pathlib').Path('TRACE').write_text('x')", "1"),
    "sympify": ('sympify(\'open("TRACE","w")\')', "1"),
    "exec": ("exec(\"open('TRACE','w')\")", "1"),
    "lambda": ("(lambda: open('TRACE','w'))()", "1"),
    "latex write": (r"\write18{touch TRACE}", "1"),
    "latex input": (r"\input{/etc/passwd}", "1"),
    "format string": ("{0.__class__.__mro__}", "1"),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("grader", grading.GRADERS)
def test_hostile_answers_are_wrong_quickly_and_leave_nothing(name, grader, tmp_path):
    answer, gold = HOSTILE[name]
    answer = answer.replace("TRACE", str(trace(tmp_path)))
    answers.grade("math500", r"\boxed{1}", "1")
    before = processor_seconds()
    verdict = answers.grade("math500", rf"The final answer is \boxed{{{answer}}}.", gold, grader=grader)
    assert processor_seconds() - before < 5
    assert verdict.correct is not True
    assert not trace(tmp_path).exists()


@pytest.mark.parametrize("task", ["ugphysics", "olympiadbench", "gpqa_diamond"])
def test_other_kinds_survive_the_same(task, tmp_path):
    for answer, _ in HOSTILE.values():
        prediction = rf"The final answer is \boxed{{{answer.replace('TRACE', str(trace(tmp_path)))}}}."
        assert answers.grade(task, prediction, "B" if task == "gpqa_diamond" else "7.5").correct is not True
    assert not trace(tmp_path).exists()


def test_large_integers_are_compared_exactly():
    assert answers.grade("math500", rf"\boxed{{{'9' * 5000}}}", "9" * 5000).correct is True


def test_a_hang_is_a_timeout_not_a_wrong_answer_and_costs_one_worker():
    answers.grade("math500", r"\boxed{1}", "1")
    before, alive = processor_seconds(), set(pool.shared().pids())
    verdict = answers.grade("math500", rf"\boxed{{{SLOW_INTEGRAL}}}", "5")
    assert (verdict.correct, verdict.reason) == (None, "timeout")
    assert processor_seconds() - before < CPU_SECONDS + 1
    assert len(alive - set(pool.shared().pids())) == 1
    assert answers.grade("math500", r"\boxed{5}", "5").correct is True


def test_a_worker_killed_while_idle_is_replaced():
    assert answers.grade("math500", r"\boxed{5}", "5").correct is True
    for pid in pool.shared().pids():
        os.kill(pid, signal.SIGKILL)
    assert answers.grade("math500", r"\boxed{5}", "5").correct is True


def test_a_broken_installation_is_an_error_not_a_row_of_errors(monkeypatch):
    monkeypatch.setattr(pool, "_environment", lambda: {"PYTHONPATH": os.devnull, "PYTHONHOME": os.devnull})
    with pytest.raises(EntminError, match="no grading process could be started"):
        pool.Pool(1).ask({"do": "grade"})


@pytest.mark.skipif(shutil.which("pgrep") is None, reason="pgrep finds the worker to kill")
def test_a_worker_killed_while_grading_costs_nothing():
    fresh = pool.Pool(1)
    taken: list[int] = []

    def assassin():
        for _ in range(200):
            children = subprocess.run(
                ["pgrep", "-f", "entmin.grading.child", "-P", str(os.getpid())], capture_output=True, text=True
            ).stdout.split()
            new = [int(pid) for pid in children if int(pid) not in known]
            if new:
                time.sleep(0.05)
                os.kill(new[0], signal.SIGKILL)
                taken.append(new[0])
                return
            time.sleep(0.01)

    known = set(pool.shared().pids())
    thread = threading.Thread(target=assassin)
    thread.start()
    request = {
        "do": "grade",
        "task": "math500",
        "prediction": r"\boxed{5}",
        "gold": Gold("math", ("5",)).to_dict(),
        "grader": "entmin",
    }
    reply = fresh.ask(request)
    thread.join()
    fresh.close()
    assert reply["correct"] is True
    assert taken, "the worker was not killed"


def test_workers_see_no_environment_of_the_caller(monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    worker = pool.Worker()
    try:
        environment = Path(f"/proc/{worker.pid}/environ").read_text()
    finally:
        worker.stop()
    assert "hunter2" not in environment


def test_a_confined_process_can_do_nothing(tmp_path):
    code = (
        "from entmin.grading.child import confine\nimport os, subprocess, socket\nconfine()\n"
        "def refused(call):\n try: call()\n except (PermissionError, OSError): return True\n return False\n"
        f"target = {str(trace(tmp_path))!r}\n"
        "assert refused(lambda: open(target, 'w'))\nassert refused(lambda: os.open(target, os.O_CREAT | os.O_WRONLY))\n"
        "assert refused(lambda: os.system('true'))\nassert refused(lambda: subprocess.Popen(['true']))\n"
        "assert refused(lambda: os.fork())\nassert refused(lambda: socket.socket())\n"
        "try: x = bytearray(8 << 30)\nexcept MemoryError: print('confined')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    assert done.stdout.strip() == "confined", done.stderr
    assert not trace(tmp_path).exists()


def test_workers_end_with_their_parent():
    code = (
        "import entmin.tasks.answers as g\nfrom entmin.grading import pool\nimport os, sys\n"
        "g.grade('math500', '\\\\boxed{1}', '1')\nprint(pool.shared().pids()[0], flush=True)\nos.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    pid = int(done.stdout)
    for _ in range(100):
        status = Path(f"/proc/{pid}/status")
        if not status.exists() or "State:\tZ" in status.read_text():
            return
        time.sleep(0.05)
    pytest.fail("the worker outlived its parent")


def rows(n):
    return [
        ("math500", rf"so \boxed{{\frac{{{i}}}{{3}}}}", Gold("math", (rf"\frac{{{i + i % 2}}}{{3}}",)))
        for i in range(n)
    ]


def test_many_rows_come_in_order_and_are_read_as_needed():
    read = 0

    def source():
        nonlocal read
        for row in rows(400):
            read += 1
            yield row

    verdicts = grading.grade_many(source(), workers=2)
    first = next(verdicts)
    assert first.correct is True
    assert read < 60, "rows are streamed, not collected"
    rest = list(verdicts)
    assert [verdict.correct for verdict in rest] == [i % 2 == 0 for i in range(1, 400)]


def test_threads_share_the_pool():
    results: list[bool | None] = []
    threads = [
        threading.Thread(target=lambda i=i: results.append(answers.grade("math500", rf"\boxed{{{i}}}", str(i)).correct))
        for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 8


def test_importing_the_package_is_cheap():
    code = (
        "import sys, json, entmin.grading\n"
        "print(json.dumps([m for m in ('sympy', 'torch', 'math_verify', 'mpmath') if m in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert json.loads(done.stdout) == []
