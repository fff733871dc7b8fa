"""``kill -9`` at random moments: the same command goes on, and comes to what an undisturbed run comes to."""

from __future__ import annotations

import random
import time

import pytest

from tests.faults.conftest import assert_same, outcome
from tests.faults.forked import Forked
from tests.faults.table import Fault, marks

IN_A_ROW = 4
"""Kills of one run before it may end."""


def killed(name):
    done = f"killed at seeded random moments, up to {IN_A_ROW} times in a row; then the same command again"
    same = {
        "eval": "every sample once, answers and verdicts as in an undisturbed run",
        "compare": "every sample once, answers, verdicts and the paired rows as in an undisturbed run",
        "settle": "one plan, the same; answers and verdicts as in an undisturbed run",
        "train": "every step once, the curve of an undisturbed run, and a model at the end",
    }[name]
    return pytest.param(name, marks=marks(Fault("kill -9", name, done, same)))


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("name", [killed("eval"), killed("compare"), killed("settle"), killed("train")])
def test_a_killed_run_goes_on(name, whole, tmp_path, request, times):
    verb, same, seconds = whole(name)
    kills, chance = request.config.getoption("--kills", 3), random.Random(f"kill {name}")
    done = number = 0
    while done < kills:
        number += 1
        assert number <= 3 * kills + 3, "runs end before they can be killed"
        here = Forked(tmp_path / str(number))
        for _ in range(min(IN_A_ROW, kills - done)):
            run = here.start(*verb.again(here.folder))
            time.sleep(chance.uniform(0, seconds))
            if run.kill():
                done += 1
            else:
                assert run.wait() == 0, run.text
                break
        run = here.start(*verb.again(here.folder))
        assert run.wait() == 0, f"after {done} kills, run {number}:\n{run.text}"
        assert "Traceback" not in run.text
        assert_same(outcome(name, here.folder), same)
    times(done)
