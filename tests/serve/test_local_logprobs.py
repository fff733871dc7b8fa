"""Log-probabilities, tokens and version of the in-process server, against a forward pass of the same model."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import httpx
import pytest
import torch
from tests.serve.local import HELLO, LONG, chat, xargs

from entmin.engine.prompts import chat_text, encode_chat
from entmin.engine.requests import Request, Sampling
from entmin.methods import EmInf
from entmin.mode import Mode

METHOD = EmInf(threshold=0.1, learning_rate=0.8)
ASKED = {"temperature": 0.7, "seed": 11, "max_tokens": 30, "extra_body": {"top_k": 60, **xargs(METHOD)}}


def drawn(engine, prompt, **changes):
    """The tokens that the server draws for `ASKED`, and the model's own log-probabilities: ``[T]``, ``[T, V]``."""
    settings = {"max_tokens": 30, "seed": 11, **changes}
    [done] = engine.generate([Request(prompt, METHOD, Sampling(0.7, top_k=60), **settings)])
    with torch.no_grad():
        logits = engine.loaded.model(torch.tensor([prompt + done.tokens])).logits[0, len(prompt) - 1 : -1]
    assert logits.dtype == torch.float32
    return done.tokens, logits.log_softmax(-1)


def test_a_chats_log_probabilities_are_the_models_own(server, engine):
    tokens, log_p = drawn(engine, encode_chat(engine.loaded, HELLO))
    answer = chat(server, **ASKED, logprobs=True, top_logprobs=5)
    content = answer.choices[0].logprobs.content
    decode = engine.loaded.tokenizer.decode
    assert [one.token for one in content] == [decode([token]) for token in tokens]
    assert [one.logprob for one in content] == pytest.approx(
        [log_p[i, t].item() for i, t in enumerate(tokens)], abs=1e-3
    )
    best = log_p.topk(5)
    for i, one in enumerate(content):
        assert [other.logprob for other in one.top_logprobs] == pytest.approx(best.values[i].tolist(), abs=1e-3)
        assert [other.token for other in one.top_logprobs] == [decode([token]) for token in best.indices[i].tolist()]
        same = [other.logprob for other in one.top_logprobs if other.token == one.token != "\ufffd"]
        assert same in ([], [one.logprob])
        for entry in (one, *one.top_logprobs):
            assert entry.bytes == (None if "\ufffd" in entry.token else list(entry.token.encode()))
    extra = answer.choices[0].model_extra["entmin"]
    assert extra["log_probability"] == pytest.approx(sum(one.logprob for one in content) / len(content))
    certainty = (-math.log(log_p.shape[-1]) - log_p.mean(-1)).mean().item()
    assert extra["self_certainty"] == pytest.approx(certainty, abs=1e-3)


