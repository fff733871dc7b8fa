"""A right program is not wrong on a slow or a busy machine."""

import json
import threading

import pytest

from entmin.programs.judge import Rules
from entmin.sandbox import Case, Limits, Program, speed


@pytest.fixture
def measured(monkeypatch, tmp_path):
    """A machine that needs so many times what a quick core needs; how often it was measured."""
    monkeypatch.setenv("ENTMIN_CACHE", str(tmp_path))
    calls = []

    def machine(factor):
        monkeypatch.setattr(speed, "_measured", lambda: calls.append(1) or factor * speed.REFERENCE_SECONDS)
        speed.slowness.cache_clear()
        return calls

    yield machine
    speed.slowness.cache_clear()


@pytest.mark.parametrize(("factor", "cpu", "wall"), [(0.5, 10, 60), (1, 10, 60), (2.52, 25, 150), (400, 100, 600)])
def test_limits_grow_with_the_slowness_of_the_machine_and_never_shrink(measured, factor, cpu, wall):
    measured(factor)
    limits = Rules().limits()
    assert (limits.cpu_seconds, round(limits.wall_seconds)) == (cpu, wall)
    assert limits.memory_mib == Rules().usual.memory_mib


def test_seconds_that_somebody_asks_for_are_those_seconds(measured):
    measured(5)
    assert Rules(cpu_seconds=3).limits().cpu_seconds == 3


def test_a_machine_is_measured_once_and_another_one_again(measured, monkeypatch, tmp_path):
    calls = measured(2)
    assert speed.slowness() == 2.0
    speed.slowness.cache_clear()
    assert speed.slowness() == 2.0 and len(calls) == 1
    [kept] = (tmp_path / "machine").iterdir()
    assert json.loads(kept.read_text())["seconds"] == pytest.approx(0.012)
    monkeypatch.setattr(speed, "_processor", lambda: "another processor")
    speed.slowness.cache_clear()
    assert speed.slowness() == 2.0 and len(calls) == 2
    kept.write_text("torn")
    monkeypatch.undo()


def test_the_measurement_is_real():
    assert 0.0005 < speed._measured() < 1


def test_the_record_says_how_slow_the_machine_is(sandbox):
    assert 1 <= sandbox.record()["machine_slowness"] <= speed.MOST


LOOP = "def f():\n    while 1: pass\n"


@pytest.mark.slow
def test_the_second_try_decides_and_the_other_cases_run_once(sandbox, monkeypatch):
    tries = []
    real = type(sandbox)._outcomes

    def first_starved(self, program, limits):
        tries.append(len(program.cases))
        return real(self, program, Limits(cpu_seconds=1, wall_seconds=60) if len(tries) == 1 else limits)

    monkeypatch.setattr(type(sandbox), "_outcomes", first_starved)
    slow = "from time import process_time as now\ndef f(s):\n    t = now()\n    while now() < t + s: pass\n    return s"
    cases = tuple(Case(tests=f"assert f({s}) == {s}") for s in (0.1, 2, 0.1))
    program = Program("asserts", slow, cases, entries=("f",))
    outcomes = sandbox.run(program, Limits(cpu_seconds=8, wall_seconds=60))
    assert [one.ending for one in outcomes] == ["ok", "ok", "ok"] and tries == [3, 1, 1]


@pytest.mark.slow
def test_only_the_first_of_several_loops_is_tried_again_and_sleep_never(sandbox):
    loops = Program("asserts", LOOP, (Case(tests="f()"), Case(tests="f()")), entries=("f",))
    said = [one.detail for one in sandbox.run(loops, Limits(cpu_seconds=1, wall_seconds=60))]
    assert said == ["1 s of processor time, tried twice", "1 s of processor time"]
    sleep = Program("asserts", "import time\ndef f(): time.sleep(99)", (Case(tests="f()"),), entries=("f",))
    [outcome] = sandbox.run(sleep, Limits(cpu_seconds=1, wall_seconds=2))
    assert (outcome.ending, outcome.detail) == ("timeout", "2 s on the clock")


@pytest.mark.slow
def test_two_that_want_to_be_alone_do_not_wait_for_each_other(sandbox):
    limits = Limits(cpu_seconds=1, wall_seconds=60)
    found = []
    loop = Program("asserts", LOOP, (Case(tests="f()"),), entries=("f",))
    threads = [threading.Thread(target=lambda: found.append(sandbox.run(loop, limits)[0].ending)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == ["timeout"] * 3
