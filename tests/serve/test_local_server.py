"""The in-process server over HTTP, against the engine called directly."""

from __future__ import annotations

import asyncio
import json
import socket
import time

import httpx
import openai
import pytest
from tests.serve.local import BATCH, HELLO, LONG, QUEUE, chat, xargs

from entmin.engine.prompts import encode_chat
from entmin.engine.requests import Request, Sampling
from entmin.methods import AdaptiveTemperature, EmInf, Normal, Sls
from entmin.mode import Mode
from entmin.serve.fields import RequestError
from entmin.serve.protocol import Served, read_chat, read_completion

METHODS = [Normal(), EmInf(), EmInf(threshold=0.1, learning_rate=0.8), AdaptiveTemperature(), Sls(alpha=3.0)]


def endless(server, **options):
    """A stream of greedy tokens that goes round in circles, to the end of the context if nobody stops it."""
    body = {"prompt": "abc", "temperature": 0, "max_tokens": LONG - 100, "stream": True, **options}
    return server.client.completions.create(
        model="tiny", extra_body={"vllm_xargs": {"entmin_method": "normal"}}, **body
    )


def settled(server, seconds=20.0):
    """Wait until nothing is decoded or waits; returns how long that took."""
    start = time.monotonic()
    while (state := server.health())["decoding"] or state["waiting"]:
        assert time.monotonic() - start < seconds, state
        time.sleep(0.05)
    return time.monotonic() - start


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.describe())
def test_a_chat_is_what_the_engine_says_to_the_same_request(server, engine, method):
    sampling = {"temperature": 0.8, "top_p": 0.9, "seed": 7, "max_tokens": 40}
    body = {"top_k": 50, "min_p": 0.001, **xargs(method)}
    answer = chat(server, **sampling, extra_body=body)
    prompt = encode_chat(engine.loaded, HELLO)
    [expected] = engine.generate([Request(prompt, method, Sampling(0.8, 0.9, 50, 0.001), 40, seed=7)])
    [choice] = answer.choices
    assert choice.message.content == expected.text
    assert choice.finish_reason == {"stop": "stop", "max_tokens": "length"}[expected.stop_reason]
    assert answer.usage.prompt_tokens == len(prompt)
    assert answer.usage.completion_tokens == len(expected.tokens) == answer.usage.total_tokens - len(prompt)
    extra = choice.model_extra["entmin"]
    assert extra["entropy_before"] == pytest.approx(expected.entropy_before, abs=1e-4)
    assert extra["entropy_after"] == pytest.approx(expected.entropy_after, abs=1e-4)
    assert {key: extra[key] for key in method.to_args()} == method.to_args()
    assert (extra["seed"], extra["tokens"]) == (7, len(expected.tokens))


def test_requests_without_a_method_get_the_servers(server, engine):
    answer = chat(server, seed=3, max_tokens=12)
    [expected] = engine.generate([Request(encode_chat(engine.loaded, HELLO), EmInf(), max_tokens=12, seed=3)])
    assert answer.choices[0].message.content == expected.text
    assert answer.choices[0].model_extra["entmin"]["entmin_method"] == "em_inf"
    changed = chat(server, seed=3, max_tokens=12, extra_body={"vllm_xargs": {"entmin_learning_rate": 1.5}})
    assert changed.choices[0].model_extra["entmin"]["entmin_learning_rate"] == 1.5


def test_prompts_come_as_texts_or_tokens_and_choices_have_their_own_seeds(server, engine):
    texts = ["one", "twenty-two"]
    tokens = [engine.loaded.tokenizer(text)["input_ids"] for text in texts]
    asked = [Request(prompt, EmInf(), max_tokens=10, seed=5 + i) for prompt in tokens for i in range(3)]
    expected = [done.text for done in engine.generate(asked)]
    ask = {"model": "tiny", "n": 3, "seed": 5, "max_tokens": 10}
    for prompt in (texts, tokens):
        answer = server.client.completions.create(prompt=prompt, **ask)
        assert [choice.text for choice in answer.choices] == expected
        assert [choice.index for choice in answer.choices] == list(range(6))
        assert answer.usage.prompt_tokens == sum(map(len, tokens))
    for prompt in (texts[0], tokens[0]):
        answer = server.client.completions.create(prompt=prompt, **ask)
        assert [choice.text for choice in answer.choices] == expected[:3]


