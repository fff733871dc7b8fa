"""A method with memory in the hosts that can keep it: alone, in refilled batches, after failed steps; hosts agree."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from transformers import LogitsProcessorList

from entmin.engine.batch import Batch
from entmin.engine.engine import Engine
from entmin.engine.loading import load
from entmin.engine.requests import Request
from entmin.errors import UsageError
from entmin.hosts.transformers import EntropyLogitsProcessor
from entmin.methods import EmInf, Normal, Sls
from entmin.mode import Sampling

STRONG = Sls(window=6, k=12, alpha=3.0, threshold=0.05, gap=20.0)
TEXTS = ["one", "a much longer prompt than the first one, to force padding", "Q", "what is 2 + 2?", "xyz" * 20]


@pytest.fixture(scope="module")
def loaded(tiny_llama):
    return load(str(tiny_llama), dtype="float32", device="cpu")


def requests(loaded, n=9, method=STRONG, **settings):
    return [
        Request(
            loaded.tokenizer(TEXTS[i % len(TEXTS)])["input_ids"], method, Sampling(1.2),
            3 if i % 3 == 0 else 20, seed=i, token_entropies=True, **settings,
        )
        for i in range(n)
    ]  # fmt: skip


def decode(loaded, asked, **options):
    engine = Engine(loaded, **options)
    done = engine.generate(asked)
    engine.close()
    return done


def raw_logits(loaded, prompt, tokens):
    """``[len(tokens), V]``: what the model says before each of the tokens."""
    with torch.no_grad():
        return loaded.model(torch.tensor([prompt + tokens])).logits[0, len(prompt) - 1 : -1]


def sculpted(method, raw):
    state, out = method.start(), []
    for row in raw:
        adjusted, (state,) = method.adjust_with(row[None], [state])
        out.append(adjusted.logits[0])
    return torch.stack(out)


def test_the_engines_answers_do_not_depend_on_batch_size_order_or_neighbours(loaded):
    asked = requests(loaded)
    mixed = [one for i, mine in enumerate(asked) for one in (mine, *requests(loaded, 1, (EmInf(), Sls())[i % 2]))]
    alone = [decode(loaded, [request], batch_size=1)[0] for request in asked]
    plain = decode(loaded, requests(loaded, method=Normal()))
    assert [a.tokens for a in plain] != [a.tokens for a in alone]
    for other in (
        decode(loaded, asked, batch_size=9),
        decode(loaded, asked, batch_size=2),
        decode(loaded, asked[::-1], batch_size=4)[::-1],
        decode(loaded, mixed, batch_size=5)[::2],
    ):
        assert [a.tokens for a in other] == [a.tokens for a in alone]
        assert [a.entropy_after for a in other] == pytest.approx([a.entropy_after for a in alone], abs=1e-4)


def test_every_step_of_the_engine_is_the_method_on_the_models_own_logits(loaded):
    for request, done in zip(requests(loaded, 5), decode(loaded, requests(loaded, 5), batch_size=3), strict=True):
        rows = sculpted(STRONG, raw_logits(loaded, request.prompt, done.tokens)) / 1.2
        entropies = torch.distributions.Categorical(logits=rows).entropy()
        torch.testing.assert_close(torch.tensor(done.after), entropies, atol=1e-3, rtol=0)


def test_rows_that_run_out_of_memory_in_mid_answer_go_on_with_what_they_remember(loaded, monkeypatch):
    asked = requests(loaded, 8)
    expected = [done.tokens for done in decode(loaded, asked)]
    original, calls = Batch._forward, []

    def limited(self, ids, *rest):
        calls.append(ids.shape[0])
        if len(calls) > 5 and ids.shape[0] > 3:
            raise torch.OutOfMemoryError("CUDA out of memory (injected: more than three rows)")
        return original(self, ids, *rest)

    monkeypatch.setattr(Batch, "_forward", limited)
    engine = Engine(loaded, batch_size=8)
    assert [done.tokens for done in engine.generate(asked)] == expected
    assert engine.stats.shrinks
    engine.close()


def generate(loaded, prompts, processor, **options):
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    options = {"max_new_tokens": 14, "min_new_tokens": 14, "do_sample": True, "top_k": 0, **options}
    torch.manual_seed(3)
    return loaded.model.generate(
        ids, attention_mask=mask, logits_processor=LogitsProcessorList([processor]), return_dict_in_generate=True,
        output_scores=True, output_logits=True, pad_token_id=0, **options,
    )  # fmt: skip


@pytest.mark.parametrize("in_place", [False, True])
def test_transformers_keeps_a_memory_for_each_row_of_a_left_padded_batch(loaded, in_place):
    """And so agrees with the engine, whose every step is the same function of the model's logits."""
    prompts = [request.prompt for request in requests(loaded, 3)]
    processor = EntropyLogitsProcessor(STRONG, record=True, in_place=in_place)
    out = generate(loaded, prompts, processor)
    scores = torch.stack(out.scores, dim=1)
    for i, prompt in enumerate(prompts):
        tokens = out.sequences[i, -14:].tolist()
        raw = raw_logits(loaded, prompt, tokens)
        raw[:, loaded.tokenizer.eos_token_id] = -torch.inf  # min_new_tokens, which comes first
        expected = sculpted(STRONG, raw)
        torch.testing.assert_close(scores[i].softmax(-1), expected.softmax(-1), atol=1e-3, rtol=0)
        assert (expected.softmax(-1) - raw.softmax(-1)).abs().max() > 0.05
    after = torch.distributions.Categorical(logits=scores).entropy()
    torch.testing.assert_close(processor.entropies().after, after.T, atol=1e-4, rtol=1e-4)


