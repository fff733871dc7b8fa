"""The vLLM host in a V2 engine on a GPU: mixed methods, preemption, speculative decoding.

    python -m pytest -m "vllm and gpu" tests/hosts/test_vllm_gpu.py

Every distribution of every answer is compared with the core's, applied to transformers' logits for the same tokens.
"""

from __future__ import annotations

import random

import pytest
import torch

pytest.importorskip("vllm")

from tests import tiny
from tests.hosts.test_vllm_engine import (
    METHODS,
    asking,
    distance,
    distances,
    drive,
    engine,
    logits_of,
    many_requests,
    mixed_batch,
    preemptions,
)

from entmin.core import entropy

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    pytest.mark.timeout(600),
]

DRAFTS = {"method": "ngram", "num_speculative_tokens": 3, "prompt_lookup_min": 1, "prompt_lookup_max": 3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("models") / "tiny", "llama-wide-heads", sharpness=12.0)


@pytest.fixture(scope="module", params=[None, DRAFTS], ids=["plain", "drafts"])
def llm(folder, request):
    settings = {
        "num_gpu_blocks_override": 15,
        "gpu_memory_utilization": 0.05,
        "speculative_config": request.param,
        "attention_backend": "TRITON_ATTN",
    }
    with engine(folder, {"VLLM_ENABLE_V1_MULTIPROCESSING": "0"}, **settings) as running:
        assert running.llm_engine.vllm_config.use_v2_model_runner
        running.drafting = request.param is not None
        yield running


def accepted(llm):
    return sum(m.value for m in llm.get_metrics() if m.name == "vllm:spec_decode_num_accepted_tokens")


def test_each_request_of_a_mixed_batch_gets_what_the_core_gives_for_its_raw_logits(llm):
    for method, row, raw in mixed_batch(llm):
        assert entropy(raw) > 0.3  # so that every method has something to do
        assert distance(row, raw if method is None else method.adjust(raw[None])[0]) < 1e-3
        assert method is None or distance(row, raw) > 0.01


def test_requests_that_join_leave_and_are_preempted_keep_their_own_method(llm, folder):
    chance, before, drafted = random.Random(0), preemptions(llm), accepted(llm)
    requests = many_requests(chance)
    finished = drive(llm, chance, requests)
    assert preemptions(llm) > before + 3
    assert 40 < len(finished) < 64  # some were aborted
    if llm.drafting:
        assert accepted(llm) > drafted + 100
    steps = 0
    for method, ways in distances(folder, requests, finished):
        mine = ways.pop(method)
        # A token near the turning point of EM-INF goes the other way for a rounding of the engine's kernels.
        assert mine.median() < 2e-3
        assert mine.max() < 0.05
        assert min(others.mean() for others in ways.values()) > 2 * mine.mean()  # nobody else's method would pass
        steps += len(mine)
    assert steps > 800


def test_drafts_leave_the_distribution_of_a_method_as_it_is(llm):
    """Second tokens of 4,000 answers, where drafts begin, against the core's distribution after the commonest first."""
    if not llm.drafting:
        pytest.skip("without drafts there is nothing to bias")
    prompt, method, before = list(b"abcabcabcab"), METHODS[2], accepted(llm)
    asked = [asking(method, max_tokens=3, logprobs=None, seed=n) for n in range(4000)]
    answers = llm.generate([{"prompt_token_ids": prompt}] * len(asked), asked, use_tqdm=False)
    pairs = torch.tensor([answer.outputs[0].token_ids[:2] for answer in answers])
    first = pairs[:, 0].mode().values.item()
    (probe,) = llm.generate({"prompt_token_ids": [*prompt, first]}, asking(method), use_tqdm=False)
    wanted = logits_of(probe.outputs[0].logprobs[0]).softmax(-1).double()
    seconds = pairs[pairs[:, 0] == first, 1]
    n, counts = len(seconds), torch.bincount(seconds, minlength=len(wanted)).double()
    assert n > 200
    assert accepted(llm) > before
    likely = wanted * n > 10
    deviation = (counts[likely] - n * wanted[likely]) / (n * wanted[likely] * (1 - wanted[likely])).sqrt()
    assert deviation.abs().max() < 4.5