def test_a_stream_says_what_the_whole_answer_says(server):
    for seed in range(2):
        asked = {"seed": seed, "max_tokens": 60, "n": 2}
        free = chat(server, **asked)
        stop = [free.choices[0].message.content[9:12], "not in it"]
        for options in (asked, {**asked, "stop": stop}):
            whole = chat(server, **options)
            texts, reasons, extras, usage = ["", ""], [None, None], [None, None], None
            stream = chat(server, **options, stream=True, stream_options={"include_usage": True})
            for chunk in stream:
                usage = chunk.usage or usage
                for choice in chunk.choices:
                    texts[choice.index] += choice.delta.content or ""
                    reasons[choice.index] = choice.finish_reason or reasons[choice.index]
                    extras[choice.index] = (choice.model_extra or {}).get("entmin") or extras[choice.index]
            assert texts == [choice.message.content for choice in whole.choices]
            assert reasons == [choice.finish_reason for choice in whole.choices]
            assert usage == whole.usage
            for mine, theirs in zip(extras, whole.choices, strict=True):
                assert mine["entropy_before"] == pytest.approx(theirs.model_extra["entmin"]["entropy_before"], abs=1e-4)


def test_a_stream_is_server_sent_events_that_end_with_done_and_come_as_tokens_are_drawn(server):
    body = {"prompt": "abc", "max_tokens": 400, "temperature": 0, "stream": True}
    times, lines = [], []
    with httpx.stream("POST", f"{server.url}/v1/completions", json=body, timeout=60) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for line in response.iter_lines():
            if line:
                times.append(time.monotonic())
                lines.append(line)
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    assert not any("usage" in line for line in lines)
    assert times[-1] - times[0] > 0.1  # four hundred steps do not arrive at once


@pytest.mark.slow
def test_mixed_requests_at_once_are_answered_as_if_alone(server, engine):
    """64 in flight on 8 rows: methods, samplings, lengths, streams and whole answers, sync results as references."""
    kinds = [(METHODS[i % 5], 0.6 + 0.2 * (i % 3), 3 + i % 11, i) for i in range(64)]
    prompt = encode_chat(engine.loaded, HELLO)
    expected = [
        engine.generate([Request(prompt, method, Sampling(temperature), limit, seed)])[0].text
        for method, temperature, limit, seed in kinds
    ]

    async def ask(method, temperature, limit, seed):
        create = server.asynchronous.chat.completions.create
        options = {"temperature": temperature, "max_tokens": limit, "seed": seed, "extra_body": xargs(method)}
        if seed % 2:
            return (await create(model="tiny", messages=HELLO, **options)).choices[0].message.content
        stream = await create(model="tiny", messages=HELLO, stream=True, **options)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    async def everything():
        return await asyncio.gather(*(ask(*kind) for kind in kinds))

    assert asyncio.run(everything()) == expected


def test_clients_that_go_away_free_their_rows(server):
    streams = [endless(server) for _ in range(BATCH)]
    for stream in streams:
        next(iter(stream))
    assert server.health()["decoding"] == BATCH
    for stream in streams:
        stream.close()
    assert settled(server) < 10

    with pytest.raises(httpx.ReadTimeout):  # not a stream: the answer would be all at the end
        httpx.post(
            f"{server.url}/v1/completions",
            json={"prompt": "abc", "temperature": 0, "max_tokens": LONG - 100},
            timeout=1,
        )
    assert settled(server) < 10
    assert chat(server, max_tokens=3).usage.completion_tokens <= 3


