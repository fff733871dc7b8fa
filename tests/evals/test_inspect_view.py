"""`inspect view` in a real browser, on a log of ours: it shows the run and its samples."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest
from tests.browser import Watched, browser, need_browser

WAIT = 60_000


@pytest.fixture
def view(entmin, tiny_llama):
    """The address of `inspect view` on the logs of an evaluation, and their folder."""
    need_browser()
    entmin("eval", tiny_llama, "--mode", "em_inf:threshold=0@0.7", "--limit", 3, "--max-tokens", 12, "--quiet")
    [run] = (entmin.folder / "results" / "tiny-llama" / "em_inf").iterdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "inspect_ai", "view", "start", "--log-dir", str(run / "logs"), "--port", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=entmin.environment,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}/"
    for _ in range(300):
        try:
            httpx.get(url, timeout=5)
            break
        except httpx.TransportError:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.2)
    yield url, run
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)


@pytest.mark.slow
def test_the_run_and_a_sample_are_shown_without_an_error(view):
    from inspect_ai.log import list_eval_logs, read_eval_log

    url, run = view
    [info] = list_eval_logs(str(run / "logs"))
    log = read_eval_log(info)
    with browser() as chromium:
        tab = chromium.new_page(viewport={"width": 1280, "height": 900})
        watched = Watched(tab)
        missing = []
        tab.on("response", lambda one: missing.append(one.url) if one.status >= 400 else None)
        tab.goto(url)
        tab.get_by_text("arithmetic").first.wait_for(timeout=WAIT)
        tab.get_by_text("arithmetic").first.click()
        tab.get_by_text("tiny-llama").first.wait_for(timeout=WAIT)
        first = log.samples[0]
        question = (first.input if isinstance(first.input, str) else first.input[-1].text).split("\n")[0][:40]
        tab.get_by_text(question).first.click()
        tab.get_by_text("Scor").first.wait_for(timeout=WAIT)
        tab.get_by_text(str(first.target), exact=True).first.wait_for(timeout=WAIT)
        # Of its own accord it asks for a file of Inspect Flow, which only runs of that have.
        assert [one for one in missing if "/api/flow?" not in one] == []
        assert len(watched.complaints) == len(missing) and all("404" in one for one in watched.complaints)
        assert all(one.startswith((url, "data:", "blob:")) for one in watched.requests), "nothing comes from elsewhere"
