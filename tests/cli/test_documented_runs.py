"""The commands that pages show, run: with a tiny model, the arithmetic task, and sizes that take seconds.

Names of models, tasks and files are replaced by ones that are here, sizes by small ones; every other option is run as
shown. Addresses of servers are replaced by that of one that runs here; what serves is asked once and stopped; commands
that read a trained model get one of two steps; veRL's are dry runs. `NOT_RUN` says of the rest why it is not run, and
what tests it instead.
"""

from __future__ import annotations

import json
import os
import re
import shutil

import httpx
import pytest
from tests.cli.test_documented_commands import COMMANDS, OWN_NAMES, ROOT, variants
from tests.command import Runner
from tests.forked import Forked
from tests.server_process import ServerProcess

from entmin.cli import cli

pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]

NOT_RUN = {
    "serve MODEL --mode|--engine vllm|--rollouts vllm": "what needs vLLM itself: tests in `serve`, `hosts`, `train`",
    "reproduce": "the paper's tables, whose data sets no package has: `cli/test_reproduce`",
    "samples.jsonl.gz|leetcode FILE": "files of other programs: tests in `grading`",
}
"""Pattern of a command, and why."""
SERVES = re.compile("entmin (serve|play) ")
"""Commands that serve until they are stopped."""
READS_TRAINED = re.compile("--against out|out --with-base|report out")
"""Commands that read a trained model, those in sentences included."""
DROPPED = {"--vllm-args", "--device", "--threads", "--dtype", "--eval-limit", "--eval-every", "--gpus"}
SMALL = {
    "eval": ["--limit", "2", "--max-tokens", "4", "--quiet"],
    "compare": ["--limit", "2", "--max-tokens", "4", "--quiet"],
    "settle": ["--limit", "12", "--pilot", "10", "--max-tokens", "4", "--quiet"],
    "ask": ["--max-tokens", "4"],
    "chat": ["--max-tokens", "4"],
    "serve": ["--port", "0"],
    "play": ["--port", "0"],
    "train": ["--max-steps", "1", "--batch-size", "2", "--max-tokens", "4", "--set", "device=cpu", "--report", "none",
              "--data", "arithmetic", "--output", "out", "--set", "micro_batch=2", "--set", "eval_every=0"],
}  # fmt: skip
"""Options at a command's end, where they win over the same ones before."""


def reason(line):
    """Why a line is not run; None where it is."""
    own = [name for name in OWN_NAMES if name in line.split()]
    if own:
        return "uses a plugin of CONTRIBUTING.md: tests/test_contributing"
    return next((why for pattern, why in NOT_RUN.items() if re.search(pattern, line)), None)


def runs(*, serving=False):
    """Every command that ends by itself, or that serves, as words; of those that are alike when small, the first."""
    seen = set()
    for param in COMMANDS:
        line, inline = param.values
        if reason(line) is None and (not inline or READS_TRAINED.search(line)) and bool(SERVES.search(line)) == serving:
            for words in variants(line):
                alike = tuple(small(words[1:], "MODEL"))
                if alike not in seen:
                    seen.add(alike)
                    yield pytest.param(words[1:], id=" ".join(words[1:])[:90])


def option(words, name, value):
    """The words with another value of an option; as they are where it is absent."""
    return [value if i and words[i - 1] == name else word for i, word in enumerate(words)]


def without(words, names):
    """The words without these options and their values."""
    return [word for i, word in enumerate(words) if word not in names and not (i and words[i - 1] in names)]


