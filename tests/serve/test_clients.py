"""Clients that people use, and lines as they read them, on the in-process server."""

from __future__ import annotations

import json
import subprocess

import httpx
import pytest
from tests.documented import block
from tests.serve.local import HELLO, chat

from entmin.engine.engine import Engine
from entmin.engine.loading import load
from entmin.mode import Mode
from entmin.serve.answers import AnswerWriter
from entmin.serve.app import Service
from entmin.serve.protocol import Served, read_completion

ASKED = {"model": "tiny", "max_tokens": 60, "seed": 3, "temperature": 2.0}
BREAKS = "\u2028\u2029\u0085\r\x0b\x0c\x1c\x1d\x1e"
"""What one client or another takes for the end of a line."""


def test_the_hub_client_says_what_the_official_one_says(server, monkeypatch):
    from huggingface_hub import InferenceClient, constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)  # it refuses any address else, also this machine's
    client = InferenceClient(base_url=f"{server.url}/v1", api_key="none")
    whole = client.chat_completion(HELLO, **ASKED)
    expected = chat(server, **{key: value for key, value in ASKED.items() if key != "model"})
    assert whole.choices[0].message.content == expected.choices[0].message.content
    told = client.chat_completion(HELLO, **ASKED, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in told) == whole.choices[0].message.content


def test_the_documented_client(server, monkeypatch):
    from openai.resources.chat.completions import Completions

    code = block("docs/serving.md", "from openai import OpenAI")
    for old, new in (("http://127.0.0.1:8000", server.url), ("MODEL", "tiny")):
        assert old in code
        code = code.replace(old, new)
    said, create = [], Completions.create
    monkeypatch.setattr(Completions, "create", lambda *args, **named: said.append(create(*args, **named)))
    exec(compile(code, "docs/serving.md", "exec"), {})
    assert said[0].choices[0].message.content


def test_langchain_says_what_the_official_client_says(server):
    """For environments that have it."""
    ChatOpenAI = pytest.importorskip("langchain_openai").ChatOpenAI

    settings = {"max_tokens": 20, "seed": 3, "temperature": 2.0}
    method = {"extra_body": {"vllm_xargs": {"entmin_mode": "em_inf:threshold=0:learning_rate=5:n_grad_steps=50"}}}
    model = ChatOpenAI(model="tiny", base_url=f"{server.url}/v1", api_key="none", max_retries=0, **settings, **method)
    expected = chat(server, **settings, **method).choices[0].message.content
    assert model.invoke("hello").content == expected
    assert "".join(piece.content for piece in model.stream("hello")) == expected
    assert chat(server, **settings).choices[0].message.content != expected, "the method is at work"
    wrong = ChatOpenAI(
        model="tiny", base_url=f"{server.url}/v1", api_key="none", extra_body={"vllm_xargs": {"entmin_mode": "em_inv"}}
    )
    with pytest.raises(Exception, match="did you mean 'em_inf'"):
        wrong.invoke("hello")


def test_llama_index_says_what_the_official_client_says(server):
    """For environments that have it."""
    OpenAILike = pytest.importorskip("llama_index.llms.openai_like").OpenAILike
    from llama_index.core.llms import ChatMessage

    method = {"extra_body": {"vllm_xargs": {"entmin_mode": "em_inf:threshold=0:learning_rate=5:n_grad_steps=50"}}}
    model = OpenAILike(
        model="tiny", api_base=f"{server.url}/v1", api_key="none", is_chat_model=True, max_tokens=20, temperature=2.0,
        additional_kwargs={"seed": 3, **method}, max_retries=0,
    )  # fmt: skip
    expected = chat(server, max_tokens=20, seed=3, temperature=2.0, **method).choices[0].message.content
    asked = [ChatMessage(role="user", content="hello")]
    assert model.chat(asked).message.content == expected
    assert "".join(piece.delta or "" for piece in model.stream_chat(asked)) == expected


@pytest.mark.parametrize("path", ["completions", "chat/completions"])
def test_a_stream_line_by_line_is_whole_events(server, path):
    """A random model over bytes at temperature 2 writes every control character; ASCII keeps them inside their line."""
    body = {
        **ASKED,
        "stream": True,
        "n": 3,
        "messages" if "chat" in path else "prompt": HELLO if "chat" in path else "a",
    }
    with httpx.stream("POST", f"{server.url}/v1/{path}", json=body, timeout=60) as response:
        lines = [line for line in response.iter_lines() if line]
    assert lines.pop() == "data: [DONE]"
    texts = ["", "", ""]
    for line in lines:
        for choice in json.loads(line.removeprefix("data: "))["choices"]:
            texts[choice["index"]] += choice.get("text") or choice.get("delta", {}).get("content") or ""
    body.pop("stream")
    whole = server.post(path, json=body).json()["choices"]
    assert texts == [choice.get("text") or choice["message"]["content"] for choice in whole]


def test_no_character_of_an_answer_ends_a_line(engine):
    from entmin.serve.http import event

    ask = read_completion({"prompt": "a", "stream": True}, Served(engine.loaded, "tiny", Mode()))
    answer = AnswerWriter(ask, "m", False, None)
    sent = event(answer.piece(0, f"a{BREAKS}\ud800z", None))
    assert len(sent.splitlines()) == 2 and sent.endswith("\n\n")
    assert json.loads(sent.removeprefix("data: "))["choices"][0]["text"] == f"a{BREAKS}\ud800z"


def test_curl(server):
    body = json.dumps({**ASKED, "prompt": "abc"})
    url, kind = f"{server.url}/v1/completions", ["-H", "Content-Type: application/json"]
    whole = subprocess.run(["curl", "-sS", url, *kind, "-d", body], capture_output=True, check=True, timeout=60)
    text = json.loads(whole.stdout)["choices"][0]["text"]
    streamed = ["curl", "-sSN", url, *kind, "-d", json.dumps({**json.loads(body), "stream": True})]
    lines = subprocess.run(streamed, capture_output=True, check=True, timeout=60).stdout.decode().split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == text
    forgotten = subprocess.run(["curl", "-sS", url, "-d", body], capture_output=True, check=True, timeout=60)
    assert "Content-Type: application/json" in json.loads(forgotten.stdout)["error"]["message"]


def test_a_failure_inside_a_stream_is_an_event(folder, caplog):
    """Any exception at all: here the engine's tokenizer, broken after the first tokens."""
    from starlette.testclient import TestClient

    engine = Engine(load(str(folder), dtype="float32", device="cpu"))
    served = Served(engine.loaded, "tiny", Mode())
    service = Service(engine, served, api_key=None, max_queue=10)
    client = TestClient(service.app())
    with client:
        body = {"prompt": "abc", "max_tokens": 5, "stream": True}
        sound = client.post("/v1/completions", json=body).text
        assert sound.endswith("data: [DONE]\n\n")
        engine.loaded.tokenizer.decode = None
        lines = client.post("/v1/completions", json=body).text.strip().split("\n\n")
        error = json.loads(lines[-1].removeprefix("data: "))["error"]
        assert error["type"] == "server_error" and "TypeError" in error["message"]
        assert any("a stream failed" in record.message for record in caplog.records)
        whole = client.post("/v1/completions", json={"prompt": "abc", "max_tokens": 5})
        assert whole.status_code == 500 and "the tokenizer cannot read the answer" in whole.text
        del engine.loaded.tokenizer.decode
        assert client.post("/v1/completions", json={"prompt": "abc", "max_tokens": 5}).status_code == 200
    engine.close()
