"""The built wheel without extras: `make wheel-test` makes an environment for it and runs this file there."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from tests.command import Runner
from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline

import entmin
from entmin import AdaptiveTemperature, EmInf, EntropyLogitsProcessor
from entmin.cli import VERBS
from entmin.errors import UsageError
from entmin.hosts.transformers import CUSTOM_GENERATE

pytestmark = pytest.mark.wheel

COMMAND = Path(sys.executable).parent / "entmin"
HEAVY = ("inspect_ai", "datasets", "scipy", "pandas", "matplotlib", "openai", "starlette", "trl", "gguf", "boto3")


def run(folder, *args):
    return subprocess.run([COMMAND, *map(str, args)], cwd=folder, capture_output=True, text=True, timeout=240)


def test_this_is_the_wheel_and_no_extra_is_here():
    folder = Path(entmin.__file__).parent
    assert "site-packages" in folder.parts
    assert (folder / "py.typed").is_file()
    assert [name for name in HEAVY if find_spec(name)] == []


def test_every_file_of_the_package_is_in_the_wheel():
    source = Path(__file__).parents[2] / "src" / "entmin"
    installed = Path(entmin.__file__).parent

    def files(folder):
        return {p.relative_to(folder) for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts}

    assert files(source) == files(installed)


@pytest.mark.parametrize("sampling", [{"do_sample": True}, {"cache_implementation": "static"}])
def test_the_processor_decodes(tiny_llama, sampling):
    model = AutoModelForCausalLM.from_pretrained(tiny_llama).eval()
    tokenizer = AutoTokenizer.from_pretrained(tiny_llama)
    inputs = tokenizer(["one", "twenty-two"], return_tensors="pt", padding=True, padding_side="left")
    for method in (EmInf(learning_rate=1.0, n_grad_steps=5), AdaptiveTemperature()):
        processor = EntropyLogitsProcessor(method, record=True)
        with torch.no_grad():
            model.generate(**inputs, logits_processor=[processor], max_new_tokens=6, pad_token_id=0, **sampling)
        before, after = processor.entropies()
        assert before.shape == after.shape
        assert before.shape[1] == 2
        assert (after <= before + 1e-4).all() and (after < before - 1e-3).any()


def test_the_processor_works_on_beams(tiny_llama):
    model = AutoModelForCausalLM.from_pretrained(tiny_llama).eval()
    inputs = AutoTokenizer.from_pretrained(tiny_llama)(["one"], return_tensors="pt")
    options = {"num_beams": 2, "max_new_tokens": 6, "pad_token_id": 0}
    processor = EntropyLogitsProcessor(AdaptiveTemperature())
    assert model.generate(**inputs, **options, logits_processor=[processor]).shape[1] > inputs["input_ids"].shape[1]


@pytest.fixture
def pipe(tiny_llama, tmp_path, monkeypatch):
    """A pipeline; code that transformers copies before it runs it goes to a folder of this test."""
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    made = pipeline("text-generation", model=str(tiny_llama), return_full_text=False)
    made.tokenizer.padding_side = "left"

    def answers(*texts, **options):
        torch.manual_seed(5)
        sampled = {"do_sample": True, "temperature": 0.8, "max_new_tokens": 12, "batch_size": len(texts)}
        return [[one["generated_text"] for one in found] for found in made(list(texts), **(sampled | options))]

    return answers


BY_FOLDER = {"custom_generate": CUSTOM_GENERATE, "trust_remote_code": True}


def test_a_pipeline_takes_the_processor_and_the_folder_and_both_give_the_same(pipe):
    strong = {"threshold": 0.0, "learning_rate": 5.0, "n_grad_steps": 20}
    texts = ("one", "twenty-two")
    by_processor = pipe(*texts, logits_processor=[EntropyLogitsProcessor(EmInf(**strong))])
    assert len(by_processor) == 2 and by_processor == pipe(*texts, **BY_FOLDER, method="em_inf", **strong)
    assert by_processor != pipe(*texts) == pipe(*texts, **BY_FOLDER, method="normal")


def test_a_pipeline_of_many_calls_takes_methods_with_memory_from_the_folder(pipe):
    texts = ("one", "twenty-two", "three")
    alone = [pipe(text, **BY_FOLDER, method="sls", do_sample=False)[0] for text in texts]
    assert pipe(*texts, batch_size=1, **BY_FOLDER, method="sls", do_sample=False) == alone
    with pytest.raises(UsageError, match="build a new processor"):
        pipe(*texts, batch_size=1, logits_processor=[EntropyLogitsProcessor("sls")], do_sample=False)


def test_a_chat_goes_through_the_pipeline(pipe):
    chat = [{"role": "user", "content": "one"}]
    assert pipe(chat, **BY_FOLDER, threshold=0.1) == pipe(
        chat, logits_processor=[EntropyLogitsProcessor(EmInf(threshold=0.1))]
    )


def test_the_engine_answers(tiny_llama, tmp_path):
    done = run(tmp_path, "ask", tiny_llama, "2 + 2?", "--max-tokens", "8", "--compare")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("nats") == 2


def test_help_of_every_verb_needs_no_extra(tmp_path):
    assert "Usage: entmin" in run(tmp_path, "--help").stdout
    for verb in VERBS:
        done = run(tmp_path, verb, "--help")
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"Usage: entmin {verb}")


def test_methods_and_models_are_listed_and_the_doctor_names_what_is_not_here(tmp_path):
    assert "em_inf" in run(tmp_path, "list", "methods").stdout
    assert "smollm2-135m" in run(tmp_path, "list", "models").stdout
    done = run(tmp_path, "doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pip install 'entmin[train]'" in done.stdout


@pytest.mark.parametrize(
    "args, extra, package",
    [
        *(((verb, "anything", "--no-such-option"), v.extra, "") for verb, v in VERBS.items() if v.extra),
        (("compare", "smollm2-135m"), "eval", "inspect-ai"),
        (("serve", "smollm2-135m"), "serve", "starlette"),
        (("train",), "train", "trl"),
        (("list", "tasks"), "eval", "inspect-ai"),
        (("ask", "smollm2-135m", "2 + 2?"), "gguf", "gguf"),
    ],
)
def test_a_missing_extra_is_one_command_away_and_nothing_is_done_before(tmp_path, args, extra, package, monkeypatch):
    monkeypatch.setenv("ENTMIN_CACHE", str(tmp_path / "cache"))  # a model that is there already needs no extra
    done = run(tmp_path, *args)
    assert done.returncode == 2, done.stderr
    assert re.fullmatch(rf"error: .* needs .*{package}.*: pip install 'entmin\[{extra}\]'\n", done.stderr)
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_grading_from_python_says_the_same():
    with pytest.raises(entmin.errors.UsageError, match=r"pip install 'entmin\[eval\]'"):
        entmin.grade  # noqa: B018 - naming it is what fails


def test_the_command_of_the_other_tests_reaches_this_package(tmp_path):
    assert "0.1.0" in Runner(tmp_path, {"PATH": "/usr/bin:/bin"})("--version").stdout
