"""Servers that die, come back, or answer badly: a run ends well or says what to do, and nothing is lost."""

from __future__ import annotations

import random
import socket
import time

import pytest

from entmin.jsonl import read_rows
from tests.faults.conftest import ASKED, assert_same, outcome
from tests.faults.forked import Forked
from tests.faults.misbehaving import Proxy
from tests.faults.table import Fault, fault, marks

BATCH = ASKED.index("--batch-size")
CLIENT = ("eval", "tiny", "--limit", "16", "--max-tokens", "20", "--batch-size", "4", "--quiet", "--engine", "openai")
BROKEN = """
from entmin.engine.batch import Batch
step, taken = Batch.step, [0]
def broken(self):
    taken[0] += 1
    if taken[0] > {steps}:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    return step(self)
Batch.step = broken
"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Server:
    """`entmin serve` on a port that stays its own over restarts."""

    def __init__(self, model, folder) -> None:
        self.model, self.here, self.port = model, Forked(folder), free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def start(self, before: str = "") -> None:
        self.run = self.here.start(
            "serve", self.model, "--engine", "transformers", "--port", self.port, "--served-model-name", "tiny",
            "--device", "cpu", "--dtype", "float32", "--threads", "1", "--batch-size", "4", before=before,
        )  # fmt: skip
        self.run.wait_for(lambda: "serving tiny at" in self.run.text)

    def kill(self) -> bool:
        return self.run.kill()


@pytest.fixture(scope="module")
def served(model, tmp_path_factory):
    server = Server(model, tmp_path_factory.mktemp("served") / "server")
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def undisturbed(served, tmp_path_factory):
    here = Forked(tmp_path_factory.mktemp("undisturbed") / "here")
    run = here.start(*CLIENT, "--base-url", served.url)
    assert run.wait() == 0, run.text
    return outcome("eval", here.folder), run.seconds


@fault(
    "kill -9", "serve", "killed at seeded random moments of a run that asks it; started again on the same port",
    "the run ends with 1 and names the server; the same command then goes on, answers as in an undisturbed run",
)  # fmt: skip
@pytest.mark.timeout(3000)
def test_a_killed_server_comes_back(model, undisturbed, tmp_path, request, times):
    same, seconds = undisturbed
    kills, chance, done = request.config.getoption("--kills", 3), random.Random("serve"), 0
    server = Server(model, tmp_path / "server")
    for number in range(3 * kills + 3):
        here = Forked(tmp_path / str(number))
        for _ in range(4):
            server.start()
            client = here.start(*CLIENT, "--base-url", server.url)
            time.sleep(chance.uniform(0.2, seconds))
            assert server.kill()
            done += 1
            if client.wait() == 0:
                break
            assert client.code == 1, client.text
            assert f"no server answers at {server.url}" in client.text and "start it again" in client.text
            assert "Traceback" not in client.text
        server.start()
        client = here.start(*CLIENT, "--base-url", server.url)
        assert client.wait() == 0, client.text
        assert server.kill()
        assert_same(outcome("eval", here.folder), same)
        if done >= kills:
            break
    times(done)


def spoiled(manner, what, *, ends="the request is asked again; every sample once, answers as in an undisturbed run"):
    return pytest.param(manner, marks=marks(Fault(what, "eval", "every third answer, by a proxy", ends)))


@pytest.mark.parametrize("manner", [
    spoiled("429", "429 Too Many Requests"),
    spoiled("500", "500 Internal Server Error"),
    spoiled("503", "503 that is no JSON"),
    spoiled("reset", "a connection closed without an answer"),
    spoiled("cut", "an answer cut off in the middle"),
    spoiled("hang", "no answer in time"),
    spoiled("broken_json", "an answer that is half a JSON document"),
    spoiled("garbage", "an answer that is a web page"),
    spoiled("empty", "an answer without choices"),
])  # fmt: skip
def test_bad_answers_are_asked_again(manner, served, undisturbed, forked, times):
    proxy = Proxy(served.port, manner)
    before = "import entmin.evals.server_api as s; s._SECONDS = 6.0" if manner == "hang" else ""
    try:
        run = forked.start(*CLIENT, "--base-url", proxy.url, before=before)
        assert run.wait() == 0, run.text
    finally:
        proxy.close()
    assert "Traceback" not in run.text
    assert proxy.spoiled >= 4
    assert_same(outcome("eval", forked.folder), undisturbed[0])
    times(proxy.spoiled)


@fault(
    "a connection closed six times in a row", "eval", "the first six answers, by a proxy",
    "the request is asked again; every sample once, answers as in an undisturbed run",
)  # fmt: skip
def test_a_connection_that_closes_again_and_again(served, undisturbed, forked, times):
    proxy = Proxy(served.port, "reset", every=1, most=6, apiece=6)
    try:
        run = forked.start(*CLIENT, "--base-url", proxy.url, "--batch-size", "1")
        assert run.wait() == 0, run.text
    finally:
        proxy.close()
    assert proxy.spoiled == 6
    assert_same(outcome("eval", forked.folder), undisturbed[0])
    times(proxy.spoiled)


@fault(
    "a dead engine behind a server", "eval", "from the fifth request on every answer is 500",
    "ends with 1 and says what the server said; with a live engine the same command goes on",
)  # fmt: skip
def test_a_server_whose_engine_is_dead(served, undisturbed, forked):
    proxy = Proxy(served.port, "500")
    try:
        begun = forked.start(*CLIENT, "--base-url", proxy.url, "--limit", "4")
        assert begun.wait() == 0, begun.text
        proxy.every, proxy.apiece = 1, proxy.most
        sooner = "import entmin.evals.run as r; r._RETRIES = 2"  # six, with pauses that double, take over three minutes
        run = forked.start(*CLIENT, "--base-url", proxy.url, before=sooner)
        assert run.wait() == 1, run.text
        assert "Traceback" not in run.text
        assert "engine dead" in run.text and "finished samples are kept" in run.text
        proxy.manner = "well"
        forked(*CLIENT, "--base-url", proxy.url)
    finally:
        proxy.close()
    assert_same(outcome("eval", forked.folder), undisturbed[0])


@fault(
    "one of three servers dies and comes back", "eval", "killed a moment after the start; another is slow throughout",
    "the others take over; every sample once, answers as in an undisturbed run; the slow one got the fewest requests",
)  # fmt: skip
@pytest.mark.timeout(600)
def test_servers_that_die_and_dawdle_are_made_up_for(model, served, undisturbed, tmp_path):
    dying, slow = Server(model, tmp_path / "dying"), Proxy(served.port, "slow", every=1)
    here = Forked(tmp_path / "here")
    dying.start()
    urls = f"{slow.url},{served.url},{dying.url}"
    try:
        run = here.start(*CLIENT, "--base-url", urls, "--limit", "64")
        time.sleep(undisturbed[1])  # about a third of it
        assert dying.kill()
        dying.start()
        assert run.wait() == 0, run.text
        (sessions,) = (here.folder / "results").rglob("sessions.jsonl")
        asked = {one["url"]: one for one in read_rows(sessions)[-1]["engine"]["requests"]}
        same = Forked(tmp_path / "same")
        assert same.start(*CLIENT, "--base-url", served.url, "--limit", "64").wait() == 0
        assert_same(outcome("eval", here.folder), outcome("eval", same.folder))
    finally:
        slow.close()
        dying.kill()
    assert "Traceback" not in run.text
    assert sum(one["answered"] for one in asked.values()) == 64
    assert asked[slow.url]["answered"] < asked[served.url]["answered"]


def dead(name):
    row = Fault(
        "dead engine", name, "after 30 steps each step of the model raises a CUDA error",
        "ends with 1 and names the error; what was finished is kept; then as if undisturbed",
    )  # fmt: skip
    return pytest.param(name, marks=marks(row))


@pytest.mark.parametrize("name", [dead("eval"), dead("compare"), dead("settle")])
def test_an_engine_that_dies(name, whole, forked):
    verb, same, _ = whole(name)
    run = forked.start(*verb.arguments, before=BROKEN.format(steps=30))
    assert run.wait() == 1, run.text
    assert "illegal memory access" in run.text
    assert "Traceback" not in run.text
    forked(*verb.arguments)
    assert_same(outcome(name, forked.folder), same)


@fault(
    "dead engine", "serve", "after 30 steps each step of the model raises a CUDA error",
    "requests get 500 with a message; the server goes on listening, and ends with 0",
)  # fmt: skip
def test_a_server_with_an_engine_that_dies(model, tmp_path):
    import httpx

    server = Server(model, tmp_path / "server")
    server.start(before=BROKEN.format(steps=30))
    asked = {"model": "tiny", "prompt": "abc", "temperature": 0, "max_tokens": 100}
    found = [httpx.post(f"{server.url}/completions", json=asked, timeout=60) for _ in range(2)]
    assert [one.status_code for one in found] == [500, 500]
    assert all(one.json()["error"]["message"] for one in found)
    assert httpx.get(f"{server.url}/models", timeout=10).status_code == 200
    server.run.ctrl_c()
    assert server.run.wait() == 0


def test_the_trials_before_a_run_are_not_spoiled():
    proxy = Proxy(1, "500")
    try:
        assert not proxy.spoils(b'{"max_tokens": 1, "x": 2}')
        assert [proxy.spoils(b'{"max_tokens": 20}') for _ in range(3)] == [False, False, True]
    finally:
        proxy.close()