def test_waiting_requests_whose_clients_go_away_are_never_decoded(server):
    streams = [endless(server) for _ in range(BATCH)]
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{server.url}/v1/completions", json={"prompt": "x", "n": 20, "max_tokens": 5}, timeout=1)
    deadline = time.monotonic() + 10
    while server.health()["waiting"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert server.health()["decoding"] == BATCH
    for stream in streams:
        stream.close()
    settled(server)


def test_a_full_queue_is_503_with_retry_after_and_room_comes_back(server):
    streams = [endless(server) for _ in range(BATCH)]
    waiting = endless(server, n=QUEUE)
    refused = server.post("completions", json={"prompt": "x"})
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["error"]["code"] == "queue_full"
    too_many = server.post("completions", json={"prompt": ["x"] * 30, "n": 10})
    assert too_many.status_code == 400
    for stream in [*streams, waiting]:
        stream.close()
    settled(server)
    assert server.post("completions", json={"prompt": "x", "max_tokens": 1}).status_code == 200


BAD = [
    ({"max_tokns": 5}, "max_tokns", "did you mean 'max_tokens'"),
    ({"temperature": -1}, "temperature", "between"),
    ({"temperature": "hot"}, "temperature", "number"),
    ({"temperature": 1e-40}, "temperature", "greedy"),
    ({"temperature": True}, "temperature", "number"),
    ({"top_p": 0}, "top_p", "above 0"),
    ({"top_k": 1.5}, "top_k", "integer"),
    ({"min_p": 2}, "min_p", "between"),
    ({"n": 0}, "n", "between"),
    ({"seed": 1 << 70}, "seed", "between"),
    ({"max_tokens": 0}, "max_tokens", "between"),
    ({"max_tokens": LONG + 1}, "messages", "context"),
    ({"max_tokens": 3, "max_completion_tokens": 4}, "max_tokens", "differ"),
    ({"stop": ["a", ""]}, "stop", "characters"),
    ({"stop": ["a"] * 17}, "stop", "at most 16"),
    ({"stream_options": {"include_usage": True}}, "stream_options", "stream"),
    ({"stream": True, "stream_options": {"include": True}}, "stream_options.include", "not a field"),
    ({"logprobs": 5}, "logprobs", "true or false"),
    ({"top_logprobs": 3}, "top_logprobs", "needs logprobs"),
    ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "between 0 and 20"),
    ({"presence_penalty": 0.5}, "presence_penalty", "not supported"),
    ({"logit_bias": {"5": 1}}, "logit_bias", "not supported"),
    ({"response_format": {"type": "json_object"}}, "response_format", "not supported"),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools", "not supported"),
    ({"vllm_xargs": {"entmin_method": "em_inv"}}, "vllm_xargs", "did you mean 'em_inf'"),
    ({"vllm_xargs": {"entmin_treshold": 1}}, "vllm_xargs", "did you mean 'threshold'"),
    ({"vllm_xargs": {"entmin_threshold": -1}}, "vllm_xargs", "between 0 and 20"),
    ({"vllm_xargs": {"entmin_threshold": [1]}}, "vllm_xargs", "must be float"),
    ({"vllm_xargs": {"threshold": 1}}, "vllm_xargs.threshold", "begin with entmin_"),
    ({"vllm_xargs": {"threshold": 1}}, "vllm_xargs.threshold", "did you mean 'entmin_threshold'"),
    ({"vllm_xargs": {"entmin-method": "em_inf"}}, "vllm_xargs.entmin-method", "did you mean 'entmin_method'"),
    ({"vllm_xargs": {"entmin_metod": "em_inf"}}, "vllm_xargs", "did you mean 'method'"),
    ({"vllm_xargs": {"entmin_n_grad_steps": True}}, "vllm_xargs", "must be int, not True"),
    ({"entmin_method": "em_inf"}, "entmin_method", "put it into vllm_xargs"),
    ({"vllm_xargs": "em_inf"}, "vllm_xargs", "object"),
    ({"vllm_xargs": {"entmin_mode": "em_inf:treshold=1"}}, "vllm_xargs", "did you mean 'threshold'"),
    ({"vllm_xargs": {"entmin_mode": "em_inf", "entmin_threshold": 1}}, "vllm_xargs", "in one request"),
    ({"vllm_xargs": {"entmin_mode": "em_inf@0.5"}, "temperature": 0.7}, "vllm_xargs", "given twice: 0.5 in the mode"),
    ({"vllm_xargs": {"entmin_mode": "self_consistency:n=8"}}, "vllm_xargs", "a server answers single calls"),
    ({"vllm_xargs": {"entmin_n_grad_steps": 500}}, "vllm_xargs", "at most 200 in a request, not 500: every step"),
    ({"vllm_xargs": {"entmin_mode": "adaptive_temp:max_iter=5000"}}, "vllm_xargs", "at most 200"),
    ({"vllm_xargs": {"mode": "em_inf"}}, "vllm_xargs.mode", "begin with entmin_"),
    ({"n": True}, "n", "integer"),
    ({"n": 10**300}, "n", "between"),
    ({"stream": 1}, "stream", "true or false"),
    ({"repetition_penalty": True}, "repetition_penalty", "not supported"),
    ({"ignore_eos": 0}, "ignore_eos", "not supported"),
    ({"stop": 5}, "stop", "list"),
    ({"stop": ["a", 5]}, "stop[1]", "string"),
    ({"user": {"name": "me"}}, "user", "must be a string, not a dict"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "string or a list"),
    ({"messages": [{"content": "x"}]}, "messages[0].role", "missing"),
    ({"messages": [{"role": "user", "contents": "x"}]}, "messages[0].contents", "did you mean 'content'"),
    ({"temperature": json.loads("[" * 900 + "]" * 900)}, "temperature", "must be a number, not a list"),
    ({"messages": []}, "messages", "at least one"),
    ({"messages": "hello"}, "messages", "list"),
    ({"messages": ["hello"]}, "messages[0]", "object"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role", "one of"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0].type", "text"),
    ({"messages": [{"role": "user", "content": "x" * (LONG + 1)}]}, "messages", "context"),
    ({"messages": [{"role": "user", "content": "\ud800"}]}, "messages[0].content", "surrogate"),
]


