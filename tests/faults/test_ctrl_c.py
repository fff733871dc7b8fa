"""Ctrl-C, once and twice: what was answered is judged and kept, the message counts it, the exit code is 130."""

from __future__ import annotations

import json
import random
import re
import time

import pytest

from tests.faults.conftest import ASKED, assert_same, finished, logs, outcome
from tests.faults.forked import Forked
from tests.faults.table import Fault, fault, marks

KEPT = re.compile(r"(\d+) finished samples are kept")
JUDGED = 6.0
"""Seconds that the slow judge takes."""
SLOW = """
import time
from pathlib import Path

import anyio
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import Score, accuracy, scorer


@scorer(metrics=[accuracy()])
def slow(seconds, thread):
    async def score(state, target):
        if state.model.name != "trial":
            with Path("judging").open("a") as begun:
                begun.write(f"{state.sample_id}\\n")
            await (anyio.to_thread.run_sync(time.sleep, seconds) if thread else anyio.sleep(seconds))
        return Score(value=len(state.output.completion) % 2)
    return score


def questions(seconds, thread):
    return Task([Sample(f"{i} + 1?", target=str(i)) for i in range(24)], scorer=slow(seconds, thread))


@task
def waiting():
    return questions(2.0, False)


@task
def busy():
    return questions(30.0, True)
"""


def pressed(presses, name):
    done = f"Ctrl-C {presses}, at seeded random moments; then the same command"
    holds = "ends with 130 and no traceback; the number in the message is that of the log; then as if undisturbed"
    return pytest.param(name, 1 + (presses == "twice"), marks=marks(Fault(f"Ctrl-C {presses}", name, done, holds)))


