"""Evaluation against real servers: entmin's own, two that know nothing of it, dead ones, and one killed on the way."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from inspect_ai.log import list_eval_logs, read_eval_log
from tests.command import MAIN

SMALL = ("--limit", "4", "--max-tokens", "8", "--quiet")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Process:
    """A server in a process of its own, on a port that stays its own over restarts."""

    def __init__(self, *line: str | Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.line = [str(part).replace("PORT", str(self.port)) for part in line]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self.line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None, self.line
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)


@pytest.fixture(scope="module")
def entmin_server(tiny_llama):
    server = Process(
        *MAIN, "serve", tiny_llama, "--engine", "transformers", "--served-model-name", "tiny", "--port", "PORT",
        "--mode", "em_inf", "--threads", "1", "--dtype", "float32", "--device", "cpu", "--batch-size", "4",
    )  # fmt: skip
    yield server
    server.kill()


@pytest.fixture(scope="module", params=["lenient", "strict"])
def foreign(request):
    server = Process(sys.executable, Path(__file__).parent / "foreign_server.py", "PORT", request.param)
    yield server
    server.kill()


def completions(folder: Path) -> dict:
    found = [log for info in list_eval_logs(str(folder / "logs")) if (log := read_eval_log(info)).status == "success"]
    return {(s.id, s.epoch): s.output.completion for s in found[0].samples}


def test_the_same_answers_from_the_engine_and_from_a_server_with_another_default_method(
    entmin_here, entmin_server, tiny_llama
):
    server = ("--engine", "openai", "--base-url", f"{entmin_server.url},{entmin_server.url}/")
    for mode in ("normal", "em_inf+best_of_n:n=2"):
        mine = ("eval", tiny_llama, *SMALL, "--mode", mode, "--threads", "1", "--dtype", "float32")
        entmin_here(*mine, "--results", "here")
        entmin_here("eval", "tiny", *SMALL, "--mode", mode, *server, "--results", "there")
        (a,), (b,) = ([p.parent for p in (entmin_here.folder / name).glob("*/*/*/summary.json")
                       if mode.partition(":")[0] == p.parent.parent.name] for name in ("here", "there"))  # fmt: skip
        assert completions(a) == completions(b)
    summary = json.loads((b / "summary.json").read_text())
    assert summary["settings"]["engine"] == "openai"
    assert summary["settings"]["served_by"] == "entmin"
    (engine,) = summary["engines"]
    assert [one["url"] for one in engine["servers"]] == [entmin_server.url] * 2
    assert "base_url" not in json.dumps(summary["settings"]), "another address is not another run"
    assert summary["tokens_per_second"] > 0
    assert json.loads((a / "summary.json").read_text())["settings"]["engine"] == "transformers"


@pytest.mark.slow
def test_a_server_killed_in_the_middle_is_one_message_and_the_same_command_goes_on(entmin, tiny_llama):
    server = Process(
        *MAIN, "serve", tiny_llama, "--engine", "transformers", "--served-model-name", "tiny", "--port", "PORT",
        "--threads", "1", "--dtype", "float32", "--device", "cpu", "--batch-size", "2",
    )  # fmt: skip
    command = ("eval", "tiny", "--limit", "20", "--max-tokens", "60", "--quiet",
               "--mode", "em_inf+self_consistency:n=2", "--engine", "openai",
               "--base-url", server.url, "--batch-size", "4")  # fmt: skip
    try:
        running = entmin.start(*command)
        deadline = time.monotonic() + 120
        while _finished(entmin.folder) < 3:
            assert running.poll() is None, running.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        server.kill()
        _, errors = running.communicate(timeout=90)
        assert running.returncode == 1
        assert f"no server answers at {server.url}" in errors
        assert "start it again" in errors
        assert "Traceback" not in errors
        kept = _finished(entmin.folder)
        server.start()
        entmin(*command)
    finally:
        server.kill()
    (path,) = (entmin.folder / "results").glob("*/*/*/summary.json")
    summary = json.loads(path.read_text())
    assert summary["results"]["samples"] == 20
    assert summary["cost_per_answer"]["calls"] == 2
    sessions = [json.loads(line) for line in (path.parent / "sessions.jsonl").read_text().splitlines()]
    assert kept >= 3
    assert sessions[-1]["completed"] <= 2 * (20 - kept)


def _finished(folder: Path) -> int:
    try:
        (logs,) = (folder / "results").glob("*/*/*/logs")
        found = list_eval_logs(str(logs))
        return sum(s.error is None and bool(s.scores) for s in read_eval_log(found[0]).samples or []) if found else 0
    except (OSError, ValueError, KeyError):
        return 0


def test_a_server_that_knows_no_methods_gets_plain_requests_and_no_others(entmin_here, foreign):
    where = ("--engine", "openai", "--base-url", foreign.url, "--quiet", "--limit", "4")
    done = entmin_here("eval", "m", *where, "--mode", "em_inf", code=2)
    assert "does not know entmin's methods and would decode without em_inf" in done.stderr
    assert "entmin serve m" in done.stderr
    done = entmin_here("eval", "m", *where)
    assert ("its own defaults apply" in done.stderr) == (foreign.line[-1] == "strict")
    assert "–" in done.stdout, "no entropies from a server that reports none"
    done = entmin_here("eval", "m", *where, "--top-k", "5", code=2 if foreign.line[-1] == "strict" else 0)
    assert ("refuses the request: Unrecognized request argument" in done.stderr) == (foreign.line[-1] == "strict")


def test_strategies_use_what_a_foreign_server_reports_and_refuse_the_rest(entmin_here, foreign):
    where = ("--engine", "openai", "--base-url", foreign.url, "--quiet", "--limit", "4")
    entmin_here("eval", "m", *where, "--mode", "self_consistency:vote=logprob:n=3")
    (path,) = (entmin_here.folder / "results").glob("*/self_consistency/*/logs")
    for sample in read_eval_log(list_eval_logs(str(path))[0]).samples:
        weights = [record["weight"] for record in sample.output.metadata["candidates"]]
        assert weights == pytest.approx([0.6065306597] * 3)  # exp(-0.5)
        assert sample.output.metadata["cost"]["input_tokens"] == 33
        assert sample.output.metadata["cost"]["output_tokens"] == 12
    done = entmin_here("eval", "m", *where, "--mode", "best_of_n", code=2)
    assert "does not measure entropy" in done.stderr
    assert "use logprob" in done.stderr
    done = entmin_here("eval", "m", *where, "--mode", "self_refinement", code=2)
    assert "style=clean" in done.stderr
    entmin_here("eval", "m", *where, "--mode", "self_refinement:style=clean:n=2")


def test_wrong_addresses_names_and_keys_are_one_clear_message(entmin_here, entmin_server):
    rude = Process(sys.executable, Path(__file__).parent / "foreign_server.py", "PORT", "rude")
    dead = f"http://127.0.0.1:{free_port()}/v1"
    cases = [
        (("tiny", "--base-url", dead), 1, f"no server answers at {dead}"),
        (("tiny", "--base-url", f"{entmin_server.url},{dead}"), 1, f"no server answers at {dead}"),
        (("tinny", "--base-url", entmin_server.url), 1, "does not serve 'tinny'; it serves tiny"),
        (("tiny", "--base-url", entmin_server.url + "/v2"), 1, "does the address end in /v1?"),
        (("tiny", "--base-url", "127.0.0.1:8000"), 2, "write it in full"),
        (("m", "--base-url", rude.url), 1, "wants another API key (401): set ENTMIN_API_KEY"),
        (("tiny",), 2, "--engine openai needs --base-url"),
        (
            ("tiny", "--base-url", dead, "--device", "cuda", "--threads", "2"),
            2,
            "--device, --threads: a running server",
        ),
    ]
    try:
        for arguments, code, message in cases:
            done = entmin_here("eval", *arguments, "--engine", "openai", "--quiet", code=code)
            assert message in done.stderr, (arguments, done.stderr)
            assert "Traceback" not in done.stderr
    finally:
        rude.kill()
    done = entmin_here("eval", "tiny", "--engine", "vllm", "--base-url", entmin_server.url, "--quiet", code=2)
    assert "is no vLLM server" in done.stderr
    done = entmin_here("eval", "tiny", "--base-url", dead, "--quiet", code=2)
    assert "add --engine vllm or --engine openai" in done.stderr
    done = entmin_here("eval", "tiny", "--engine", "llama", "--quiet", code=2)
    assert "unknown engine 'llama'; engines: transformers, vllm, openai" in done.stderr
    assert not list(entmin_here.folder.glob("results/*/*/*/logs/*.eval"))