@pytest.mark.parametrize(("field", "param", "words"), BAD, ids=lambda value: str(value)[:40])
def test_a_bad_value_is_400_and_names_the_field(server, field, param, words):
    body = json.dumps({"messages": HELLO, **field})
    answer = server.post("chat/completions", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["param"] == param
    assert words in error["message"]
    assert error["type"] == "invalid_request_error"
    assert "Traceback" not in "".join(server.log)


@pytest.mark.parametrize(
    ("field", "param"),
    [
        ({}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [5, 258]}, "prompt"),
        ({"prompt": [5, -1]}, "prompt"),
        ({"prompt": ["a", 5]}, "prompt"),
        ({"prompt": [True]}, "prompt"),
        ({"prompt": ["a"] * 2000}, "prompt"),
        ({"prompt": "a", "echo": True}, "echo"),
        ({"prompt": "a", "best_of": 2}, "best_of"),
        ({"prompt": "a", "logprobs": 21}, "logprobs"),
        ({"prompt": "a", "logprobs": True}, "logprobs"),
        ({"prompt": [7] * LONG}, "prompt"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_bad_completion_is_400_too(server, field, param):
    answer = server.post("completions", json=field)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param


def test_the_official_client_raises_its_own_errors(server):
    with pytest.raises(openai.BadRequestError, match="top_k"):
        chat(server, extra_body={"top_k": "many"})
    with pytest.raises(openai.NotFoundError, match="gpt-5"):
        server.client.chat.completions.create(model="gpt-5", messages=HELLO)
    with pytest.raises(openai.NotFoundError):
        server.client.models.retrieve("gpt-5")


def test_values_that_ask_for_nothing_are_let_pass(server):
    neutral = {"frequency_penalty": 0, "logprobs": False, "logit_bias": {}, "response_format": {"type": "text"}}
    assert chat(server, max_tokens=2, user="me", top_p=None, **neutral).choices
    answer = chat(server, max_completion_tokens=2)
    messages = [*HELLO, answer.choices[0].message, {"role": "user", "content": [{"type": "text", "text": "and?"}]}]
    assert server.client.chat.completions.create(model="tiny", messages=messages, max_tokens=2).choices


def test_bodies_that_are_no_requests(server):
    headers = {"content-type": "application/json"}
    assert server.post("completions", content=b"{", headers=headers).status_code == 400
    assert server.post("completions", content=b"[" * 100_000, headers=headers).status_code == 400
    assert (
        server.post("completions", content=b'{"prompt": "a", "temperature": NaN}', headers=headers).status_code == 400
    )
    assert server.post("completions", content=b'"hello"', headers=headers).status_code == 400
    assert server.post("completions", data={"prompt": "a"}).status_code == 415
    large = b'{"prompt": "' + b"a" * (9 << 20) + b'"}'
    assert server.post("completions", content=large, headers=headers).status_code == 413
    missing = httpx.get(f"{server.url}/v1/embeddings")
    assert missing.status_code == 404
    assert "embeddings" in missing.json()["error"]["message"]
    assert httpx.get(f"{server.url}/v1/completions").status_code == 405


def test_an_answer_of_no_stated_length_fits_the_context(engine):
    def limit(read, body, **served):
        return read(body, Served(engine.loaded, "tiny", Mode(), **served)).requests[0].max_tokens

    near = [7] * (LONG - 5)
    assert limit(read_completion, {"prompt": near}) == 5
    assert limit(read_completion, {"prompt": [7]}) == 16
    assert limit(read_completion, {"prompt": [7]}, max_tokens=90) == 90
    assert limit(read_completion, {"prompt": near}, max_tokens=90) == 5
    assert limit(read_completion, {"prompt": near, "max_tokens": 4}, max_tokens=90) == 4
    used = len(encode_chat(engine.loaded, HELLO))
    assert limit(read_chat, {"messages": HELLO}) == LONG - used
    assert limit(read_chat, {"messages": HELLO}, max_tokens=90) == 90


def test_what_a_request_leaves_open_comes_from_its_mode_then_from_the_servers(engine):
    served = Served(engine.loaded, "tiny", Mode.parse("em_inf:threshold=0.1:top_p=0.9:seed=5@0.7"))

    def asked(**body):
        request = read_completion({"prompt": "a", **body}, served).requests[0]
        return request.method, request.sampling, request.seed

    assert asked() == (EmInf(threshold=0.1), Sampling(0.7, 0.9), 5)
    assert asked(temperature=0.2, seed=1) == (EmInf(threshold=0.1), Sampling(0.2, 0.9), 1)
    mode = {"vllm_xargs": {"entmin_mode": "normal:top_k=5@1"}}
    assert asked(**mode) == (Normal(), Sampling(1, 0.9, 5), 5)
    assert asked(temperature=1, min_p=0.1, **mode) == (Normal(), Sampling(1, 0.9, 5, 0.1), 5)


def test_a_mode_in_one_text_is_the_mode_in_flat_scalars(server):
    sampling = {"temperature": 0.8, "seed": 7, "max_tokens": 12}
    flat = chat(server, **sampling, extra_body=xargs(EmInf(threshold=0.1)))
    text = chat(server, extra_body={"vllm_xargs": {"entmin_mode": "em_inf:threshold=0.1:seed=7@0.8"}}, max_tokens=12)
    assert text.choices == flat.choices


def test_the_models_card_says_what_is_served(server):
    [card] = server.client.models.list().data
    assert card.id == "tiny"
    assert card.model_extra["max_model_len"] == LONG
    assert card.model_extra["entmin"]["entmin_method"] == "em_inf"
    assert server.client.models.retrieve("tiny") == card
    assert "serving tiny" in "".join(server.log)


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST:80", "127.0.0.1", "127.0.0.9:8000", "[::1]:8000"])
def test_a_server_without_a_key_answers_what_is_addressed_to_this_machine(server, name):
    origins = [{}, {"origin": f"http://{name}"}, {"origin": "chrome-extension://abcdef"}]
    for headers in origins:
        answer = httpx.get(f"{server.url}/v1/models", headers={"host": name, **headers})
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "rebound.example"},
        {"host": "localhost.example:8000"},
        {"host": "127.0.0.1.example"},
        {"host": "[::ffff:192.0.2.1]"},
        {"host": "[::1"},
        {"host": ""},
        {"origin": "https://site.example"},
        {"origin": "null"},
        {"host": "localhost", "origin": "http://localhost.example"},
    ],
    ids=str,
)
def test_a_server_without_a_key_answers_no_page_of_another_site(server, headers):
    """DNS rebinding: a page's own name leads to 127.0.0.1, and its requests are then same-origin for the browser."""
    for path in ("health", "v1/models", "version"):
        answer = httpx.get(f"{server.url}/{path}", headers=headers)
        assert answer.status_code == 403, answer.text
        assert "ENTMIN_API_KEY" in answer.json()["error"]["message"]
    asked = {"content-type": "application/json", **headers}
    answer = server.post("completions", content=b'{"prompt": "a", "max_tokens": 1}', headers=asked)
    assert answer.status_code == 403


