"""What fails in somebody else's code is told as theirs, over every verb that runs it; what is ours stays ours."""

from __future__ import annotations

import json
import sys

import pytest

from entmin.blame import blamed, whose_fault
from tests import tiny

SMALL = ("--max-tokens", "6", "--threads", "1", "--device", "cpu", "--quiet")
METHOD = """
from dataclasses import dataclass
from entmin.methods import Method, register_method

@register_method
@dataclass(frozen=True)
class Broken(Method):
    name, summary = "broken", "does not work"

    def adjust(self, logits):
        {body}
"""
TASK = """
from entmin.problem import Problem
from entmin.tasks import golds
from entmin.tasks.benchmark import Benchmark
from entmin.tasks.data import Loaded, content_hash
from entmin.tasks.prompts import MATH

def load(benchmark, data_dir):
    {load}
    problems = tuple(Problem(str(n), f"What is {{n}} + {{n}}?", str(2 * n)) for n in range(3))
    return Loaded(problems, {{"name": "theirs", "rows": 3, "sha256": content_hash(problems)}})

def gold(raw):
    {gold}
    return golds.integer(raw)

THEIRS = Benchmark(name="theirs", summary="theirs", prompts=MATH, judge="math", gold=gold, loader=load)
"""
REWARD = """
from entmin.train.rewards import register_reward

@register_reward("broken", "does not work")
def broken(samples, settings):
    {body}
"""
MODEL = """
from transformers.models.llama import modeling_llama
whole, calls = modeling_llama.LlamaForCausalLM.forward, []

def forward(self, *args, **options):
    calls.append(1)
    if len(calls) > {after}:
        raise RuntimeError("their kernel failed")
    return whole(self, *args, **options)

forward.__signature__ = __import__("inspect").signature(whole)
modeling_llama.LlamaForCausalLM.forward = forward
"""
SCORER = """
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import Score, accuracy, scorer
from inspect_ai.solver import generate, solver

@scorer(metrics=[accuracy()])
def judged():
    async def score(state, target):
        {score}
        return Score(value="C")
    return score

@solver
def asks():
    async def solve(state, generate):
        {solve}
        return await generate(state)
    return solve

@task
def theirs():
    {task}
    return Task([Sample("1 + 1?", target="2", id=1), Sample("2 + 2?", target="4", id={id})],
                scorer=judged(), solver=asks())
"""
RAISE = "raise ValueError('their own bug')"


def told(done, *words):
    said = done.stderr.replace("\n", " ")
    assert "defect of entmin" not in said and "Traceback" not in said, done.stderr
    for word in words:
        assert word in said, done.stderr


@pytest.mark.parametrize("verb", ["eval", "settle", "ask"])
def test_a_method_that_fails_is_its_plugins_fault(entmin_forked, plugin, tiny_llama, verb):
    env = plugin("theirs", METHOD.format(body=RAISE))
    mode = ("--methods" if verb == "settle" else "--mode", "broken")
    rest = {"eval": ("--limit", "2", "--quiet"), "settle": ("--pilot", "10", "--limit", "12", "--quiet"), "ask": ()}[
        verb
    ]
    question = ("hi",) if verb == "ask" else ()
    done = entmin_forked(verb, tiny_llama, *question, *SMALL[:-1], *mode, *rest, code=1, **env)
    told(done, "their own bug", "theirs_module.py, line", "plugin 'theirs'", "ask its author")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return logits[:, :5]", "its adjust must give adjusted logits of the same shape"),
        ("return logits[0]", "its adjust must give adjusted logits of the same shape"),
        ("return None", "gave NoneType for logits"),
        ("return logits * float('nan')", "left no distribution to draw from"),
        ("import no_such_package_at_all", "pip install no_such_package_at_all"),
    ],
)
def test_a_method_that_gives_something_else_is_told_so(entmin_forked, plugin, tiny_llama, body, words):
    done = entmin_forked("ask", tiny_llama, "hi", "--mode", "broken", *SMALL[:-1], code=None,
                  **plugin("theirs", METHOD.format(body=body)))  # fmt: skip
    assert done.returncode in (1, 2)
    told(done, words)


@pytest.mark.parametrize(("verb", "part"), [("eval", "load"), ("grade", "gold"), ("check", "load")])
def test_a_benchmark_that_fails_is_its_plugins_fault(entmin_forked, plugin, tiny_llama, part, verb):
    env = plugin("theirs", TASK.format(**{"load": "", "gold": "", part: RAISE}))
    answers = entmin_forked.folder / "answers.jsonl"
    answers.write_text('{"id": "1", "prediction": "2"}\n')
    command = {"eval": ("eval", tiny_llama, *SMALL, "--task", "theirs"), "grade": ("grade", "theirs", answers),
               "check": ("check", "theirs")}[verb]  # fmt: skip
    told(entmin_forked(*command, code=1, **env), "their own bug", "theirs_module.py, line")


def test_a_model_whose_code_fails_is_blamed_by_file_and_line(entmin_forked, plugin, tiny_llama):
    env = plugin("theirs", MODEL.format(after=7))
    for command in (("eval", tiny_llama, *SMALL, "--limit", "2"), ("ask", tiny_llama, "hi", *SMALL[2:-1])):
        told(entmin_forked(*command, code=1, **env), "their kernel failed", "theirs_module.py, line")


