"""What the command line says of itself: help in groups, the nearest name, completion, the state as JSON."""

import json
import os
import re
import subprocess

import pytest
from tests.command import MAIN

from entmin.methods import METHODS
from entmin.strategies import STRATEGIES

MODES = [*METHODS.values(), *STRATEGIES.values()]


def test_help_has_groups_and_a_meaning_for_each_hyper_parameter(entmin_here):
    said = entmin_here("eval", "--help").stdout
    for title in ("What is run:", "Sampling:", "Engine:", "Output and others:"):
        assert f"\n{title}\n" in said
    assert "em_inf (or in --mode em_inf:threshold=...):\n  EM-INF: a few Adam steps" in said
    assert re.search(r"--n-grad-steps INTEGER\s+At most this many updates per token\.\s+\[default: 3\]", said)
    assert "Setting of the mode" not in said and "--hyperparameters" not in said


@pytest.mark.parametrize("kind", MODES, ids=lambda kind: kind.name)
def test_every_hyper_parameter_has_a_meaning(kind):
    meanings = kind.meanings()
    assert set(meanings) == set(kind.options())
    assert all(5 < len(text) < 300 for text in meanings.values())


def test_booleans_are_flags(entmin_here, tiny_llama):
    said = entmin_here("eval", "--help").stdout
    assert "--absolute-tol / --no-absolute-tol" in said
    small = ("--limit", "2", "--max-tokens", "4", "--quiet", "--json", "--mode", "adaptive_temp")
    for flag, value in (("--absolute-tol", True), ("--no-absolute_tol", False)):
        [summary] = json.loads(entmin_here("eval", tiny_llama, *small, flag).stdout)
        assert summary["settings"]["method"]["entmin_absolute_tol"] is value


@pytest.mark.parametrize(
    ("line", "near"),
    [
        ("evl", "eval"),
        ("list taks", "tasks"),
        ("train em-rll m", "em-rl"),
        ("train em-rl m --reward randm", "random"),
        ("eval m --vote majorty", "majority"),
        ("eval m --mode selfconsistency", "self_consistency"),
        ("eval m --limt 2", "--limit"),
        ("eval m --task gsm8", "gsm8k"),
        ("eval m --grader papr", "paper"),
        ("eval m --engine vlm", "vllm"),
        ("eval m -T siz=3", "size"),
        ("serve m --engine transformer", "transformers"),
        ("reproduce tabel2", "table2"),
        ("completion bsh", "bash"),
        ("eval smollm2-135", "smollm2-135m"),
        ("eval m --device cud", "cuda"),
        ("train em-rl m --data arithmetik --output o", "arithmetic"),
        ("train em-rl m --data numnia --output o", "numina"),
        ('train em-rl m --output o --set data_options={"digts":2}', "digits"),
    ],
)
def test_a_misspelt_name_is_told_the_nearest(entmin_here, tiny_llama, line, near):
    done = entmin_here(*(tiny_llama if word == "m" else word for word in line.split()), code=None)
    assert done.returncode in (1, 2)
    assert re.search(rf"[Dd]id you mean [^?]*'{near}'[^?]*\?", done.stderr), done.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("entmin ev", "eval"),
        ("entmin eval smol", "smollm2-135m"),
        ("entmin eval m --task math500,gsm", "math500,gsm8k"),
        ("entmin compare m --methods normal,em_", "normal,em_inf"),
        ("entmin eval m --mode em_inf:thr", "em_inf:threshold="),
        ("entmin train em-r", "em-rl"),
        ("entmin estimate Qwen/Qwen3-8B --gpu h1", "h100"),
        ("entmin estimate m --train em-r", "em-rl"),
        ("entmin serve m --engine v", "vllm"),
    ],
)
def test_the_shell_completes_models_tasks_and_modes(words, expected):
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1), "_ENTMIN_COMPLETE": "bash_complete"}
    done = subprocess.run(MAIN, env=os.environ | asked, capture_output=True, text=True, check=False)
    assert f"plain,{expected}" in done.stdout.splitlines() and not done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_names_entmin(entmin_here, shell):
    assert "_ENTMIN_COMPLETE" in entmin_here("completion", shell).stdout


def test_doctor_as_json(entmin_here):
    found = json.loads(entmin_here("doctor", "--json").stdout)
    assert found["python"].startswith("3.") and found["MISSING"] == [] and "cache" in found


COUNTED = """
import atexit, socket, sys
tries = [0]
once = socket.create_connection
def counted(*args, **kwargs):
    tries[0] += 1
    return once(*args, **kwargs)
socket.create_connection = counted
SLOW = {"torch", "transformers", "datasets", "inspect_ai", "trl", "pandas"}
atexit.register(lambda: print("tries", tries[0], "slow", *sorted(SLOW & sys.modules.keys())))
"""
"""Run before a command: at its end it prints its attempts to connect, and what it has imported that takes seconds."""


@pytest.mark.parametrize(
    "line",
    [
        "eval owner/uncached --limit 1",
        "compare owner/uncached --limit 1",
        "compare {model} --against owner/uncached",
        "settle owner/uncached",
        "ask owner/uncached hello",
        "ask owner/uncached hello --mode em_inf+self_consistency",
        "ask {adapter} hello",
        "chat owner/uncached",
        "play owner/uncached --no-open",
        "serve owner/uncached --engine transformers",
        "train em-ft owner/uncached --data arithmetic",
        "train em-ft {model} --data numina",
        "train sft {model} --data owner/rows",
        "reproduce table2",
        "check gsm8k",
        "check gpqa_diamond",
        "eval {model} --task gsm8k",
        "settle {model} --task math500",
    ],
)
def test_without_a_network_one_message_comes_at_once(entmin, tiny_llama, line, tmp_path):
    """The Hub is a port that nobody listens on; its clients alone would retry for half a minute."""
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "", "ENTMIN_DATA": ""}
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text('{"base_model_name_or_path": "owner/uncached"}')
    words = line.format(model=tiny_llama, adapter=adapter).split()
    done = entmin(*words, code=1, before=COUNTED, **nowhere)
    assert "the Hub cannot be reached from here (127.0.0.1" in done.stderr and "check the network" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and "Retrying" not in done.stderr
    assert "gsm8k: gsm8k" not in done.stderr
    assert done.stdout == "tries 1 slow\n"


def test_a_default_model_that_no_index_gives_is_one_message_too(entmin, tmp_path):
    index = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}
    done = entmin("ask", "smollm2-135m", "hi", code=1, before=COUNTED, ENTMIN_CACHE=str(tmp_path), **index)
    told, error = done.stderr.splitlines()
    assert told.startswith("fetching smollm2-135m") and "check the network or your pip configuration" in error
    assert done.stdout == "tries 0 slow\n"
