"""The vLLM host in a real engine, offline, on a tiny model whose every distribution is compared with the core's."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys

import pytest
import torch

pytest.importorskip("vllm")

from tests import tiny
from tests.vllm_settings import ENVIRONMENT, PROCESSOR
from transformers import AutoModelForCausalLM
from vllm import LLM, SamplingParams
from vllm.sampling_params import StructuredOutputsParams

from entmin.core import entropy
from entmin.methods import AdaptiveTemperature, EmInf

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]

STRONG = EmInf(threshold=0.1, learning_rate=0.5)
METHODS = [None, EmInf(), STRONG, AdaptiveTemperature()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("models") / "tiny", "llama-wide-heads", sharpness=12.0)


@contextlib.contextmanager
def engine(folder, environment, **settings):
    """Blocks of 32 tokens for up to 16 requests that grow to 96: where there are few, some will be preempted."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        running = LLM(
            str(folder),
            dtype="float32",
            enforce_eager=True,
            max_model_len=128,
            max_num_seqs=16,
            block_size=32,
            logprobs_mode="processed_logits",
            max_logprobs=-1,
            logits_processors=[PROCESSOR],
            disable_log_stats=False,
            seed=0,
            **settings,
        )
        yield running
        running.llm_engine.engine_core.shutdown()


@pytest.fixture(scope="module")
def llm(folder):
    with engine(folder, ENVIRONMENT, num_gpu_blocks_override=13) as running:
        yield running


def asking(method, **settings):
    settings = {"max_tokens": 1, "logprobs": -1, "ignore_eos": True, "detokenize": False} | settings
    return SamplingParams(extra_args=method.to_args() if method else None, **settings)


def logits_of(step):
    """``[V]`` of one step of one answer, as vLLM returns them with logprobs_mode=processed_logits."""
    return torch.tensor([step[token].logprob for token in range(len(step))])


def distance(a, b):
    """Total variation between the distributions of two sets of rows."""
    return (a.softmax(-1) - b.softmax(-1)).abs().sum(-1) / 2


def mixed_batch(llm):
    """One batch of four prompts under every method: each method, its logits, and those of the plain request."""
    prompts = [list(f"prompt number {n}".encode()) for n in range(4)]
    asked = [(prompt, method) for prompt in prompts for method in METHODS]
    answers = llm.generate([{"prompt_token_ids": p} for p, _ in asked], [asking(m) for _, m in asked], use_tqdm=False)
    rows = [logits_of(answer.outputs[0].logprobs[0]) for answer in answers]
    return [(method, row, rows[n - n % 4]) for n, ((_, method), row) in enumerate(zip(asked, rows, strict=True))]


def test_each_request_of_a_mixed_batch_gets_what_the_core_gives_for_its_raw_logits(llm):
    for method, row, raw in mixed_batch(llm):
        assert entropy(raw) > 0.3  # so that every method has something to do
        assert torch.equal(row, raw if method is None else method.adjust(raw[None])[0])
        assert method is None or distance(row, raw) > 0.01


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_temperature_and_truncation_come_after_the_method(llm, temperature):
    prompt = {"prompt_token_ids": list(b"the order")}
    params = [asking(None), asking(STRONG, temperature=temperature, top_k=5 if temperature else 0)]
    raw, row = (
        logits_of(answer.outputs[0].logprobs[0]) for answer in llm.generate([prompt] * 2, params, use_tqdm=False)
    )
    wanted = STRONG.adjust(raw[None])[0]
    if temperature:
        wanted = wanted / temperature
        wanted[wanted < wanted.topk(5).values[-1]] = -torch.inf
    assert torch.allclose(row, wanted, rtol=1e-6)


def test_a_batch_of_greedy_requests_alone_is_adjusted_over_the_whole_vocabulary(llm):
    """Such a batch vLLM may sample by a shorter way, without processors or from a part of the vocabulary."""
    prompts = [{"prompt_token_ids": list(f"greedy number {n}".encode())} for n in range(3)]
    asked = [(prompt, method) for prompt in prompts for method in METHODS]
    params = [asking(method, temperature=0.0) for _, method in asked]
    answers = [done.outputs[0] for done in llm.generate([prompt for prompt, _ in asked], params, use_tqdm=False)]
    rows = [logits_of(answer.logprobs[0]) for answer in answers]
    assert all(row.isfinite().all() and len(row) == len(rows[0]) > 256 for row in rows)
    for n, (answer, row) in enumerate(zip(answers, rows, strict=True)):
        method, raw = METHODS[n % len(METHODS)], rows[n - n % len(METHODS)]
        assert torch.equal(row, raw if method is None else method.adjust(raw[None])[0])
        assert method is None or distance(row, raw) > 0.01
        assert answer.token_ids[0] == row.argmax()