def small(words, model, run="", server=""):
    """The command with what is here: a model, the folder of a finished run, the address of a server."""
    verb, *rest = words
    rest = [str(run) if word == "RUN..." or word.startswith("results/") else word for word in rest]
    rest = option(without(rest, DROPPED if verb != "estimate" else set()), "--base-url", f"{server}/v1")
    rest = option(rest, "--frontier", "1,0")
    named = cli.get_command(None, verb).make_context(verb, list(rest), resilient_parsing=True).params.get("model")
    if named and named != "out" and not (verb == "estimate" and "/" in named):
        rest = [str(model) if word == named else word for word in rest]
    if verb not in ("estimate", "play", "serve") and "problems.jsonl" not in rest:
        rest = option(rest, "--task", "arithmetic")
    if verb == "check" and rest[0] != "problems.jsonl":
        rest[0] = "arithmetic"
    rest = [str(ROOT / word) if word.startswith("runs/") else word for word in rest]
    if verb == "train" and "--dry-run" in rest:
        return [verb, *rest]
    if "--engine verl" in " ".join(rest) or any("verl/" in word for word in rest):
        return [verb, *rest, "--dry-run"]
    rest = [re.sub(r"(max_tokens|batch_size|micro_batch|eval_every|eval_limit|n)=\d+", r"\1=2", word) for word in rest]
    if verb == "train" and rest[0] in ("rloo", "grpo", "em-rl"):
        rest += ["--n", "2"]
    return [verb, *rest, *SMALL.get(verb, [])]


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_llama):
    """A finished evaluation, for the verbs that read one."""

    folder = tmp_path_factory.mktemp("finished")
    run = Runner(folder, {**os.environ, "OMP_NUM_THREADS": "1"}, Forked)
    run("eval", tiny_llama, "--task", "arithmetic", "--limit", "2", "--max-tokens", "4", "--quiet")
    return next((folder / "results").rglob("summary.json")).parent


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_llama):
    """A folder that a run of two steps has left, with an earlier model as the watch keeps one."""
    folder = tmp_path_factory.mktemp("trained")
    run = Runner(folder, {**os.environ, "OMP_NUM_THREADS": "1"}, Forked)
    run(*small(["train", "em-rl", "MODEL"], tiny_llama), "--max-steps", "2", "--save-every", "1")
    shutil.copytree(folder / "out" / "checkpoint-1", folder / "out" / "before-entropy-floor")
    return folder / "out"


@pytest.fixture(scope="module")
def server(tiny_llama):
    """A server of this package, for the verbs that ask one."""
    process = ServerProcess("serve", tiny_llama, "--engine", "transformers", "--port", "0")
    yield process
    assert process.stop() == 0


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder of a command, with the files that the pages name."""
    monkeypatch.chdir(tmp_path)
    problems = [{"id": str(n), "question": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(4)]
    (tmp_path / "problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in problems))
    answers = [{"id": str(n), "prediction": f"\\boxed{{{n}}}", "gold": "2"} for n in range(4)]
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answers))
    (tmp_path / "answers.csv").write_text("nr,text,answer\n1,\\boxed{2},2\n2,\\boxed{3},2\n")
    (tmp_path / "settings.yaml").write_text("learning_rate: 1.0e-6\n")
    return tmp_path


@pytest.mark.parametrize("words", runs())
def test_a_shown_command_runs(words, entmin_forked, tiny_llama, finished, folder, request):
    line = " ".join(["entmin", *words])
    if READS_TRAINED.search(line):
        for name in re.findall(r"\bout(?:-\w+)?\b", line):
            shutil.copytree(request.getfixturevalue("trained"), folder / name, dirs_exist_ok=True)
    url = request.getfixturevalue("server").url if "--base-url" in words else ""
    done = entmin_forked(*small(words, tiny_llama, finished, url), said="What is 2 + 2?\n")
    assert done.stdout.strip() or done.stderr.strip() or words[0] in ("export", "report")


@pytest.mark.parametrize("words", runs(serving=True))
def test_a_shown_server_answers(words, tiny_llama, folder, request):
    url = request.getfixturevalue("server").url if "--base-url" in words else ""
    process = ServerProcess(*small(words, tiny_llama, server=url))
    try:
        page = httpx.get(process.url, timeout=30)
        assert page.status_code == 200 and "<title>" in page.text
        asked = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 4}
        if words[0] == "serve":
            said = httpx.post(f"{process.url}/v1/chat/completions", json=asked, timeout=60).json()
            assert said["usage"]["completion_tokens"] > 0
    finally:
        assert process.stop() == 0


def test_what_is_not_run_has_a_reason_that_still_holds():
    lines = {param.values[0] for param in COMMANDS}
    for pattern in NOT_RUN:
        assert any(re.search(pattern, line) for line in lines), pattern
    assert len(list(runs())) > 60 and len(list(runs(serving=True))) > 2