def test_a_prompt_that_cannot_fit_is_refused_unencoded(server):
    long = "x" * (7 << 20)
    chatting = {"messages": [*HELLO, {"role": "user", "content": long}]}
    for path, body in [("completions", {"prompt": long}), ("chat/completions", chatting)]:
        answer = server.post(path, json=body)
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert error["code"] == "context_length_exceeded"
        assert "takes at least 1" in error["message"]


def test_clients_that_leave_in_the_middle_of_their_request_leave_no_traceback(server):
    head = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    for sent in (
        f"{head}Content-Length: 100\r\n\r\n{{",
        f"{head}Transfer-Encoding: chunked\r\n\r\n5\r\n{{",
        head,
        "\0",
    ):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.sendall(sent.encode())
            time.sleep(0.1)
    assert chat(server, max_tokens=1).choices
    assert "Traceback" not in "".join(server.log)


NOTHING = {
    "store": False, "metadata": {}, "service_tier": "auto", "verbosity": "medium", "safety_identifier": "me",
    "prompt_cache_key": "me", "stop_token_ids": [], "bad_words": [], "use_beam_search": False, "length_penalty": 1.0,
    "skip_special_tokens": True, "spaces_between_special_tokens": True, "include_stop_str_in_output": False,
    "priority": 0, "stream_options": {}, "min_tokens": 0, "ignore_eos": False, "return_token_ids": False,
    "frequency_penalty": 0.0, "presence_penalty": 0, "repetition_penalty": 1.0, "logit_bias": {}, "stop": [],
    "echo": False, "vllm_xargs": {}, "request_id": "r", "prompt_logprobs": None, "guided_json": None, "best_of": 1,
    "typical_p": 1, "tfs_z": 1.0, "repeat_penalty": 1.0, "mirostat": 0, "cache_prompt": True, "extra_body": {},
}  # fmt: skip
IN_CHATS = {
    "tools": [], "functions": [], "tool_choice": "auto", "parallel_tool_calls": True, "modalities": ["text"],
    "response_format": {"type": "text"}, "chat_template_kwargs": {}, "add_generation_prompt": True, "documents": [],
    "continue_final_message": False, "add_special_tokens": False, "prediction": None, "reasoning_effort": None,
}  # fmt: skip


