"""The commands that pages show, run: with a tiny model, the arithmetic task, and sizes that take seconds.

Names of models, tasks and files are replaced by ones that are here, sizes by small ones; every other option is run as
shown. `NOT_RUN` says of the rest why it is not run, and what tests it instead.
"""

from __future__ import annotations

import json
import os
import re

import pytest
from tests.cli.test_documented_commands import COMMANDS, OWN_NAMES, ROOT, variants
from tests.command import Runner
from tests.forked import Forked

from entmin.cli import cli

pytestmark = [pytest.mark.long, pytest.mark.timeout(280)]

NOT_RUN = {
    "entmin serve|entmin play|entmin chat": "servers and conversations, which do not end by themselves: "
    "tests in `serve`, `play`, `cli/test_chat_options`",
    "--engine vllm|--engine openai|--engine verl|--rollouts vllm|runs/verl": "what needs a server, vLLM or veRL: "
    "tests in `serve`, `hosts`, `train`",
    "--against|--with-base|out-token|report out": "what needs a trained model: `cli/test_compare`, `cli/test_report`",
    "reproduce": "the paper's tables: `cli/test_reproduce`",
    "samples.jsonl.gz|leetcode FILE": "files of other programs: tests in `grading`",
    "qwen-0.5b --task gsm8k": "an entry of the notebook whose model no package has",
}
"""Pattern of a command, and why."""
DROPPED = {"--base-url", "--vllm-args", "--device", "--threads", "--dtype", "--eval-limit", "--eval-every", "--gpus"}
SMALL = {
    "eval": ["--limit", "2", "--max-tokens", "4", "--quiet"],
    "compare": ["--limit", "2", "--max-tokens", "4", "--quiet"],
    "settle": ["--limit", "12", "--pilot", "10", "--max-tokens", "4", "--quiet"],
    "ask": ["--max-tokens", "4"],
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


def runs():
    """Every different command, as words, once."""
    seen = set()
    for param in COMMANDS:
        line, inline = param.values
        for words in variants(line):
            if not inline and tuple(words) not in seen and reason(line) is None:
                seen.add(tuple(words))
                yield pytest.param(words[1:], id=" ".join(words[1:])[:90])


def option(words, name, value):
    """The words with another value of an option; as they are where it is absent."""
    return [value if i and words[i - 1] == name else word for i, word in enumerate(words)]


def without(words, names):
    """The words without these options and their values."""
    return [word for i, word in enumerate(words) if word not in names and not (i and words[i - 1] in names)]


def small(words, model, run):
    """The command with what is here."""
    verb, *rest = words
    rest = [str(run) if word == "RUN..." or word.startswith("results/") else word for word in rest]
    rest = without(rest, DROPPED if verb != "estimate" else set())
    named = cli.get_command(None, verb).make_context(verb, list(rest)).params.get("model")
    if named and not (verb == "estimate" and "/" in named):
        rest = [str(model) if word == named else word for word in rest]
    if verb != "estimate" and "problems.jsonl" not in rest:
        rest = option(rest, "--task", "arithmetic")
    if verb == "check" and rest[0] != "problems.jsonl":
        rest[0] = "arithmetic"
    rest = [str(ROOT / word) if word.startswith("runs/") else word for word in rest]
    if verb == "train" and "--dry-run" in rest:
        return [verb, *rest]
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


@pytest.mark.parametrize("words", runs())
def test_a_shown_command_runs(words, entmin_forked, tiny_llama, finished, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    problems = [{"id": str(n), "question": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(4)]
    (tmp_path / "problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in problems))
    answers = [{"id": str(n), "prediction": f"\\boxed{{{n}}}", "gold": "2"} for n in range(4)]
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answers))
    (tmp_path / "answers.csv").write_text("nr,text,answer\n1,\\boxed{2},2\n2,\\boxed{3},2\n")
    (tmp_path / "settings.yaml").write_text("learning_rate: 1.0e-6\n")
    done = entmin_forked(*small(words, tiny_llama, finished), said="What is 2 + 2?")
    assert done.stdout.strip() or done.stderr.strip() or words[0] in ("export", "report")


def test_what_is_not_run_has_a_reason_that_still_holds():
    lines = {param.values[0] for param in COMMANDS}
    for pattern in NOT_RUN:
        assert any(re.search(pattern, line) for line in lines), pattern
    assert len(list(runs())) > 40