@pytest.mark.timeout(3000)
@pytest.mark.parametrize(
    ("name", "presses"),
    [pressed(presses, name) for presses in ("once", "twice") for name in ("eval", "compare", "settle", "train")],
)
def test_an_interrupted_run_goes_on(name, presses, whole, tmp_path, request, times):
    verb, same, seconds = whole(name)
    chance, done = random.Random(f"{name} {presses}"), 0
    kills = request.config.getoption("--kills", 3)
    moments = min(kills, max(2, kills // 5))
    for number in range(3 * moments + 3):
        here = Forked(tmp_path / str(number))
        run = here.start(*verb.arguments)
        time.sleep(chance.uniform(0.1, 0.9) * seconds)
        for _ in range(presses):
            run.ctrl_c()
            time.sleep(0.1)
        if run.wait() == 0:
            continue  # over before the signal
        assert run.code == 130, run.text
        assert "Traceback" not in run.text, run.text
        assert "interrupted" in run.text or "stopped at once" in run.text
        check_count(run.text, here.folder)
        again = here.start(*verb.again(here.folder))
        assert again.wait() == 0, again.text
        assert_same(outcome(name, here.folder), same)
        done += 1
        if done == moments:
            break
    assert done >= 1
    times(done)


def check_count(text, folder):
    """The number in the message is that of one of the logs."""
    for said in KEPT.findall(text):
        assert int(said) in ({finished(path) for path in folder.rglob("logs")} or {0}), text  # no log yet: none


def slow_task(forked, model, name):
    forked.folder.mkdir(exist_ok=True)
    (forked.folder / "slow.py").write_text(SLOW)
    return ("eval", str(model), *ASKED, "--task", f"slow.py@{name}")


def judging(forked):
    path = forked.folder / "judging"
    return path.read_text().split() if path.exists() else []


@fault(
    "Ctrl-C while answers are judged", "eval", "Ctrl-C while a judge takes 2 s for each answer",
    "every answer that was there is judged and in the log; nobody is asked again about it",
)  # fmt: skip
def test_what_was_answered_is_judged_first(forked, model):
    command = slow_task(forked, model, "waiting")
    run = forked.start(*command)
    run.wait_for(lambda: len(judging(forked)) >= 3)
    run.ctrl_c()
    assert run.wait() == 130, run.text
    assert "answers that are there are judged first" in run.text
    there = judging(forked)
    assert int(KEPT.search(run.text)[1]) == len(there) == len(set(there)) >= 3
    check_count(run.text, forked.folder)
    forked(*command)
    assert sorted(judging(forked)) == sorted(str(i) for i in range(1, 25)), "each is judged once"
    assert len(next(iter(logs(forked.folder).values()))) == 24


@fault(
    "Ctrl-C twice while answers are judged", "eval", "the judge sits in a thread for 30 s",
    "the second ends the run within 10 s, with 130; what is in the log stays",
)  # fmt: skip
def test_the_second_ends_it_at_once(forked, model):
    run = forked.start(*slow_task(forked, model, "busy"))
    run.wait_for(lambda: judging(forked))
    run.ctrl_c()
    time.sleep(0.5)
    assert run.alive()
    pressed_again = time.monotonic()
    run.ctrl_c()
    assert run.wait() == 130, run.text
    assert time.monotonic() - pressed_again < 10
    assert "Traceback" not in run.text
    assert "stopped at once" in run.text or KEPT.search(run.text)


@fault(
    "Ctrl-C twice while a thread never ends", "eval", "a thread of a library waits for an event loop that is gone",
    "ends within 15 s, with 130",
)  # fmt: skip
def test_a_thread_that_never_ends(whole, forked):
    verb, _, seconds = whole("eval")
    stuck = "import threading; threading.Thread(target=threading.Event().wait).start()"
    run = forked.start(*verb.arguments, before=stuck)
    time.sleep(0.4 * seconds)
    pressed_first = time.monotonic()
    for _ in range(2):
        run.ctrl_c()
        time.sleep(0.1)
    assert run.wait() == 130, run.text
    assert time.monotonic() - pressed_first < 15
    assert "Traceback" not in run.text


@fault(
    "Ctrl-C", "grade", "while a file of answers is judged",
    "ends with 130; the number in the message is that of the file; the same command judges the rest once",
)  # fmt: skip
def test_grading(forked):
    forked.folder.mkdir()
    rows = [{"id": i, "prediction": rf"so \boxed{{{i}+x}}", "gold": "5+x"} for i in range(3000)]
    (forked.folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command, out = ("grade", "math500", "in.jsonl", "-o", "out.jsonl"), forked.folder / "out.jsonl"
    run = forked.start(*command)
    run.wait_for(lambda: out.exists() and out.stat().st_size > 2000)
    run.ctrl_c()
    assert run.wait() == 130, run.text
    assert f"{len(out.read_text().splitlines())} verdicts are kept in out.jsonl" in run.text
    forked(*command)
    assert [json.loads(line)["id"] for line in out.read_text().splitlines()] == list(range(3000))


SLOWER = """
import time
from entmin.engine.batch import Batch
step = Batch.step
Batch.step = lambda self: time.sleep(0.02) or step(self)  # an answer of 400 tokens takes eight seconds at least
"""


@pytest.mark.parametrize("name", [
    pytest.param("ask", marks=marks(Fault("Ctrl-C", "ask", "while it answers", "ends with 130, claims nothing"))),
    pytest.param("check", marks=marks(Fault("Ctrl-C", "check", "while it grades", "ends with 130, claims nothing"))),
])  # fmt: skip
def test_verbs_that_keep_nothing(name, forked, model):
    command = {
        "ask": ("ask", str(model), "2 + 2?", "--max-tokens", "400"),
        "check": ("check", "arithmetic"),
    }[name]
    run = forked.start(*command, before=SLOWER)
    time.sleep(0.7)
    run.ctrl_c()
    assert run.wait() == 130, run.text
    assert "interrupted" in run.text and "kept" not in run.text and "Traceback" not in run.text


@pytest.mark.parametrize("presses", [
    pytest.param(1, marks=marks(Fault("Ctrl-C once", "serve", "while it answers", "finishes the answer, ends with 0"))),
    pytest.param(2, marks=marks(Fault("Ctrl-C twice", "serve", "while it answers", "tells its client, ends with 0"))),
])  # fmt: skip
def test_a_server(presses, forked, model):
    import httpx

    server = forked.start("serve", str(model), "--engine", "transformers", "--port", "0", "--device", "cpu",
                          "--dtype", "float32", "--served-model-name", "tiny", "--grace", "30")  # fmt: skip
    server.wait_for(lambda: "serving tiny at" in server.text)
    url = re.search(r"http://\S+", server.text)[0]
    asked = {"model": "tiny", "prompt": "abc", "temperature": 0, "max_tokens": 200, "stream": True}
    with httpx.stream("POST", f"{url}/completions", json=asked, timeout=60) as answer:
        lines = answer.iter_lines()
        next(lines)
        for _ in range(presses):
            server.ctrl_c()
            time.sleep(0.2)
        begun = time.monotonic()
        try:
            said = list(lines)
        except httpx.HTTPError:
            said = []
    if presses == 1:
        assert said[-2:] == ["data: [DONE]", ""] or "data: [DONE]" in said
    assert server.wait() == 0, server.text
    if presses == 2:
        assert time.monotonic() - begun < 15
        assert any("stopping" in line for line in said)
    assert "Traceback" not in server.text, server.text
