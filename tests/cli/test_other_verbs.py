import json
import os
import subprocess
import sys

import pytest

HEAVY = {
    *("torch", "transformers", "numpy", "scipy", "sympy", "numba", "pydantic", "inspect_ai", "datasets", "pandas"),
    *("matplotlib", "rich", "httpx", "huggingface_hub", "jinja2", "starlette", "uvicorn", "trl", "accelerate"),
}


@pytest.mark.parametrize(
    ("words", "completed", "said"),
    [
        (["--help"], None, "compare"),
        (["--version"], None, "entmin, version"),
        (["completion", "bash"], None, "_ENTMIN_COMPLETE"),
        ([], "entmin ev", "plain,eval"),
        ([], "entmin ask smol", "plain,smollm2-135m"),
        ([], "entmin compare --lim", "plain,--limit"),
    ],
    ids=str,
)
def test_help_version_and_completion_are_instant_and_import_nothing_heavy(words, completed, said):
    code = """
import atexit, sys
def tell(): print("HEAVY", sorted(set(sys.argv[1].split()) & set(sys.modules)))
atexit.register(tell)
from entmin.cli import main
main(sys.argv[2:])
"""
    asked = {} if completed is None else {
        "COMP_WORDS": completed, "COMP_CWORD": str(len(completed.split()) - 1), "_ENTMIN_COMPLETE": "bash_complete"
    }  # fmt: skip
    line = [sys.executable, "-c", code, " ".join(HEAVY), *words]
    done = subprocess.run(line, env=os.environ | asked, capture_output=True, text=True, check=True)
    assert said in done.stdout and done.stdout.endswith("HEAVY []\n"), done.stdout


def test_help_of_every_verb_imports_no_torch(entmin):
    from entmin.cli import VERBS

    code = (
        "import sys; from entmin.cli import main\n"
        "for verb in sys.argv[1:]:\n"
        "    try: main([verb, '--help'])\n"
        "    except SystemExit: pass\n"
        "    print('TORCH' if 'torch' in sys.modules else 'LIGHT', 'END')"
    )
    done = subprocess.run([sys.executable, "-c", code, *VERBS], capture_output=True, text=True, check=True)
    *said, rest = done.stdout.split("END\n")
    assert len(said) == len(VERBS) and not rest
    for verb, text in zip(VERBS, said, strict=True):
        assert text.rstrip().endswith("LIGHT"), verb
        assert "Usage: entmin " + verb in text


@pytest.mark.slow
def test_import_entmin_is_light_and_exports_work():
    code = (
        "import sys, entmin; assert 'torch' not in sys.modules\n"
        "import torch; z = torch.randn(3, 50)\n"
        "assert entmin.em_inf(z).shape == z.shape and entmin.entropy(z).shape == (3,)\n"
        "assert entmin.adaptive_temperature(z).shape == z.shape\n"
        "assert entmin.EmInf().adjust(z).equal(entmin.em_inf(z))\n"
        "from entmin import EntropyLogitsProcessor, Normal, AdaptiveTemperature, Method, Verdict"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_list_names_tasks_methods_and_models(entmin_here):
    tasks = {row["name"] for row in json.loads(entmin_here("list", "tasks", "--json").stdout)}
    assert {"arithmetic", "math500"} <= tasks
    methods = {row["name"]: row for row in json.loads(entmin_here("list", "methods", "--json").stdout)}
    assert methods["em_inf"]["options"] == {
        "threshold": 0.3, "kl_weight": 0.05, "learning_rate": 0.1, "n_grad_steps": 3
    }  # fmt: skip
    assert "smollm2-135m" in entmin_here("list", "models").stdout
    assert "Invalid value" in entmin_here("list", "weather", code=2).stderr


def test_doctor_reports_versions_device_and_remedies(entmin_here):
    done = entmin_here("doctor", ENTMIN_DATA="/no/such/folder")
    for words in ("torch", "transformers", "inspect-ai", "device", "cores", "cache", "no such folder"):
        assert words in done.stdout


def test_doctor_through_a_pipe_shows_every_implementation(entmin_forked):
    import torch

    lines = [line for line in entmin_forked("doctor").stdout.splitlines() if line.startswith("impl ")]
    assert [line.split()[1] for line in lines] == ["auto", "torch", "numba", "triton"]
    assert lines[1].endswith("available")
    if not torch.cuda.is_available():
        assert lines[0].endswith("logits on cpu")
        assert "not available" in lines[3]
    else:
        assert "not yet checked on cuda" in lines[3]


def test_ask_answers_and_compare_shows_the_baseline_beside(entmin_here, tiny_llama):
    done = entmin_here("ask", tiny_llama, "2 + 2?", "--max-tokens", "12", "--compare")
    assert "normal()" in done.stdout
    assert "em_inf(threshold=0.3" in done.stdout
    assert done.stdout.count("nats") == 2
    assert "did you mean" in entmin_here("ask", tiny_llama, "hi", "--mode", "em_inv", code=2).stderr
    assert "did you mean 'smollm2-135m'" in entmin_here("ask", "smolm2-135m", "hi", code=1).stderr


def test_a_wrong_verb_is_a_usage_error(entmin):
    assert "No such command" in entmin("evaluate-all", code=2).stderr
    assert "0.1.0" in entmin("--version").stdout
