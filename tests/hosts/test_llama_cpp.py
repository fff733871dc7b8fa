"""The real llama-cpp-python on a real GGUF file; it is built from source, so it is tested where it is installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from entmin.engine.aliases import ALIASES, _download
from entmin.methods import AdaptiveTemperature, EmInf, Normal

llama_cpp = pytest.importorskip("llama_cpp")

from entmin.hosts.llama_cpp import adjust_row, logits_processors  # noqa: E402

pytestmark = pytest.mark.slow

EVERYTHING = {"top_k": 0, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0}
PROMPT = b"My favourite animal is the"


@pytest.fixture(scope="module")
def llm(tmp_path_factory):
    name = "smollm2-135m"
    path: Path = _download(name, ALIASES[name], tmp_path_factory.mktemp("gguf"))
    return llama_cpp.Llama(str(path), n_ctx=128, n_threads=1, verbose=False)


def raw_logits(llm):
    """The model's logits after the prompt, copied before any sampler sees them."""
    llm.reset()
    llm.eval(llm.tokenize(PROMPT))
    pointer = llama_cpp.llama_get_logits_ith(llm.ctx, -1)
    return np.ctypeslib.as_array(pointer, shape=(llm.n_vocab(),)).copy()


@pytest.mark.parametrize(
    "method", [EmInf(learning_rate=0.5, n_grad_steps=5), AdaptiveTemperature()], ids=lambda m: m.name
)
def test_tokens_are_drawn_from_the_adjusted_distribution(llm, method):
    logits, temperature, n = raw_logits(llm), 1.3, 800
    adjusted = method.adjust(torch.tensor(logits)[None])[0].double()
    expected = (adjusted / temperature).softmax(-1)
    drawn = []
    for seed in range(n):
        llm.set_seed(seed)
        drawn.append(llm.sample(temp=temperature, logits_processor=logits_processors(method), **EVERYTHING))
    likely = [int(token) for token in expected.topk(20).indices if expected[token] * n > 10]
    counts = [drawn.count(token) for token in likely]
    shares = [float(expected[token]) * n for token in likely]
    assert len(likely) > 3
    rest = [n - sum(counts), n - sum(shares)]
    assert chisquare([*counts, rest[0]], [*shares, rest[1]]).pvalue > 1e-4
    plain = (torch.tensor(logits).double() / temperature).softmax(-1)
    assert (
        chisquare([*counts, rest[0]], plain_shares(plain, likely, n)).pvalue < 1e-4
    )  # so the test can tell them apart


def plain_shares(plain, likely, n):
    shares = [float(plain[token]) * n for token in likely]
    return [*shares, n - sum(shares)]


def test_whole_answers_and_normal_changes_nothing(llm):
    asked = {"max_tokens": 12, "temperature": 0.8, "seed": 3, **EVERYTHING}
    plain = llm.create_completion(PROMPT.decode(), **asked)
    normal = llm.create_completion(PROMPT.decode(), logits_processor=logits_processors(Normal()), **asked)
    adjusted = llm.create_completion(
        PROMPT.decode(), logits_processor=logits_processors(EmInf(0.0, 0.0, 5.0, 9)), **asked
    )
    assert plain["choices"][0]["text"] == normal["choices"][0]["text"] != adjusted["choices"][0]["text"]


def test_a_row_with_gaps_in_memory_and_masked_tokens():
    rows = np.zeros(50, dtype=[("id", np.intc), ("logit", np.single), ("p", np.single)]).view(np.recarray)
    rows.logit[:] = np.linspace(-3, 3, 50)
    rows.logit[7] = -np.inf
    before = rows.logit.copy()
    adjusted = adjust_row(EmInf(), np.arange(3, dtype=np.intc), rows.logit)
    assert np.array_equal(rows.logit, before)
    assert adjusted.dtype == np.float32 and adjusted[7] == -np.inf
    expected = EmInf().adjust(torch.tensor(before)[None])[0].numpy()
    assert np.array_equal(adjusted, expected)
