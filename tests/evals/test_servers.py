"""Evaluation against real servers: entmin's own, two that know nothing of it, dead ones, and one killed on the way."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from inspect_ai.log import list_eval_logs, read_eval_log
from tests import templates, tiny
from tests.forked import Forked

SMALL = ("--limit", "4", "--max-tokens", "8", "--quiet")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Process:
    """A server in a process of its own, on a port that stays its own over restarts."""

    def __init__(self, begin: Callable[..., subprocess.Popen], *line: str | Path) -> None:
        self.begin, self.port = begin, free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.line = [str(part).replace("PORT", str(self.port)) for part in line]
        self.start()

    def start(self) -> None:
        self.process = self.begin(self.line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
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


def served(model: Path) -> Process:
    return Process(
        Forked, "serve", model, "--engine", "transformers", "--served-model-name", "tiny", "--port", "PORT",
        "--mode", "em_inf", "--threads", "1", "--dtype", "float32", "--device", "cpu", "--batch-size", "4",
    )  # fmt: skip


@pytest.fixture(scope="module")
def entmin_server(tiny_llama):
    server = served(tiny_llama)
    yield server
    server.kill()


@pytest.fixture(scope="module", params=["lenient", "strict"])
def foreign(request):
    server = Process(
        subprocess.Popen, sys.executable, Path(__file__).parent / "foreign_server.py", "PORT", request.param
    )
    yield server
    server.kill()


MODES = (
    "normal", "em_inf", "self_consistency:n=2:vote=logprob", "best_of_n:n=2:by=logprob",
    "em_inf+best_of_n:n=2:by=self_certainty", "self_refinement:n=2", "sls+deepconf:n=2:keep=1",
)  # fmt: skip


def compared(entmin_here, model, name, *where) -> tuple[dict, dict, list]:
    """What a comparison said: texts, confidences, and what it noted of its engines."""
    entmin_here("compare", model, *SMALL, "--methods", ",".join(MODES), "--results", name, *where)
    texts, sure, engines = {}, {}, []
    for summary in (entmin_here.folder / name).glob("*/*/*/summary.json"):
        found = json.loads(summary.read_text())
        engines.append((found["settings"]["served_by"] if where[0] == "--engine" else None, found["engines"]))
        (log,) = list_eval_logs(str(summary.parent / "logs"))
        mode = (summary.parent.parent.name, json.dumps(found["settings"].get("strategy"), sort_keys=True))
        for sample in read_eval_log(log).samples:
            data = sample.output.metadata
            texts[mode, sample.id] = (sample.output.completion, data.get("chosen"),
                                      [one["completion"] for one in data.get("rounds", [])])  # fmt: skip
            sure[mode, sample.id] = [data["entropy_before"], data["entropy_after"]] + [
                one.get("weight") or one.get("sureness") for one in data.get("candidates", [])
            ]
    return texts, sure, engines


def check_same(here, there, urls):
    texts, sure, engines = there
    assert len(texts) == 4 * len(MODES)
    for key, said in texts.items():
        assert said == here[0][key]
        assert sure[key] == pytest.approx(here[1][key], abs=1e-4), key
    for kind, (engine,) in engines:
        assert kind == "entmin"
        assert [one["url"] for one in engine["servers"]] == urls
        assert {one["version"] for one in engine["servers"]} == {version("entmin")}
        assert len({one["weights"] for one in engine["servers"]}) == 1
        assert engine["servers"][0]["weights"] is not None


@pytest.mark.slow
def test_every_strategy_gives_the_same_answers_here_and_from_a_server(entmin_here, entmin_server, tiny_llama):
    """The server has another default method."""
    here = compared(entmin_here, tiny_llama, "here", "--threads", "1", "--dtype", "float32")
    assert len(here[0]) == 4 * len(MODES)
    there = compared(entmin_here, "tiny", "there", "--engine", "openai", "--base-url", entmin_server.url)
    check_same(here, there, [entmin_server.url])


@pytest.mark.slow
def test_switches_go_to_servers_as_they_go_to_the_engine_here(entmin_here, tmp_path):
    folder = tiny.save(tmp_path / "qwen", sharpness=12.0)
    tokenizer = tiny.tokenizer()
    tokenizer.chat_template = templates.QWEN3
    tokenizer.save_pretrained(folder)
    server = served(folder)
    said = ("--chat-template-kwargs", '{"enable_thinking": false}', "--mode", "self_refinement:n=2")
    there = ("--engine", "openai", "--base-url", server.url)
    try:
        entmin_here("eval", folder, *SMALL, *said, "--results", "here", "--threads", "1", "--dtype", "float32")
        entmin_here("eval", "tiny", *SMALL, *said, "--results", "there", *there)
        refused = entmin_here("eval", "tiny", *SMALL, "--reasoning-effort", "low", *there, code=2)
    finally:
        server.kill()
    assert "reads no 'reasoning_effort'" in refused.stderr
    found = []
    for name in ("here", "there"):
        (path,) = (entmin_here.folder / name).glob("*/*/*/settings.json")
        assert json.loads(path.read_text())["chat_template_kwargs"] == {"enable_thinking": False}
        (log,) = list_eval_logs(str(path.parent / "logs"))
        samples = {one.id: one.output for one in read_eval_log(log).samples}
        found.append({key: (one.completion, one.usage.input_tokens) for key, one in samples.items()})
    assert found[0] == found[1]


def test_a_server_that_may_pass_over_switches_is_told_of(entmin_here, foreign):
    where = ("--engine", "openai", "--base-url", foreign.url, "--chat-template-kwargs", '{"enable_thinking": false}')
    done = entmin_here("eval", "m", *SMALL, *where, code=None)
    if done.returncode:
        assert "refuses the request" in done.stderr
    else:
        assert "does not tell whether its chat template reads this" in done.stderr.replace("\n", " ")


@pytest.mark.slow
def test_two_live_servers_give_the_answers_of_one(entmin_here, entmin_server, tiny_llama):
    asked = ("--engine", "openai", "--base-url")
    one = compared(entmin_here, "tiny", "one", *asked, entmin_server.url)
    second = served(tiny_llama)
    try:
        urls = [entmin_server.url, second.url]
        check_same(one, compared(entmin_here, "tiny", "two", *asked, ",".join(urls)), urls)
    finally:
        second.kill()


def test_a_run_on_servers_notes_its_engine_but_no_addresses_in_its_settings(entmin_here, entmin_server):
    where = ("--engine", "openai", "--base-url", f"{entmin_server.url}/")
    entmin_here("eval", "tiny", *SMALL, *where)
    (path,) = entmin_here.folder.glob("results/*/*/*/summary.json")
    summary = json.loads(path.read_text())
    assert (summary["settings"]["engine"], summary["settings"]["served_by"]) == ("openai", "entmin")
    assert "base_url" not in json.dumps(summary["settings"]), "another address is not another run"
    assert summary["tokens_per_second"] > 0


@pytest.mark.slow
def test_a_server_killed_in_the_middle_is_one_message_and_the_same_command_goes_on(entmin_forked, tiny_llama):
    server = Process(
        Forked, "serve", tiny_llama, "--engine", "transformers", "--served-model-name", "tiny", "--port", "PORT",
        "--threads", "1", "--dtype", "float32", "--device", "cpu", "--batch-size", "2",
    )  # fmt: skip
    command = ("eval", "tiny", "--limit", "20", "--max-tokens", "60", "--quiet",
               "--mode", "em_inf+self_consistency:n=2", "--engine", "openai",
               "--base-url", server.url, "--batch-size", "4")  # fmt: skip
    try:
        running = entmin_forked.start(*command)
        deadline = time.monotonic() + 120
        while _finished(entmin_forked.folder) < 3:
            assert running.poll() is None, running.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        server.kill()
        _, errors = running.communicate(timeout=90)
        assert running.returncode == 1
        assert f"no server answers at {server.url}" in errors
        assert "start it again" in errors
        assert "Traceback" not in errors
        kept = _finished(entmin_forked.folder)
        server.start()
        entmin_forked(*command)
    finally:
        server.kill()
    (path,) = (entmin_forked.folder / "results").glob("*/*/*/summary.json")
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


@pytest.mark.slow
@pytest.mark.parametrize("foreign", ["lenient"], indirect=True)
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
    done = entmin_here("eval", "m", *where, "--mode", "lowest_centroid", code=2)
    assert "does not measure entropy_centroid (--engine transformers does, in this process)" in done.stderr
    done = entmin_here("eval", "m", *where, "--mode", "power_sampling@0.25", code=2)
    assert "does not measure power" in done.stderr
    done = entmin_here("eval", "m", *where, "--mode", "deepconf:n=2", code=1)
    assert "does not measure trace_confidence" in done.stderr
    done = entmin_here("eval", "m", *where, "--mode", "self_refinement", code=2)
    assert "style=clean" in done.stderr
    entmin_here("eval", "m", *where, "--mode", "self_refinement:style=clean:n=2")


def test_wrong_addresses_names_and_keys_are_one_clear_message(entmin_here, entmin_server):
    rude = Process(subprocess.Popen, sys.executable, Path(__file__).parent / "foreign_server.py", "PORT", "rude")
    dead = f"http://127.0.0.1:{free_port()}/v1"
    cases = [
        (("tiny", "--base-url", dead), 1, f"no server answers at {dead}"),
        (("tiny", "--base-url", f"{entmin_server.url},{dead}"), 1, f"no server answers at {dead}"),
        (
            ("tinny", "--base-url", entmin_server.url),
            1,
            "does not serve 'tinny' (did you mean 'tiny'?); it serves tiny",
        ),
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
    assert "unknown engine 'llama' (did you mean 'vllm'?); engines: transformers, vllm, openai" in done.stderr
    assert not list(entmin_here.folder.glob("results/*/*/*/logs/*.eval"))