def test_completions_have_their_own_shape(server, engine):
    prompts = [engine.loaded.tokenizer(text)["input_ids"] for text in ("one", "twenty-two")]
    answer = server.client.completions.create(model="tiny", prompt=prompts, n=2, logprobs=3, **ASKED)
    for i, choice in enumerate(answer.choices):
        tokens, log_p = drawn(engine, prompts[i // 2], seed=11 + i % 2)
        found, texts = choice.logprobs, [engine.loaded.tokenizer.decode([token]) for token in tokens]
        assert found.tokens == texts
        special = engine.loaded.tokenizer.all_special_tokens
        assert found.text_offset == sorted(found.text_offset)
        for text, place in zip(texts, found.text_offset, strict=True):  # a character in several tokens is one place
            assert text in special or "\ufffd" in text or choice.text[place:].startswith(text)
        whole = [place for text, place in zip(texts, found.text_offset, strict=True) if "\ufffd" not in text]
        assert len(set(whole)) >= len(whole) - sum(text in special for text in texts) > 5
        taken = [log_p[at, token].item() for at, token in enumerate(tokens)]
        assert found.token_logprobs == pytest.approx(taken, abs=1e-3)
        for at, top in enumerate(found.top_logprobs):
            assert texts[at] in top
            assert 1 <= len(top) <= 4
            assert max(top.values()) == pytest.approx(log_p[at].max().item(), abs=1e-3)
    bare = server.client.completions.create(model="tiny", prompt=prompts[0], logprobs=0, **ASKED)
    assert all(list(top) == [token] for top, token in
               zip(bare.choices[0].logprobs.top_logprobs, bare.choices[0].logprobs.tokens, strict=True))  # fmt: skip


def test_a_streams_log_probabilities_add_up_to_those_of_the_whole(server):
    free = chat(server, **ASKED).choices[0].message.content
    for stop in (None, [free[9:12]]):
        asked = {**ASKED, "n": 2, "stop": stop}
        whole = chat(server, **asked, logprobs=True, top_logprobs=2)
        found = [[], []]
        for chunk in chat(server, **asked, logprobs=True, top_logprobs=2, stream=True):
            for choice in chunk.choices:
                found[choice.index] += choice.logprobs.content if choice.logprobs else []
        assert found == [choice.logprobs.content for choice in whole.choices]
        assert sum(map(len, found)) == whole.usage.completion_tokens, "a stop text's tokens are listed too"
        create, asked = server.client.completions.create, {"model": "tiny", "prompt": "abc", "logprobs": 2, **asked}
        parts = [choice for chunk in create(**asked, stream=True) for choice in chunk.choices if choice.logprobs]
        for choice in create(**asked).choices:
            mine = [part.logprobs for part in parts if part.index == choice.index]
            for name in ("tokens", "token_logprobs", "top_logprobs", "text_offset"):
                assert [one for part in mine for one in getattr(part, name)] == getattr(choice.logprobs, name)


def test_only_rows_that_ask_are_measured_and_asking_changes_no_answer(server):
    def ask(i):
        wanted = {"logprobs": True, "top_logprobs": 20} if i % 2 else {}
        return chat(server, **{**ASKED, "seed": i // 2}, **wanted).choices[0]

    with ThreadPoolExecutor(12) as pool:
        choices = list(pool.map(ask, range(12)))
    for plain, measured in zip(choices[::2], choices[1::2], strict=True):
        assert plain.message.content == measured.message.content
        assert plain.logprobs is None
        assert "log_probability" not in plain.model_extra["entmin"]
        assert all(len(one.top_logprobs) == 20 for one in measured.logprobs.content)


def post(server, path, **body):
    return httpx.post(f"{server.url}/{path}", json=body, timeout=30)


def test_tokens_of_texts_and_chats_and_texts_of_tokens(server, engine):
    tokenizer = engine.loaded.tokenizer
    for text in ("", "one\n two", "<eos>caf\u00e9"):
        found = post(server, "tokenize", model="tiny", prompt=text, add_special_tokens=False).json()
        assert found["tokens"] == tokenizer(text, add_special_tokens=False)["input_ids"]
        assert (found["count"], found["max_model_len"]) == (len(found["tokens"]), LONG)
        assert post(server, "detokenize", tokens=found["tokens"]).json() == {"prompt": text}
    found = post(server, "tokenize", messages=HELLO, add_generation_prompt=True, return_token_strs=True).json()
    assert found["tokens"] == encode_chat(engine.loaded, HELLO)
    assert found["token_strs"] == tokenizer.convert_ids_to_tokens(found["tokens"])
    assert post(server, "detokenize", tokens=found["tokens"]).json() == {"prompt": chat_text(engine.loaded, HELLO)}
    assert httpx.get(f"{server.url}/version").json() == {"version": version("entmin")}
    told = httpx.get(f"{server.url}/entmin").json()
    assert told["methods"]["em_inf"] == {"memory": False, "options": EmInf().defaults()}
    assert told["methods"]["sls"]["memory"] and Mode.parse(told["default"])


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("tokenize", {}, "messages"),
        ("tokenize", {"prompt": "a", "messages": HELLO}, "messages"),
        ("tokenize", {"prompt": 5}, "prompt"),
        ("tokenize", {"prompt": "a", "add_special_tokens": "no"}, "add_special_tokens"),
        ("tokenize", {"messages": HELLO, "add_generation_prompt": False}, "add_generation_prompt"),
        ("tokenize", {"messages": HELLO, "continue_final_message": True}, "continue_final_message"),
        ("detokenize", {}, "tokens"),
        ("detokenize", {"tokens": [5, 258]}, "tokens"),
        ("detokenize", {"tokens": [True]}, "tokens"),
        ("detokenize", {"tokens": "5"}, "tokens"),
    ],
    ids=str,
)
def test_what_is_no_text_and_no_tokens_is_400(server, path, body, param):
    answer = post(server, path, **body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param
    assert post(server, path, model="gpt-5", **body).status_code == 404
