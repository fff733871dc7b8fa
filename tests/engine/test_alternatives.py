"""What is told of each step: its logits, and the likeliest tokens before and after method and sampling."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from entmin.engine.engine import Engine
from entmin.engine.loading import load
from entmin.engine.requests import Request
from entmin.engine.sampling import draw
from entmin.engine.text import decoder, pieces
from entmin.methods import EmInf, Normal, Sls, TopH
from entmin.mode import Sampling
from entmin.seeds import noise_key

ASKED = {"max_tokens": 6, "confidence": True, "alternatives": 5, "drawn": True, "token_entropies": True}
KINDS = [
    (Normal(), Sampling()),
    (EmInf(), Sampling(0.7)),
    (EmInf(), Sampling(0.0)),
    (Normal(), Sampling(top_k=3)),
    (TopH(), Sampling(1.5)),
    (Sls(threshold=0.0, gap=100.0), Sampling()),
]


@pytest.fixture(scope="module")
def loaded(tiny_llama):
    return load(str(tiny_llama), dtype="float32", device="cpu")


def decode(loaded, request):
    """The completion, and the logits of each of its steps with the tokens before it."""
    engine, steps = Engine(loaded), []
    done = engine.submit(request, None, lambda tokens, logits: steps.append((list(tokens), logits.clone()))).result()
    engine.close()
    return done, steps


@pytest.mark.parametrize(("method", "sampling"), KINDS, ids=str)
def test_alternatives_are_those_of_the_distributions_before_and_after(loaded, method, sampling):
    done, steps = decode(loaded, Request([5, 6, 7], method, sampling, seed=3, **ASKED))
    assert [tokens for tokens, _ in steps] == [done.tokens[:i] for i in range(len(done.tokens))]
    for token, sure, before, after, (_, logits) in zip(
        done.tokens, done.confidence, done.before, done.after, steps, strict=True
    ):
        own = logits.double().log_softmax(-1)
        assert sure.log_probability == pytest.approx(float(own[token]), abs=1e-5)
        assert set(own.topk(5).indices.tolist()) <= set(sure.likeliest)
        assert list(sure.log_probabilities) == pytest.approx([float(own[one]) for one in sure.likeliest], abs=1e-5)
        assert list(sure.log_probabilities) == sorted(sure.log_probabilities, reverse=True)
        assert (sure.before, sure.after) == pytest.approx((before, after))
        shares = [math.exp(value) for value in sure.drawn_log_probabilities]
        assert len(shares) == len(sure.likeliest) and sum(shares) <= 1 + 1e-6
        if sampling.temperature == 0:
            assert [one for one, share in zip(sure.likeliest, shares, strict=True) if share == 1] == [token]
        if sampling.top_k:
            assert sum(share > 0 for share in shares) == 3 and sum(shares) == pytest.approx(1)
        assert sure.drawn == pytest.approx(sure.drawn_log_probabilities[sure.likeliest.index(token)])


@pytest.mark.parametrize(("method", "sampling"), KINDS[:5], ids=str)
def test_a_step_drawn_again_from_its_logits_is_the_same_step(loaded, method, sampling):
    request = Request([5, 6, 7], method, sampling, seed=3, **ASKED)
    done, steps = decode(loaded, request)
    for i, (_, logits) in enumerate(steps):
        again = draw(logits[None], [request], [noise_key(3, i)])
        assert int(again.tokens[0]) == done.tokens[i]
        assert again.confidence[0] == done.confidence[i]


def test_distributions_of_rows_in_one_batch_are_their_own(loaded):
    asked = [Request([5, 6, 7], *kind, seed=i, **ASKED) for i, kind in enumerate(KINDS)]
    asked.append(replace(asked[0], drawn=False, alternatives=2))
    engine = Engine(loaded)
    together = engine.generate(asked)
    alone = [engine.generate([one])[0] for one in asked]
    engine.close()
    for one, other in zip(together, alone, strict=True):
        assert one.tokens == other.tokens
        for a, b in zip(one.confidence, other.confidence, strict=True):
            assert a.likeliest == b.likeliest
            assert a.drawn_log_probabilities == pytest.approx(b.drawn_log_probabilities, abs=1e-4)
    assert together[-1].confidence[0].drawn_log_probabilities == () and together[-1].confidence[0].drawn is None


def test_pieces_join_to_the_text_and_are_found_in_linear_time(loaded):
    text = "zwölf 🎉 " * 40
    tokens = loaded.tokenizer(text)["input_ids"]
    read = decoder(loaded.tokenizer)
    decoded = []
    original = type(read).text
    try:
        type(read).text = lambda self, some: (decoded.append(len(some)), original(self, some))[1]
        found = pieces(loaded.tokenizer, tokens)
    finally:
        type(read).text = original
    assert "".join(found) == text and len(found) == len(tokens)
    assert "" in found and not any("\ufffd" in piece for piece in found)
    assert sum(decoded) < 12 * len(tokens)
    assert "".join(pieces(loaded.tokenizer, tokens[:7])) == original(read, tokens[:7])
    assert pieces(loaded.tokenizer, []) == []


def test_logits_are_as_long_as_the_vocabulary_and_finite(loaded):
    _, steps = decode(loaded, Request([5], max_tokens=2))
    assert all(logits.shape == (258,) and torch.isfinite(logits).all() for _, logits in steps)