def test_beams_take_their_memory_along(loaded):
    """Beam scores are cumulative: each beam's last step is checked against its own tokens from the start."""
    prompts = [request.prompt for request in requests(loaded, 2)]
    seen = []

    class Spy(EntropyLogitsProcessor):
        def __call__(self, input_ids, scores):
            out = super().__call__(input_ids, scores)
            seen.append((input_ids.clone(), out))
            return out

    generate(loaded, prompts, Spy(STRONG), do_sample=False, num_beams=3)
    width = max(map(len, prompts))
    moved = 0
    ids, out = seen[-1]
    for row, (tokens, made) in enumerate(zip(ids.tolist(), out, strict=True)):
        prompt = prompts[row // 3]
        raw = raw_logits(loaded, prompt, [*tokens[width:], 0])
        raw[:, loaded.tokenizer.eos_token_id] = -torch.inf
        torch.testing.assert_close(made.softmax(-1), sculpted(STRONG, raw)[-1].softmax(-1), atol=2e-3, rtol=0)
    for (before, _), (after, _) in pairwise(seen):
        moved += not torch.equal(before, after[:, :-1])
    assert moved > 3


def test_ways_of_decoding_that_go_back_over_tokens_are_refused_before_an_answer(loaded):
    prompts = [requests(loaded, 1)[0].prompt]
    for options in ({"assistant_model": loaded.model}, {"prompt_lookup_num_tokens": 3}):
        with pytest.raises(UsageError, match="decode without an assistant model, prompt lookup"):
            generate(loaded, [prompts[0] * 6], EntropyLogitsProcessor(STRONG), max_new_tokens=40, **options)


def test_a_processor_serves_one_call_unless_it_is_reset(loaded):
    prompts = [request.prompt for request in requests(loaded, 2)]
    processor = EntropyLogitsProcessor(STRONG)
    first = generate(loaded, prompts, processor).sequences
    with pytest.raises(UsageError, match="build a new processor for each call"):
        generate(loaded, prompts, processor)
    processor.reset()
    assert torch.equal(generate(loaded, prompts, processor).sequences, first)


def test_llama_cpp_keeps_the_memory_of_its_one_sequence():
    pytest.importorskip("llama_cpp")
    from entmin.hosts.llama_cpp import logits_processors

    steps = torch.randn(6, 90, generator=torch.Generator().manual_seed(1)) * 2
    processors = logits_processors(STRONG)
    made = [processors(np.arange(3 + i, dtype=np.intc), row.numpy()) for i, row in enumerate(steps)]
    assert torch.equal(torch.tensor(np.stack(made)), sculpted(STRONG, steps))
    with pytest.raises(UsageError, match="build a new processor for each call"):
        processors(np.arange(3, dtype=np.intc), steps[0].numpy())
