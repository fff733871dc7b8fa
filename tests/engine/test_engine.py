import math
import threading
import time
from dataclasses import replace
from functools import partial

import pytest
import torch

from entmin.engine.batch import Batch
from entmin.engine.engine import Engine
from entmin.engine.loading import load
from entmin.engine.requests import Request, Sampling
from entmin.errors import EntminError, UsageError
from entmin.methods import AdaptiveTemperature, Edt, EmInf, MinP, Normal, PLess, PLessNorm, TopH, TopNSigma, TwoLevel

TEXTS = ["one", "a much longer prompt than the first one, to force padding", "Q", "what is 2 + 2?", "xyz" * 20]


def requests(loaded, n=12, method=None, sampling=None, max_tokens=24):
    """Prompts and lengths of every kind; every third one is short."""
    return [
        Request(
            loaded.tokenizer(TEXTS[i % len(TEXTS)])["input_ids"],
            method or Normal(),
            sampling or Sampling(),
            max_tokens=3 if i % 3 == 0 else max_tokens,
            seed=i,
        )
        for i in range(n)
    ]


@pytest.fixture(scope="module")
def loaded(tiny_llama):
    return load(str(tiny_llama), dtype="float32", device="cpu")


def decode(loaded, asked, **options):
    engine = Engine(loaded, **options)
    done = engine.generate(asked)
    engine.close()
    return done


def test_greedy_equals_transformers_generate_for_every_architecture(any_tiny_model):
    loaded = load(str(any_tiny_model), dtype="float32", device="cpu")
    asked = requests(loaded, n=7, sampling=Sampling(temperature=0), max_tokens=40)
    for request, done in zip(asked, decode(loaded, asked, batch_size=3), strict=True):
        expected = loaded.model.generate(
            torch.tensor([request.prompt]),
            attention_mask=torch.ones(1, len(request.prompt), dtype=torch.long),
            max_new_tokens=request.max_tokens,
            do_sample=False,
        )[0, len(request.prompt) :].tolist()
        assert done.tokens == expected


@pytest.mark.parametrize(
    "method", [Normal(), EmInf(), AdaptiveTemperature(), TwoLevel(), PLess()], ids=lambda m: m.name
)
def test_answers_do_not_depend_on_batch_size_order_or_neighbours(loaded, method):
    asked = requests(loaded, method=method)
    alone = [decode(loaded, [request], batch_size=1)[0] for request in asked]
    together = decode(loaded, asked, batch_size=12)
    refilled = decode(loaded, asked, batch_size=3)
    backwards = decode(loaded, asked[::-1], batch_size=5)[::-1]
    for other in (together, refilled, backwards):
        assert [a.tokens for a in other] == [a.tokens for a in alone]
        assert [a.entropy_before for a in other] == pytest.approx([a.entropy_before for a in alone], abs=1e-4)


def test_methods_and_samplings_mix_in_one_batch(loaded):
    kinds = [(Normal(), Sampling()), (EmInf(), Sampling(0.7)), (AdaptiveTemperature(), Sampling(top_k=5))]
    asked = [
        Request(loaded.tokenizer(TEXTS[i % 5])["input_ids"], *kinds[i % 3], max_tokens=12, seed=i) for i in range(9)
    ]
    alone = [decode(loaded, [request], batch_size=1)[0].tokens for request in asked]
    assert [done.tokens for done in decode(loaded, asked, batch_size=9)] == alone


def test_a_long_answer_does_not_hold_up_the_others(loaded):
    """With room for two rows, the short requests pass through one slot while the long one decodes in the other."""
    prompt = loaded.tokenizer("go")["input_ids"]
    engine = Engine(loaded, batch_size=2)
    steps = []
    original = Batch.step
    Batch.step = lambda self: (steps.append(len(self.rows)), original(self))[1]
    try:
        lengths = [60] + [6] * 8
        sampling = Sampling(temperature=1)
        futures = [engine.submit(Request(prompt, Normal(), sampling, n, seed=i)) for i, n in enumerate(lengths)]
        done = [future.result() for future in futures]
    finally:
        Batch.step = original
        engine.close()
    written = sum(len(answer.tokens) for answer in done)
    assert len(steps) < written * 0.75


def test_the_same_seed_gives_the_same_answer_and_another_seed_another(loaded):
    prompt = loaded.tokenizer("hello")["input_ids"]
    first, again, other = decode(loaded, [Request(prompt, max_tokens=30, seed=s) for s in (1, 1, 2)])
    assert first.tokens == again.tokens != other.tokens


