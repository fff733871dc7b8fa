"""lighteval: its loader of custom models with our file, and its whole command, in `make lighteval-test`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from entmin.errors import UsageError

pytest.importorskip("lighteval")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def where():
    """Where our file says that it lies."""
    told = subprocess.run(
        [sys.executable, "-m", "entmin.hosts.lighteval"], capture_output=True, text=True, check=True, timeout=200
    )
    return told.stdout.strip()


@pytest.fixture
def load(tiny_llama, tmp_path, where):
    from lighteval.models.custom.custom_model import CustomModelConfig
    from lighteval.models.model_loader import load_model

    def model(arguments):
        name = f"model_name={tiny_llama},dtype=float32,batch_size=4,cache_dir={tmp_path}{arguments}"
        return load_model(CustomModelConfig(model_name=name, model_definition_file_path=where))

    return model


def docs(method):
    from lighteval.tasks.requests import Doc

    return [
        Doc(
            query=f"{n} + 1 =", choices=["4", "5"], gold_index=0, id=str(n), task_name="sums|0", generation_size=12,
            stop_sequences=[], sampling_methods=[method],
        )
        for n in range(4)
    ]  # fmt: skip


def answers(model):
    import torch
    from lighteval.tasks.requests import SamplingMethod

    torch.manual_seed(1)
    return [one.text[0] for one in model._padded_greedy_until(docs(SamplingMethod.GENERATIVE))]


def test_lighteval_generates_by_the_mode(load):
    plain = answers(load(",mode=normal"))
    assert len(plain) == 4 and len(set(plain)) > 1
    assert answers(load(",mode=em_inf:threshold=0")) == plain, "the order of the tokens stays, so greedy answers do"
    warm = answers(load(",mode=normal@1.5"))
    assert warm != plain and answers(load(",mode=normal,generation_parameters={temperature:1.5}")) == warm
    assert answers(load(",mode=em_inf:threshold=0:learning_rate=5:n_grad_steps=50@1.5")) != warm, (
        "the method is at work"
    )
    hashes = {load(f",mode={mode}")._cache.model_hash for mode in ("normal", "em_inf", "em_inf@0.7")}
    assert len(hashes) == 3, "a cached answer is of one mode"


def test_given_answers_are_scored_by_the_model_alone(load):
    from lighteval.tasks.requests import SamplingMethod

    given = docs(SamplingMethod.LOGPROBS)
    with pytest.raises(UsageError, match="not the log-likelihood of given answers"):
        load(",mode=em_inf")._loglikelihood_tokens(given)
    assert len(load(",mode=normal")._loglikelihood_tokens(given)) == 4
    with pytest.raises(UsageError, match="did you mean 'em_inf'"):
        load(",mode=em_inv")


TASK = """
from lighteval.metrics.metrics import Metrics
from lighteval.tasks.lighteval_task import LightevalTaskConfig
from lighteval.tasks.requests import Doc


def asked(row, task_name):
    return Doc(task_name=task_name, query=row["question"], choices=[row["answer"]], gold_index=0)


TASKS_TABLE = [
    LightevalTaskConfig(
        name="sums", prompt_function=asked, hf_repo={folder!r}, hf_subset="default", hf_avail_splits=["test"],
        evaluation_splits=["test"], generation_size=12, stop_sequence=[], metrics=[Metrics.exact_match],
    )
]
"""


@pytest.fixture
def no_download():
    """While it reads its list of tasks, lighteval fetches a file unless it is there; no task here reads it."""
    import lighteval

    path = Path(lighteval.__file__).parent / "tasks" / "tasks" / "tinyBenchmarks.pkl"
    if path.exists():
        yield
    else:
        path.touch()
        yield
        path.unlink()


@pytest.mark.usefixtures("no_download")
@pytest.mark.timeout(600)
def test_the_whole_command_without_network(load, tiny_llama, tmp_path, where):
    """A task in a file, with data in a folder: prompts, answers, metric and details are lighteval's own."""
    from datasets import load_dataset

    expected = answers(load(",mode=normal"))
    assert len(set(expected)) > 1
    (tmp_path / "sums").mkdir()
    rows = [{"question": f"{n} + 1 =", "answer": text if n < 3 else "?"} for n, text in enumerate(expected)]
    (tmp_path / "sums" / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "task.py").write_text(TASK.format(folder=str(tmp_path / "sums")))
    name = f"model_name={tiny_llama},dtype=float32,batch_size=4,cache_dir={tmp_path / 'cache'},mode=em_inf:threshold=0"
    command = [Path(sys.executable).with_name("lighteval"), "custom", name, where, "sums|0"]
    own = ["--custom-tasks", tmp_path / "task.py", "--output-dir", tmp_path / "out", "--save-details"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub")}
    done = subprocess.run([*command, *own], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]
    [results] = (tmp_path / "out" / "results").rglob("results_*.json")
    assert json.loads(results.read_text())["results"]["sums|0"]["em"] == 0.75
    [details] = (tmp_path / "out" / "details").rglob("*.parquet")
    found = load_dataset("parquet", data_files=str(details), split="train", cache_dir=str(tmp_path / "read"))
    told = {row["doc"]["query"]: row["model_response"]["text"][0] for row in found}
    assert told == {row["question"]: text for row, text in zip(rows, expected, strict=True)}, (
        "the order of tokens stays"
    )
