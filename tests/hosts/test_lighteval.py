"""lighteval's own loader of custom models with our file, and its documents; `make lighteval-test` has the environment.

Its command line is not run: 0.13.0 asks the Hub and another host while it reads its list of tasks.
"""

from __future__ import annotations

import subprocess
import sys

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