def test_sampling_follows_the_adjusted_distribution(loaded):
    """First tokens over many seeds, against the distribution computed by hand: a chi-square test."""
    from scipy.stats import chisquare

    method, sampling, n = EmInf(n_grad_steps=5), Sampling(temperature=0.8, top_k=6), 3000
    prompt = loaded.tokenizer("a")["input_ids"]
    with torch.inference_mode():
        logits = loaded.model(torch.tensor([prompt])).logits[:, -1]
    adjusted = method.adjust(logits) / 0.8
    kept = adjusted.topk(6)
    expected = kept.values.softmax(-1)[0] * n
    done = decode(loaded, [Request(prompt, method, sampling, 1, seed=i) for i in range(n)], batch_size=64)
    drawn = [answer.tokens[0] for answer in done]
    observed = [drawn.count(int(token)) for token in kept.indices[0]]
    assert sum(observed) == n
    assert chisquare(observed, expected.double() / expected.double().sum() * n).pvalue > 1e-4


@pytest.mark.parametrize("method", [MinP(0.2), PLess(), PLessNorm(), TopH()], ids=lambda m: m.name)
def test_methods_of_the_later_stage_work_on_what_temperature_leaves(loaded, method):
    prompt = loaded.tokenizer("a")["input_ids"]
    with torch.inference_mode():
        logits = loaded.model(torch.tensor([prompt])).logits[:, -1]
    expected = method.adjust(logits / 0.6)
    kept = (expected > -torch.inf)[0].nonzero().squeeze(-1).tolist()
    assert kept != (method.adjust(logits) > -torch.inf)[0].nonzero().squeeze(-1).tolist()
    asked = [Request(prompt, method, Sampling(0.6), 1, seed=i, token_entropies=True) for i in range(200)]
    done = decode(loaded, [*asked, Request(prompt, method, Sampling(0), 1)], batch_size=64)
    assert {answer.tokens[0] for answer in done} <= set(kept)
    assert done[0].after == pytest.approx([float(torch.distributions.Categorical(logits=expected).entropy())], abs=1e-4)
    assert done[0].before == pytest.approx([float(torch.distributions.Categorical(logits=logits).entropy())], abs=1e-4)
    assert done[-1].tokens == [int(logits.argmax())]


@pytest.mark.parametrize("method", [TwoLevel(1.0), Edt(0.8, 0.5), TopNSigma()], ids=lambda m: m.name)
def test_methods_of_the_earlier_stage_come_before_temperature(loaded, method):
    prompt = loaded.tokenizer("a")["input_ids"]
    with torch.inference_mode():
        logits = loaded.model(torch.tensor([prompt])).logits[:, -1]
    done = decode(loaded, [Request(prompt, method, Sampling(0.6), 1, token_entropies=True)])[0]
    expected = torch.distributions.Categorical(logits=method.adjust(logits) / 0.6).entropy()
    assert done.after == pytest.approx([float(expected)], abs=1e-4)


def test_entropies_are_of_the_model_and_of_the_distribution_drawn_from(loaded):
    prompt = loaded.tokenizer("entropy")["input_ids"]
    request = Request(prompt, EmInf(), Sampling(0.5), 10, seed=3, token_entropies=True)
    done = decode(loaded, [request])[0]
    ids = torch.tensor([prompt + done.tokens])
    with torch.inference_mode():
        logits = loaded.model(ids).logits[0, len(prompt) - 1 : -1].double()
    before = torch.distributions.Categorical(logits=logits).entropy()
    after = torch.distributions.Categorical(logits=EmInf().adjust(logits) / 0.5).entropy()
    torch.testing.assert_close(torch.tensor(done.before).double(), before, atol=1e-4, rtol=0)
    torch.testing.assert_close(torch.tensor(done.after).double(), after, atol=1e-4, rtol=0)
    assert done.entropy_before == pytest.approx(float(before.mean()), abs=1e-4)


def test_stop_texts_end_the_answer_and_are_cut(loaded):
    prompt = loaded.tokenizer("stop")["input_ids"]
    free = decode(loaded, [Request(prompt, max_tokens=60, seed=5)])[0]
    stop = free.text[10:12]
    cut = decode(loaded, [Request(prompt, max_tokens=60, seed=5, stop=(stop,))])[0]
    assert cut.stop_reason == "stop"
    assert cut.text == free.text.split(stop)[0]