def test_a_model_whose_code_fails_is_blamed_in_training(entmin_forked, plugin, tiny_llama):
    env = plugin("theirs", MODEL.format(after=40))
    done = entmin_forked("train", "em-ft", tiny_llama, "--max-steps", "30", "--batch-size", "2", "--max-tokens", "6",
                  "--output", "out", "--set", "device=cpu", "--report", "none", code=1, **env)  # fmt: skip
    told(done, "their kernel failed", "theirs_module.py, line")


def test_a_reward_that_fails_is_named(entmin_forked, plugin, tiny_llama):
    env = plugin("theirs", REWARD.format(body=RAISE))
    small = ("--max-steps", "1", "--batch-size", "2", "--n", "2", "--max-tokens", "6", "--set", "device=cpu")
    done = entmin_forked("train", "em-rl", tiny_llama, "--reward", "broken", *small, "--output", "out", code=1, **env)
    told(done, "the reward 'broken' failed", "their own bug")


@pytest.mark.parametrize("part", ["score", "solve", "task"])
def test_a_strangers_task_is_blamed_for_what_it_raises(entmin_here, tiny_llama, part):
    path = entmin_here.folder / "mine.py"
    path.write_text(SCORER.format(**{"score": "", "solve": "", "task": "", "id": 2, part: RAISE}))
    done = entmin_here("eval", tiny_llama, *SMALL, "--task", f"{path}@theirs", code=1)
    told(done, "their own bug", f"{path}, line", "no part of entmin")


def test_two_problems_of_one_id_are_refused_before_anything_is_asked(entmin_here, tiny_llama):
    path = entmin_here.folder / "mine.py"
    for twin in ("1", "'1'"):
        path.write_text(SCORER.format(score="", solve="", task="", id=twin))
        done = entmin_here("eval", tiny_llama, *SMALL, "--task", f"{path}@theirs", code=None)
        assert done.returncode in (1, 2), done.stderr
        assert not list(entmin_here.folder.glob("results/**/*.eval"))
        told(done, "id")


def test_a_server_says_whose_code_failed(plugin, tiny_llama, monkeypatch):
    import httpx

    from tests.server_process import ServerProcess

    env = plugin("theirs", METHOD.format(body=RAISE))
    monkeypatch.setenv("PYTHONPATH", env["PYTHONPATH"])
    server = ServerProcess("serve", tiny_llama, "--engine", "transformers", "--port", "0", "--device", "cpu")
    try:
        body = {"prompt": "abc", "max_tokens": 4, "vllm_xargs": {"entmin_method": "broken"}}
        done = httpx.post(f"{server.url}/v1/completions", json=body, timeout=60)
        assert done.status_code == 500 and "theirs_module.py, line" in done.json()["error"]["message"]
        streamed = httpx.post(f"{server.url}/v1/completions", json=body | {"stream": True}, timeout=60).text
        assert "theirs_module.py, line" in streamed
        fine = httpx.post(f"{server.url}/v1/completions", json={"prompt": "abc", "max_tokens": 4}, timeout=60)
        assert fine.status_code == 200
    finally:
        assert server.stop() == 0


def test_a_file_that_vanishes_is_named(entmin_here, tiny_llama, tmp_path):
    folder = tiny.save(tmp_path / "m")
    (folder / "model.safetensors").unlink()
    done = entmin_here("eval", folder, *SMALL, "--limit", "2", code=1)
    told(done, "could not load model")


def raised(source, tmp_path, name="theirs.py"):
    """The error of a file of somebody's, as entmin meets it."""
    import linecache

    path = tmp_path / name
    path.write_text(source)
    namespace: dict = {}
    exec(compile(source, str(path), "exec"), namespace)
    linecache.checkcache(str(path))
    try:
        json.loads("{}", object_hook=lambda found: namespace["work"](found))
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def test_the_innermost_file_of_theirs_is_named(tmp_path):
    error = raised("def work(found):\n    return found['a']\n", tmp_path)
    assert "theirs.py, line 2" in blamed(error) and blamed(error).startswith("KeyError: 'a'")
    deeper = raised("import torch\ndef work(found):\n    return torch.zeros(2) @ torch.zeros(3)\n", tmp_path)
    assert "theirs.py, line 3" in blamed(deeper)


def test_what_no_one_elses_code_raised_is_ours():
    from entmin.errors import closest

    try:
        closest(1, [2])
    except Exception as error:
        assert blamed(error) == ""
    here = sys.executable
    assert whose_fault(f'  File "{here}", line 3, in <module>\n') == ""


def test_a_models_own_code_is_called_so():
    ours = __import__("entmin.engine.batch", fromlist=["x"]).__file__
    library = __import__("transformers.models.llama.modeling_llama", fromlist=["x"]).__file__
    trace = f'  File "{ours}", line 1, in step\n  File "{library}", line 9, in forward\n'
    assert "modeling_llama.py, line 9, the model's own code" in whose_fault(trace)


@pytest.mark.parametrize(
    ("name", "words"),
    [("os:getcwd", "makes a str, and no Inspect task"), ("json:loads", "cannot be made: TypeError"),
     ("three.py@three", "cannot be made")],
)  # fmt: skip
def test_what_makes_no_task_is_told_so(entmin_here, tiny_llama, name, words):
    (entmin_here.folder / "three.py").write_text("from inspect_ai import task\n\n@task\ndef three():\n    return 3\n")
    done = entmin_here("eval", tiny_llama, *SMALL, "--task", name, code=None)
    assert done.returncode in (1, 2)
    told(done, words)