def test_masked_tokens_stay_masked(llm):
    allowed = list(range(40, 90))
    (answer,) = llm.generate(
        {"prompt_token_ids": list(b"x")}, asking(STRONG, allowed_token_ids=allowed), use_tqdm=False
    )
    (plain,) = llm.generate({"prompt_token_ids": list(b"x")}, asking(None, allowed_token_ids=allowed), use_tqdm=False)
    row, raw = (logits_of(done.outputs[0].logprobs[0]) for done in (answer, plain))
    assert torch.equal(row.isfinite().nonzero().squeeze(-1), torch.tensor(allowed))
    assert torch.equal(row, STRONG.adjust(raw[None])[0])


def test_a_grammar_holds_under_every_method(llm):
    choices = StructuredOutputsParams(choice=["yes", "no"])
    prompt = {"prompt_token_ids": list(b"Is it? ")}
    params = [asking(method, structured_outputs=choices, max_tokens=4, ignore_eos=False) for method in METHODS]
    answers = [answer.outputs[0] for answer in llm.generate([prompt] * len(METHODS), params, use_tqdm=False)]
    raw, *rows = (logits_of(answer.logprobs[0]) for answer in answers)
    first = {llm.get_tokenizer().convert_tokens_to_ids(letter) for letter in "yn"}
    for answer, row, method in zip(answers[1:], rows, METHODS[1:], strict=True):
        assert llm.get_tokenizer().decode(answer.token_ids, skip_special_tokens=True) in ("yes", "no")
        assert set(row.isfinite().nonzero().flatten().tolist()) == first
        assert torch.equal(row, method.adjust(raw[None])[0])


def preemptions(llm):
    return next(metric.value for metric in llm.get_metrics() if metric.name == "vllm:num_preemptions")


def drive(llm, chance, requests):
    """Let requests join at random and abort some; returns what the others were answered."""
    engine, waiting, live, finished = llm.llm_engine, list(requests), set(), {}
    while waiting or engine.has_unfinished_requests():
        for _ in range(chance.choice([0, 1, 4])):
            if waiting:
                name, prompt, method, tokens = waiting.pop()
                engine.add_request(
                    name, {"prompt_token_ids": prompt}, asking(method, max_tokens=tokens, seed=len(waiting))
                )
                live.add(name)
        if live and chance.random() < 0.05:
            gone = chance.choice(sorted(live))
            engine.abort_request([gone])
            live.discard(gone)
        for output in engine.step():
            if output.finished and output.request_id in live:
                live.discard(output.request_id)
                finished[output.request_id] = output.outputs[0]
    return finished


def many_requests(chance):
    """Name, prompt, method and length of 64 requests."""
    return [
        (f"r{n}", list(f"request number {n} says ".encode()), chance.choice(METHODS), chance.randint(4, 70))
        for n in range(64)
    ]


def distances(folder, requests, finished):
    """Of every answer, its method and the distance of its steps from what each method makes of transformers' logits."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    for name, prompt, method, _ in requests:
        if name in finished:
            tokens = list(finished[name].token_ids)
            with torch.inference_mode():
                raw = model(torch.tensor([prompt + tokens[:-1]])).logits[0, len(prompt) - 1 :]
            rows = torch.stack([logits_of(step) for step in finished[name].logprobs])
            yield method, {m: distance(rows, raw if m is None else m.adjust(raw)) for m in METHODS}


def test_requests_that_join_leave_and_are_preempted_keep_their_own_method(llm, folder):
    """Every step of every answer against transformers' logits for the same tokens, adjusted by the core."""
    chance, before = random.Random(0), preemptions(llm)
    requests = many_requests(chance)
    finished = drive(llm, chance, requests)
    assert preemptions(llm) > before + 3
    assert 40 < len(finished) < 64  # some were aborted
    steps = 0
    for method, ways in distances(folder, requests, finished):
        mine = ways.pop(method)
        assert mine.max() < 1e-3
        assert min(others.max() for others in ways.values()) > 0.02  # so nobody else's method would have passed
        steps += len(mine)
    assert steps > 800


def test_speculative_decoding_on_the_v1_runner_is_refused_aloud(folder):
    script = (
        "import sys; from vllm import LLM\n"
        "if __name__ == '__main__':\n"
        "    LLM(sys.argv[1], enforce_eager=True, max_model_len=128, logits_processors=[sys.argv[2]],\n"
        "        speculative_config={'method': 'ngram', 'num_speculative_tokens': 2, 'prompt_lookup_max': 2})\n"
    )
    path = folder.parent / "speculate.py"
    path.write_text(script)
    command = [sys.executable, str(path), str(folder), PROCESSOR]
    done = subprocess.run(
        command, env=os.environ | ENVIRONMENT, capture_output=True, text=True, timeout=800, check=False
    )
    assert done.returncode
    assert (
        "Custom logits processors are not supported when speculative decoding is enabled" in done.stdout + done.stderr
    )