def test_an_answer_ends_where_the_context_ends(loaded):
    prompt = [5] * (loaded.max_length - 4)
    done = decode(loaded, [Request(prompt, max_tokens=50)])[0]
    assert done.stop_reason in ("model_length", "stop")
    assert len(done.tokens) <= 4


def test_running_out_of_memory_shrinks_the_batch_and_changes_no_answer(loaded, monkeypatch):
    asked = requests(loaded, n=8)
    expected = [done.tokens for done in decode(loaded, asked)]
    original = Batch._forward

    def limited(self, ids, *rest):
        if ids.shape[0] > 3:
            raise torch.OutOfMemoryError("CUDA out of memory (injected: more than three rows)")
        return original(self, ids, *rest)

    monkeypatch.setattr(Batch, "_forward", limited)
    engine = Engine(loaded, batch_size=8)
    assert [done.tokens for done in engine.generate(asked)] == expected
    assert engine.stats.shrinks >= 1
    assert engine.batch_size <= 4
    assert "out of memory" in engine.notices[0]
    engine.close()


def test_out_of_memory_with_one_row_is_an_error_that_says_what_to_do(loaded, monkeypatch):
    def fail(*_):
        raise torch.OutOfMemoryError("CUDA out of memory (injected)")

    monkeypatch.setattr(Batch, "_forward", fail)
    with pytest.raises(EntminError, match="max-tokens"):
        decode(loaded, requests(loaded, n=4), batch_size=4)


def test_a_row_with_broken_logits_fails_alone(loaded, monkeypatch):
    original = Batch._forward

    def broken(self, ids, *rest):
        logits = original(self, ids, *rest).clone()
        logits[0, 7] = torch.nan
        return logits

    monkeypatch.setattr(Batch, "_forward", broken)
    engine = Engine(loaded, batch_size=4)
    futures = [engine.submit(request) for request in requests(loaded, n=2, max_tokens=1)]
    with pytest.raises(EntminError, match="float32"):
        futures[0].result(timeout=30)
    assert futures[1].result(timeout=30).tokens
    engine.close()


def test_requests_that_cannot_be_served_are_refused_at_once(loaded):
    engine = Engine(loaded)
    with pytest.raises(UsageError, match="at least one token"):
        engine.submit(Request([]))
    with pytest.raises(UsageError, match="takes 512"):
        engine.submit(Request([3] * 600))
    with pytest.raises(UsageError):
        Engine(loaded, batch_size=0)
    with pytest.raises(UsageError, match="top_p"):
        Sampling(top_p=0)


def test_closing_cancels_what_is_waiting(loaded):
    engine = Engine(loaded, batch_size=1)
    futures = [engine.submit(Request([3, 4], max_tokens=400, seed=i)) for i in range(20)]
    time.sleep(0.1)
    engine.close()
    assert futures[-1].cancelled()
    with pytest.raises(EntminError, match="closed"):
        engine.submit(Request([3]))


def test_cancelled_requests_are_never_decoded(loaded):
    engine = Engine(loaded, batch_size=1)
    first = engine.submit(Request([3, 4], max_tokens=100))
    second = engine.submit(Request([3, 4], max_tokens=100))
    second.cancel()
    first.result(timeout=60)
    third = engine.submit(Request([3, 4], max_tokens=2)).result(timeout=60)
    assert third.tokens
    assert engine.stats.completed == 2
    engine.close()


def test_cancelling_takes_a_row_out_at_the_next_step_and_changes_no_other(loaded):
    asked = [Request([3, 4, i], Normal(), Sampling(), 300, seed=i) for i in range(6)]
    alone = [done.tokens for done in decode(loaded, asked)]
    engine = Engine(loaded, batch_size=3)
    drawn = {i: 0 for i in range(6)}
    futures = [None] * 6

    def heard(i, token, confidence):
        drawn[i] += 1
        if i == 1 and drawn[i] == 5:
            futures[i].cancel()

    for i, request in enumerate(asked):
        futures[i] = engine.submit(request, partial(heard, i))
    others = [future.result(timeout=60).tokens for i, future in enumerate(futures) if i != 1]
    assert others == alone[:1] + alone[2:]
    assert futures[1].cancelled()
    assert drawn[1] == 5 < len(alone[1])
    assert engine.stats.completed == 5
    engine.close()


