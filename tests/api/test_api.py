"""The functions behind the verbs: in a program, inside a running event loop, in a notebook's kernel."""

from __future__ import annotations

import asyncio
import inspect
import json
import subprocess
import sys

import pytest

import entmin
from entmin.errors import UsageError
from tests.forked import Forked

SMALL = {"limit": 3, "max_tokens": 8, "quiet": True}


def test_an_evaluation_is_small_and_says_what_was_found(tiny_llama, tmp_path):
    done = entmin.evaluate(str(tiny_llama), mode=entmin.EmInf(threshold=0.1), results=tmp_path, seed=3, **SMALL)
    assert repr(done).startswith("Evaluation: ") and "em_inf is right in" in repr(done) and len(repr(done)) < 400
    assert len(repr(done.runs["arithmetic"])) < 300
    assert done.runs["arithmetic"].summary["settings"]["seed"] == 3
    assert done.rows[0].method["entmin_threshold"] == 0.1
    shown = done._repr_html_()
    assert "<table>" in shown and "<svg" in shown and "<script" not in shown


def test_the_command_line_reads_the_run_that_the_function_made(tiny_llama, tmp_path, entmin_here):
    done = entmin.evaluate(str(tiny_llama), mode="em_inf", results=tmp_path, **SMALL)
    logs = list((done.runs["arithmetic"].folder / "logs").glob("*.eval"))
    options = ["--limit", "3", "--max-tokens", "8", "--mode", "em_inf", "--results", tmp_path, "--json"]
    [summary] = json.loads(entmin_here("eval", tiny_llama, *options).stdout)
    assert summary == json.loads(json.dumps(done.runs["arithmetic"].summary, default=str))
    assert list((done.runs["arithmetic"].folder / "logs").glob("*.eval")) == logs


@pytest.mark.slow
def test_a_comparison_inside_a_running_loop_and_again(tiny_llama, tmp_path):
    async def compare():
        done = [
            entmin.compare(str(tiny_llama), methods=["normal", entmin.EmInf()], results=tmp_path, **SMALL)
            for _ in range(2)
        ]
        await asyncio.sleep(0)
        return done

    first, second = asyncio.run(compare())
    assert [row.label for row in first.rows] == ["normal", "em_inf"]
    assert repr(first) == repr(second) and "em_inf" in repr(first)
    assert (first.folder / "report.html").exists() and first.folder == second.folder
    assert "baseline" in first._repr_html_()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"limmit": 3}, "no option 'limmit' .did you mean 'limit'"),
        ({"limit": 0}, "limit must be a whole number of at least 1, not 0"),
        ({"batch_size": "4"}, "batch_size must be a whole number"),
        ({"engine": "transformer"}, "did you mean 'transformers'"),
        ({"hyperparameters": {"treshold": 0.1}, "mode": "em_inf"}, "did you mean 'threshold'"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_loaded(options, said, tmp_path):
    with pytest.raises(UsageError, match=said):
        entmin.evaluate("no-such-model", results=tmp_path, **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["evaluate", "compare", "settle", "train"])
def test_functions_show_every_option_that_the_command_line_has(name):
    from entmin.cli import VERBS, cli

    command = cli.get_command(None, {"evaluate": "eval"}.get(name, name))
    assert command is not None and VERBS
    options = {one.name for one in command.params} - {"as_json", "settings", "file"}
    function = getattr(entmin, name)
    shown = set(inspect.signature(function).parameters)
    single = {"preset", "hyperparameters", *_hyperparameters()} if name == "evaluate" else set()
    assert options - single - {"settings"} <= shown
    assert all(f"{option}: " in function.__doc__ for option in options - single)


def _hyperparameters():
    from entmin.methods import METHODS
    from entmin.strategies import STRATEGIES

    return {option for one in (*METHODS.values(), *STRATEGIES.values()) for option in one.options()}


@pytest.mark.parametrize("first", ["import entmin.train.config, entmin.settle.question", "pass"])
def test_settle_and_train_are_functions_and_packages(first):
    code = (
        f"{first}\nimport entmin, inspect\nassert callable(entmin.train) and callable(entmin.settle)\n"
        "import entmin.train.config as config\nfrom entmin.settle.question import Question\n"
        "assert 'batch_size' in inspect.signature(entmin.train).parameters and 'Args:' in entmin.settle.__doc__\n"
        "try: entmin.train('em-ft', 'm', batchsize=2)\nexcept entmin.errors.UsageError as e: print(e)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "did you mean 'batch_size'" in done.stdout


INTERRUPTED = """
import asyncio, os, pathlib, signal, sys, threading, time
import entmin
from entmin.errors import Interrupted
folder = pathlib.Path(sys.argv[2])

async def run(limit):
    return entmin.evaluate(sys.argv[1], limit=limit, max_tokens=400, results=folder, quiet=True)

def stop():
    while not list(folder.rglob("*.eval")):
        time.sleep(0.1)
    time.sleep(2)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=stop, daemon=True).start()
before = signal.getsignal(signal.SIGINT)
try:
    asyncio.run(run(400))
except Interrupted as error:
    print(error, signal.getsignal(signal.SIGINT) is before)
print(asyncio.run(run(3)))
"""


@pytest.mark.slow
def test_ctrl_c_beside_a_loop_keeps_what_is_finished(tiny_llama, tmp_path):
    """The loop's own handler would cancel the caller only when the run is over.

    The next evaluation in the process runs: it used to wait for ever, since what had stopped the first was still there.
    """
    with Forked([tiny_llama, tmp_path], code=INTERRUPTED, stdout=subprocess.PIPE, text=True) as process:
        told, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "finished samples are kept, and the same command goes on True" in told
    assert "(n = 3 problems)" in told


def test_training_by_a_function(tiny_llama, tmp_path):
    plan = entmin.train("em-ft", str(tiny_llama), dry_run=True, max_steps=2)
    assert "entmin train em-ft" in repr(plan)
    done = entmin.train(
        "em-ft", str(tiny_llama), output=str(tmp_path / "run"), max_steps=2, batch_size=2, max_tokens=4, device="cpu",
        report="none",
    )  # fmt: skip
    assert [row["step"] for row in done.curves] == [1, 2]
    assert repr(done).startswith("Training: ") and "<svg" in done._repr_html_()


def test_an_answer_shows_its_tokens_escaped(tiny_llama):
    answer = entmin.ask(str(tiny_llama), "Say <b>", max_tokens=12, seed=2)
    again = entmin.ask(str(tiny_llama), "Say <b>", max_tokens=12, seed=2)
    assert answer == again and len(answer.tokens) == 12 and "".join(one.text for one in answer.tokens) == answer.text
    for token in answer.tokens:
        assert len(token.alternatives) >= 10 and all(one.after is not None for one in token.alternatives)
    shown = answer._repr_html_()
    assert shown.count("<span") == 12 and "title=" in shown and "<script" not in shown
    with pytest.raises(UsageError, match="single answers"):
        entmin.ask(str(tiny_llama), "Say", mode="self_consistency")


def test_a_method_on_one_row_of_logits():
    done = entmin.adjust("em_inf:threshold=0", [2.0, 1.0, 0.0], ["<a>", "b", "c"])
    assert done.entropy_after < done.entropy_before and done.after[0] > done.before[0]
    assert abs(sum(done.before) - 1) < 1e-6 and "&lt;a&gt;" in done._repr_html_()
    with pytest.raises(UsageError, match="one row of logits"):
        entmin.adjust("em_inf", [[2.0, 1.0]])
