"""Prompts of rows that arrive together: what they have in common is read once, and nothing else changes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests import architectures

from entmin.engine.batch import Batch
from entmin.engine.loading import load
from entmin.engine.requests import Request
from entmin.engine.rows import BatchRow
from entmin.engine.scheduler import Scheduler


@pytest.fixture(scope="module")
def loaded(tiny_llama):
    return load(str(tiny_llama), dtype="float32", device="cpu")


def prefill(loaded, prompts, least_saved=1, most_read=1_024):
    """``[len(prompts), V]`` logits, those of one more step, and the tokens that the model read for the first."""
    read = []
    handle = loaded.model.register_forward_pre_hook(
        lambda module, args, options: read.append(options["input_ids"].numel()), with_kwargs=True
    )
    batch = Batch(loaded)
    batch.least_saved, batch.most_read = least_saved, most_read
    rows = [BatchRow(Request(prompt, seed=i)) for i, prompt in enumerate(prompts)]
    logits = batch.refill(rows).clone()
    handle.remove()
    for row in rows:
        row.take(7, 0.0, 0.0, None, None)
    return logits, batch.step().clone(), sum(read)


@torch.inference_mode()
def one_pass(loaded, prompts):
    alone = [loaded.model(input_ids=torch.tensor([[*prompt, 7]]), use_cache=False).logits[0, -2:] for prompt in prompts]
    return torch.stack(alone).unbind(1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    head=st.lists(st.integers(5, 200), max_size=12),
    own=st.lists(st.lists(st.integers(5, 200), min_size=1, max_size=9), min_size=1, max_size=6),
    repeats=st.integers(1, 3),
    most_read=st.sampled_from([1, 10, 30, 1_024]),
)
def test_the_logits_are_those_of_each_prompt_alone(loaded, head, own, repeats, most_read):
    prompts = [head + rest for rest in own] * repeats
    first, second, read = prefill(loaded, prompts, most_read=most_read)
    for got, expected in zip((first, second), one_pass(loaded, prompts), strict=True):
        torch.testing.assert_close(got, expected, atol=2e-4, rtol=1e-4)
    distinct = {tuple(prompt) for prompt in prompts}
    assert most_read < 1_024 or read <= len(distinct) * max(map(len, prompts))


def test_equal_prompts_and_shared_beginnings_are_read_once(loaded):
    head = list(range(10, 50))
    prompts = [[*head, 60 + i] for i in range(6)] * 4
    assert prefill(loaded, prompts)[2] == len(head) + 6
    assert prefill(loaded, prompts, least_saved=10**6)[2] == 6 * (len(head) + 1)
    assert prefill(loaded, [head] * 9)[2] == len(head)


def test_a_short_beginning_is_not_worth_a_pass_of_its_own(loaded):
    prompts = [[1, 2, 3, 60 + i] for i in range(4)]
    assert prefill(loaded, prompts, least_saved=Batch(loaded).least_saved)[2] == 16


def test_prompts_of_unlike_lengths_are_not_padded_to_the_longest(loaded):
    prompts = [list(range(30 * i, 30 * i + n)) for i, n in enumerate((2, 2, 3, 20, 20, 21))]
    assert prefill(loaded, prompts, least_saved=10**6, most_read=10)[2] == 3 * 3 + 20 + 20 + 21
    assert prefill(loaded, prompts, least_saved=10**6, most_read=63)[2] == 3 * 3 + 3 * 21
    assert prefill(loaded, prompts, least_saved=10**6)[2] == 6 * 21


def test_waiting_requests_arrive_by_the_length_of_their_prompts(loaded):
    scheduler = Scheduler(loaded, 8)
    widths = []
    handle = loaded.model.register_forward_pre_hook(
        lambda module, args, options: widths.append(tuple(options["input_ids"].shape)), with_kwargs=True
    )
    long, short = list(range(10, 200)) * 2, [5, 6]
    got = scheduler.generate([Request(prompt, max_tokens=1) for prompt in (long, short, [*long, 7], short, [7, 8])])
    handle.remove()
    assert widths == [(2, 2), (2, 381)]
    alone = [Scheduler(loaded, 1).generate([Request(prompt, max_tokens=1)])[0] for prompt in (long, short)]
    assert [got[0].tokens, got[1].tokens] == [one.tokens for one in alone]


@pytest.mark.parametrize("kind", ["mamba", "jamba", "gemma2", "opt", "bloom", "qwen3_next"])
def test_several_passes_are_one_whatever_a_model_keeps(kind):
    loaded = architectures.loaded(architectures.build(kind), kind)
    if loaded.decoding != "padded":
        pytest.skip(f"{kind} decodes {loaded.decoding}")
    prompts = [list(range(5, 5 + n)) for n in (3, 3, 4, 9, 9, 12)]
    first, second, _ = prefill(loaded, prompts, most_read=8)
    for got, expected in zip((first, second), one_pass(loaded, prompts), strict=True):
        torch.testing.assert_close(got, expected, atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize(
    ("kind", "shares"),
    [
        ("llama", True),
        ("opt", True),
        ("mpt", False),  # its biases count columns
        ("gpt_neo", False),  # its windows count columns, farther than the check at load can see
        ("gemma2", False),
        ("mamba", False),
        ("jamba", False),
    ],
)
def test_who_shares(kind, shares):
    assert architectures.loaded(architectures.build(kind), kind).shares is shares