@pytest.mark.parametrize("name", [*NOTHING, *IN_CHATS])
def test_a_field_that_asks_for_nothing_changes_nothing(engine, name):
    served = Served(engine.loaded, "tiny", Mode())
    value = (NOTHING | IN_CHATS)[name]
    chatting = {"messages": HELLO, "seed": 1}
    assert read_chat({**chatting, name: value}, served) == read_chat(chatting, served)
    if name in NOTHING:
        completing = {"prompt": "a", "seed": 1}
        assert read_completion({**completing, name: value}, served) == read_completion(completing, served)


def test_fields_that_ask_for_something_are_not_passed_over(engine):
    served = Served(engine.loaded, "tiny", Mode())
    for field in ({"store": True}, {"verbosity": "low"}, {"service_tier": "flex"}, {"skip_special_tokens": False},
                  {"bad_words": ["a"]}, {"use_beam_search": True}, {"echo": True}, {"store": 0}):  # fmt: skip
        with pytest.raises(RequestError, match=f"{next(iter(field))} is not supported"):
            read_chat({"messages": HELLO, **field}, served)


@pytest.mark.parametrize("seed", [0, -1, -2, 1, -(1 << 63), (1 << 63) - 1])
def test_choices_have_seeds_and_texts_of_their_own_whatever_the_seed(server, seed):
    asked = {"model": "tiny", "prompt": "abc", "n": 4, "max_tokens": 16, "temperature": 2.0}
    choices = server.client.completions.create(**asked, seed=seed).choices
    assert len({choice.text for choice in choices}) == 4
    alone = [choice.model_extra["entmin"]["seed"] for choice in choices]
    again = [server.client.completions.create(**{**asked, "n": 1}, seed=one).choices[0].text for one in alone]
    assert again == [choice.text for choice in choices]


def test_opposite_seeds_are_two_seeds(engine):
    prompt = encode_chat(engine.loaded, HELLO)
    one, other = engine.generate([Request(prompt, sampling=Sampling(2.0), max_tokens=16, seed=s) for s in (7, -7)])
    assert one.tokens != other.tokens


def test_a_stop_text_may_be_a_special_token(server, engine):
    """The tiny model's only one that is no end of a text is <pad>; some seed draws it."""
    prompt, pad = encode_chat(engine.loaded, HELLO), engine.loaded.tokenizer.pad_token_id
    for seed in range(40):
        [free] = engine.generate([Request(prompt, sampling=Sampling(3.0), max_tokens=120, seed=seed)])
        if pad in free.tokens[1:]:
            break
    asked = {"seed": seed, "temperature": 3.0, "max_tokens": 120, "stop": ["<pad>"], "extra_body": xargs(Normal())}
    whole = chat(server, **asked)
    assert whole.choices[0].finish_reason == "stop"
    assert whole.usage.completion_tokens == free.tokens.index(pad) + 1
    assert free.text.startswith(whole.choices[0].message.content)
    told = "".join(chunk.choices[0].delta.content or "" for chunk in chat(server, **asked, stream=True))
    assert told == whole.choices[0].message.content