def test_a_cancelled_batch_leaves_the_engine_idle_and_usable(loaded):
    engine = Engine(loaded, batch_size=4)
    started = threading.Event()
    futures = [engine.submit(Request([3, 4], max_tokens=500, seed=i), lambda *_: started.set()) for i in range(9)]
    assert started.wait(30)
    for future in futures:
        future.cancel()
    deadline = time.monotonic() + 10
    while engine.decoding or engine.waiting:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert engine.submit(Request([3, 4], max_tokens=2)).result(timeout=30).tokens
    engine.close()


def test_closing_cancels_what_is_in_progress(loaded):
    engine = Engine(loaded)
    started = threading.Event()
    future = engine.submit(Request([3, 4], max_tokens=500), lambda *_: started.set())
    assert started.wait(30)
    engine.close()
    assert future.cancelled() or future.result().tokens


@pytest.mark.parametrize("limited", [False, True], ids=["memory enough", "memory short"])
def test_every_token_is_told_once_and_before_the_answer(loaded, monkeypatch, limited):
    asked = requests(loaded, n=8)
    expected = [done.tokens for done in decode(loaded, asked)]
    original = Batch._forward

    def forward(self, ids, *rest):
        if limited and ids.shape[0] > 3:
            raise torch.OutOfMemoryError("CUDA out of memory (injected: more than three rows)")
        return original(self, ids, *rest)

    monkeypatch.setattr(Batch, "_forward", forward)
    engine = Engine(loaded, batch_size=8)
    told, at_the_end = [[] for _ in asked], {}
    futures = [engine.submit(request, lambda token, _, i=i: told[i].append(token)) for i, request in enumerate(asked)]
    for i, future in enumerate(futures):
        future.add_done_callback(lambda _, i=i: at_the_end.setdefault(i, list(told[i])))
        future.result(timeout=60)
    engine.close()
    assert told == expected == [at_the_end[i] for i in range(8)]


def test_a_stop_text_longer_than_the_usual_look_back_is_found(loaded):
    prompt = loaded.tokenizer("stop")["input_ids"]
    free = decode(loaded, [Request(prompt, Normal(), Sampling(temperature=0), max_tokens=300)])[0]
    stop = free.text[20:180]
    assert len(stop) > 100
    cut = decode(loaded, [Request(prompt, Normal(), Sampling(temperature=0), max_tokens=300, stop=(stop,))])[0]
    assert cut.stop_reason == "stop"
    assert cut.text == free.text.split(stop)[0]


def test_the_checkpoints_own_sampling_defaults_are_not_used(tiny_llama, tmp_path):
    import json
    import shutil

    folder = tmp_path / "opinionated"
    shutil.copytree(tiny_llama, folder)
    config = json.loads((folder / "generation_config.json").read_text())
    config |= {"top_k": 1, "top_p": 0.01, "temperature": 0.01, "repetition_penalty": 5.0, "do_sample": True}
    (folder / "generation_config.json").write_text(json.dumps(config))
    plain, opinionated = (load(str(path), dtype="float32", device="cpu") for path in (tiny_llama, folder))
    asked = requests(plain)
    assert [d.tokens for d in decode(plain, asked)] == [d.tokens for d in decode(opinionated, asked)]


def test_confidence_is_the_models_own_whatever_the_method_and_only_measured_when_asked(loaded):
    asked = requests(loaded, n=6, method=EmInf(threshold=0.05), sampling=Sampling(0.7, top_k=5))
    mixed = [replace(request, confidence=i % 2 == 0) for i, request in enumerate(asked)]
    plain, measured = decode(loaded, asked), decode(loaded, mixed, batch_size=4)
    assert [done.tokens for done in plain] == [done.tokens for done in measured]
    for i, (request, done) in enumerate(zip(mixed, measured, strict=True)):
        if i % 2:
            assert (done.log_probability, done.self_certainty) == (None, None)
            continue
        sequence = torch.tensor([request.prompt + done.tokens])
        with torch.no_grad():
            logits = loaded.model(sequence).logits[0, len(request.prompt) - 1 : -1].double()
        log_p = logits.log_softmax(-1)
        taken = log_p.gather(-1, torch.tensor(done.tokens)[:, None]).mean().item()
        certainty = (-math.log(log_p.shape[-1]) - log_p.mean(-1)).mean().item()
        assert done.log_probability == pytest.approx(taken, abs=1e-3)
        assert done.self_certainty == pytest.approx(certainty, abs=1e-3)
