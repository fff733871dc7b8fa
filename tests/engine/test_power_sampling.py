"""Power sampling: its chain against the distribution it is meant to have, and its numbers against the model's."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
from collections import Counter

import pytest
import torch
from scipy.stats import chisquare

from entmin.engine.engine import Engine
from entmin.engine.loading import load
from entmin.engine.power import Written, log_ratio, power_sample
from entmin.engine.requests import Completion, Request, TokenConfidence
from entmin.errors import UsageError
from entmin.methods import EmInf, Sls, TwoLevel
from entmin.mode import Sampling

END, LENGTH, PROMPT = 2, 4, [7]
NEXT = {7: (0.5, 0.35, 0.15), 0: (0.2, 0.3, 0.5), 1: (0.6, 0.3, 0.1)}
"""A language of three tokens: what follows the prompt and each token that is not the end."""


def proposal(before):
    """What is drawn from: flatter than the language, so that p and q cannot be mixed up unnoticed."""
    weights = [p**0.5 for p in NEXT[before]]
    return [w / sum(weights) for w in weights]


async def decode(request):
    """The language as an engine: tokens by the request's seed, from its last token on."""
    chance, tokens, sure, before = random.Random(request.seed), [], [], request.prompt[-1]
    while len(tokens) < request.max_tokens and before != END:
        q = proposal(before)
        token = chance.choices(range(3), q)[0]
        sure.append(TokenConfidence(math.log(NEXT[before][token]), 0.0, drawn=math.log(q[token])))
        tokens.append(before := token)
    reason = "stop" if before == END else "max_tokens"
    return Completion("", tokens, reason, len(request.prompt), 0.0, 0.0, 0.0, confidence=sure)


def answers():
    """Every answer and its probability in the language."""
    for length in range(1, LENGTH + 1):
        for tokens in itertools.product(range(3), repeat=length):
            if END in tokens[:-1] or (tokens[-1] != END and length < LENGTH):
                continue
            yield tokens, math.prod(NEXT[before][token] for before, token in itertools.pairwise((*PROMPT, *tokens)))


def test_answers_have_the_power_distribution():
    alpha = 3.0
    exact = {tokens: p**alpha for tokens, p in answers()}
    assert sum(p for _, p in answers()) == pytest.approx(1)
    n, total = 1200, sum(exact.values())
    asked = [Request(PROMPT, max_tokens=LENGTH, seed=seed) for seed in range(n)]

    async def chains():
        return [await power_sample(decode, one, alpha, 20, 1) for one in asked]

    found = [one.written.tokens for one in asyncio.run(chains())]
    likely = [tokens for tokens, p in exact.items() if p / total * n > 8]
    counts = [Counter(found)[tokens] for tokens in likely]
    shares = [exact[tokens] / total * n for tokens in likely]
    rest = [n - sum(counts), n - sum(shares)]
    assert chisquare([*counts, rest[0]], [*shares, rest[1]]).pvalue > 1e-3
    plain = [dict(answers())[tokens] for tokens in likely]
    # So the test can tell them apart.
    assert chisquare(counts, [p / sum(plain) * sum(counts) for p in plain]).pvalue < 1e-9


def test_a_ratio_computed_by_hand():
    old = Written((1, 2, 2), (-1.0, -0.5, -2.0), (-0.9, -0.4, -1.5))
    new = Written((1, 0), (-1.0, -0.25), (-0.9, -0.75))
    by_hand = 4 * (-0.25 - (-2.5)) + (-1.9 - (-0.75)) + math.log(3 / 2)
    assert log_ratio(old, new, 1, 4.0) == pytest.approx(by_hand)
    assert log_ratio(new, old, 1, 4.0) == pytest.approx(-by_hand)


def test_blocks_steps_and_calls_are_counted_and_chains_repeat():
    asked = Request(PROMPT, max_tokens=3, seed=4)
    one, again = (asyncio.run(power_sample(decode, asked, 4.0, 2, 16)) for _ in range(2))
    assert one == again
    assert one.proposed == len(one.calls) - (len(one.calls) // 3)
    assert len(one.calls) <= 9, "more blocks than tokens"
    none = asyncio.run(power_sample(decode, asked, 4.0, 0, 1))
    assert (len(none.calls), none.proposed) == (1, 0)


@pytest.mark.parametrize("request_", [Request(PROMPT, sampling=Sampling(0)), Request(PROMPT, Sls())], ids=["0", "sls"])
def test_what_has_no_proposals_is_refused(request_):
    with pytest.raises(UsageError, match="needs a temperature above 0 and a method without memory"):
        asyncio.run(power_sample(decode, request_, 4.0, 1, 1))


@pytest.mark.parametrize("method", [TwoLevel(0.5), EmInf()], ids=lambda m: m.name)
def test_log_probabilities_are_those_of_the_model_and_of_what_was_drawn_from(tiny_llama, method):
    loaded = load(str(tiny_llama), dtype="float32", device="cpu")
    engine = Engine(loaded, batch_size=3)
    prompt, sampling = loaded.tokenizer("power")["input_ids"], Sampling(0.6, top_k=40)
    request = Request(prompt, method, sampling, 12, seed=1)

    async def chains():
        asked = [Request(prompt, method, sampling, 12, seed=seed) for seed in (1, 2, 3)]
        submit = lambda one: asyncio.wrap_future(engine.submit(one))  # noqa: E731
        return await asyncio.gather(*(power_sample(submit, one, 2.0, 4, 3) for one in asked))

    found = asyncio.run(chains())
    alone = asyncio.run(power_sample(lambda one: asyncio.wrap_future(engine.submit(one)), request, 2.0, 4, 3))
    engine.close()
    assert alone.written.tokens == found[0].written.tokens
    assert any(0 < one.accepted < one.proposed for one in found)
    for one in found:
        written = one.written
        with torch.inference_mode():
            logits = loaded.model(torch.tensor([[*prompt, *written.tokens]])).logits[0, len(prompt) - 1 : -1]
        tokens = torch.tensor(written.tokens)[:, None]
        p = logits.double().log_softmax(-1).gather(-1, tokens)[:, 0]
        cooled = method.adjust(logits).double() / 0.6
        cooled[cooled < cooled.topk(40).values[:, -1:]] = -torch.inf
        q = cooled.log_softmax(-1).gather(-1, tokens)[:, 0]
        torch.testing.assert_close(torch.tensor(written.p).double(), p, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(torch.tensor(written.q).double(), q, atol=1e-3, rtol=1e-3)
