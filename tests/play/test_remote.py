"""The playground before a server of the OpenAI API: our own, over HTTP, and one that knows no methods."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tests.browser import Watched, browser, need_browser
from tests.play.served import Playground
from tests.serve.local import Server

from entmin.play.bounds import least_entropy

HELLO = [{"role": "user", "content": "hello"}]
WAIT = 60_000


class Before(Playground):
    """`entmin play --base-url URL`."""

    def __init__(self, url: str, *options: str, key: str | None = None) -> None:
        super().__init__(None, "--base-url", url, *options, key=key)


@pytest.fixture(scope="module")
def peer(folder):
    server = Server(folder, "--threads", "1")
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def before(peer):
    playing = Before(peer.url)
    yield playing
    assert playing.stop() == 0, "".join(playing.log)


def asked(*modes, **options):
    return {"arms": [{"mode": mode, "messages": HELLO} for mode in modes], "max_tokens": 12, "seed": 5, **options}


def by_arm(events, n):
    return [[event for event in events if event.get("arm") == i] for i in range(n)]


def test_answers_are_those_of_the_in_process_playground_and_entropies_are_below_the_true_ones(before, play):
    modes = ["normal", "em_inf:threshold=0:n_grad_steps=20@0.8", "greedy", "sls:threshold=0:gap=100"]
    opening, *events = before.events(asked(*modes))
    expected, *true = play.events(asked(*modes))
    assert opening == expected
    for found, whole in zip(by_arm(events, 4), by_arm(true, 4), strict=True):
        *tokens, end = found
        *exact, last = whole
        assert end["said"] == last["said"] and end["ended"] == last["ended"] == "max_tokens"
        assert "".join(one["text"] for one in tokens) == "".join(one["text"] for one in exact) + last["text"]
        assert [one["p"] for one in tokens] == pytest.approx([one["p"] for one in exact], abs=1e-3)
        for one, other in zip(tokens, exact, strict=True):
            assert 0 <= one["before"] <= other["before"] + 1e-3
            assert one["after"] is None and one["q"] is None
            assert len(one["top"]) == 20 and one["top"][0][2] == pytest.approx(
                max(t[2] for t in other["top"]), abs=1e-3
            )
        mean = sum(one["before"] for one in exact) / len(exact)
        assert end["means"]["before"] == pytest.approx(mean, abs=1e-3)
    assert by_arm(events, 4)[0][-1]["said"] != by_arm(events, 4)[1][-1]["said"]


def test_the_bound_holds_and_is_exact_where_all_is_known():
    import torch

    for scale in (0.0, 0.5, 3.0, 20.0):
        for size in (1, 5, 20, 50):
            logp = (torch.randn(50, dtype=torch.float64) * scale).log_softmax(-1)
            true = -float((logp.exp() * logp).sum())
            known = logp.sort(descending=True).values[:size].tolist()
            found = least_entropy(known, known[-1])
            assert 0 <= found <= true + 1e-9
            if size == 50:
                assert found == pytest.approx(true, abs=1e-9)
    assert least_entropy([math.log(0.5)], math.log(0.5)) == pytest.approx(math.log(2))
    assert least_entropy([], 0.0) == 0


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("stream", asked("em_inff"), "did you mean"),
        ("stream", asked("em_inf:n_grad_steps=500"), "n_grad_steps must be at most 200"),
        ("stream", asked("best_of_n"), "a strategy is several"),
        ("stream", asked("normal", max_tokens=0), "max_tokens must be between"),
        ("step", {"mode": "normal", "messages": HELLO, "tokens": []}, "not to be had from this server"),
    ],
)
def test_a_wrong_request_is_one_message(before, path, body, words):
    answer = before.post(path, body)
    assert answer.status_code == 400 and words in answer.json()["error"]["message"]


def test_who_goes_away_stops_the_decoding_there(before, peer):
    with httpx.stream("POST", f"{before.url}play/stream", json=asked("normal", max_tokens=4096), timeout=60) as answer:
        lines = answer.iter_lines()
        while '"arm"' not in next(lines):
            pass
        assert peer.health()["decoding"] == 1
    for _ in range(400):
        if not peer.health()["decoding"]:
            break
    assert peer.health()["decoding"] == 0


@pytest.mark.slow
def test_a_server_that_knows_no_methods_offers_none_and_one_that_does_not_stream_is_told():
    from tests.evals.test_servers import Process

    script = Path(__file__).parents[1] / "evals" / "foreign_server.py"
    foreign = Process(subprocess.Popen, sys.executable, script, "PORT", "lenient")
    play = Before(foreign.url)
    try:
        told = httpx.get(f"{play.url}play/about").json()
        assert [one["name"] for one in told["methods"]] == ["normal"] and told["mode"]["entmin_method"] == "normal"
        assert [one["name"] for one in told["sampling"]] == ["temperature", "top_p"]
        assert "does not know entmin's methods" in told["remote"]["notice"]
        assert "does not know entmin's methods" in play.post("stream", asked("em_inf")).json()["error"]["message"]
        assert "does not stream" in play.post("stream", asked("normal")).text
    finally:
        assert play.stop() == 0
        foreign.kill()


@pytest.mark.slow
def test_what_cannot_be_is_said_at_the_start(entmin, peer):
    done = entmin("play", "other", "--base-url", peer.url, "--port", 0, code=1)
    assert "does not serve 'other'; it serves tiny" in done.stderr
    assert "for a model in this process" in entmin("play", "--base-url", peer.url, "--dtype", "float32", code=2).stderr
    assert "no server answers" in entmin("play", "--base-url", "http://127.0.0.1:9", code=1).stderr


@pytest.mark.slow
def test_a_key_is_the_servers_and_the_pages(folder):
    peer = Server(folder, "--threads", "1", key="secret")
    play = Before(peer.url, key="secret")
    try:
        assert httpx.get(play.url).status_code == 200
        for path in ("stream", "step", "export"):
            assert play.post(path, asked("normal")).status_code == 401
        assert play.events(asked("normal"), headers={"Authorization": "Bearer secret"})
    finally:
        assert play.stop() == 0 and peer.stop() == 0


@pytest.mark.slow
def test_a_server_that_is_gone_is_told(folder):
    peer = Server(folder, "--threads", "1")
    play = Before(peer.url)
    try:
        play.events(asked("normal"))
        peer.process.kill()
        peer.stop()
        answer = play.post("stream", asked("normal"))
        assert "no server answers at" in answer.text and "start it again" in answer.text
    finally:
        assert play.stop() == 0


@pytest.mark.slow
def test_the_page_says_what_it_does_not_know(before, tmp_path):
    need_browser()
    with browser() as chromium:
        tab = chromium.new_page(viewport={"width": 1280, "height": 900})
        watched = Watched(tab)
        tab.goto(before.url)
        tab.wait_for_selector(".arm")
        assert "entropies are lower bounds" in tab.inner_text("#remote")
        assert tab.is_hidden("#which")
        tab.fill("#question", "hello")
        tab.click("#more summary")
        tab.fill("#limit", "12")
        tab.click("#run")
        tab.wait_for_selector("#status:text-is('Done.')", timeout=WAIT)
        tokens = tab.locator(".arm:nth-child(2) .answer .t")
        assert tokens.count() == 12
        assert re.search(r"12 tokens, entropy .* \(told by the server\)", tab.inner_text(".arm:nth-child(2) .caption"))
        assert tab.get_attribute(".arm:nth-child(2) polyline.after", "points") == ""
        assert len(tab.get_attribute(".arm:nth-child(2) polyline.before", "points").split()) == 12
        tokens.nth(3).click()
        assert re.search(r"At least \d+\.\d\d nats", tab.inner_text("#token .numbers"))
        assert "→" not in tab.inner_text("#token") and tab.locator("#token .is").count() == 0
        tab.locator(".arm:nth-child(2) .settings").evaluate("one => one.open = true")
        tab.locator(".arm:nth-child(2) [data-name=n_grad_steps] input[type=range]").fill("10")
        tab.wait_for_selector(".would:has-text('not to be had from this server')")
        with tab.expect_download() as waiting:
            tab.click("#save")
        waiting.value.save_as(tmp_path / "saved.html")
        assert "at least" in (tmp_path / "saved.html").read_text()
        assert watched.complaints == []
