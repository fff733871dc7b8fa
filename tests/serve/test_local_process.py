"""The in-process server as a process: its key, its end, its port, and what it says when it cannot start."""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest
from tests.serve.local import LONG, Server

KEY = "a-secret-key"
GRACE = 6


def stream_of(server, tokens):
    asked = {"model": "tiny", "prompt": "abc", "temperature": 0, "max_tokens": tokens, "stream": True}
    return server.client.completions.create(**asked, extra_body={"vllm_xargs": {"entmin_method": "normal"}})


@pytest.mark.slow
def test_key_then_a_signal_in_the_middle_of_answers(folder):
    server = Server(folder, "--grace", str(GRACE), "--batch-size", "2", "--mode", "normal", key=KEY, descriptors=256)
    try:
        check_key(server)
        check_half_open(server)
        check_stop_while_streaming(server)
    finally:
        server.stop()


@pytest.mark.slow
def test_a_restart_on_the_same_port_after_an_answer_was_cut_off(folder):
    server = Server(folder, "--grace", "0", key=KEY)
    try:
        next(stream_of(server, LONG - 100))
    finally:
        assert server.stop() == 0
    again = Server(folder, port=server.port, key=KEY)
    try:
        assert again.port == server.port
        assert again.client.completions.create(model="tiny", prompt="a", max_tokens=2).choices
    finally:
        assert again.stop(signal.SIGINT) == 0
    assert "Traceback" not in "".join(again.log)


def check_key(server):
    with pytest.raises(openai.AuthenticationError):
        server.client.with_options(api_key=KEY + "x").models.list()
    bare = httpx.get(f"{server.url}/v1/models")
    assert bare.status_code == 401
    assert bare.json()["error"]["code"] == "invalid_api_key"
    assert httpx.post(f"{server.url}/v1/completions", json={"prompt": "a"}).status_code == 401
    assert httpx.post(f"{server.url}/tokenize", json={"prompt": "a"}).status_code == 401
    assert httpx.post(f"{server.url}/detokenize", json={"tokens": [5]}).status_code == 401
    odd = httpx.get(f"{server.url}/v1/models", headers={"authorization": "Bearer schl\u00fcssel".encode("latin-1")})
    assert odd.status_code == 401
    assert server.health()["status"] == "ok"
    assert server.client.models.list().data[0].id == "tiny"


def check_half_open(server):
    """Three hundred connections without a request: more than the server has descriptors for."""
    idle = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(300)]
    for i, one in enumerate(idle):
        with contextlib.suppress(ConnectionError):  # it has made room for another by now
            one.sendall([b"", b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n"][i % 2])
    assert server.client.completions.create(model="tiny", prompt="a", max_tokens=2).choices
    assert httpx.get(f"{server.url}/v1/models", headers={"host": "any.example"}).status_code == 401, "the key decides"
    for one in idle:
        one.close()
    assert not any("Traceback" in line or "resource" in line for line in server.log)


def check_stop_while_streaming(server):
    """A short answer is finished; a long one is ended with a word after the grace time; nobody new gets in."""
    tokens, few = stream_of(server, LONG - 100), stream_of(server, 200)
    next(tokens), next(few)
    pool = ThreadPoolExecutor()
    asked = {"model": "tiny", "prompt": "abc", "temperature": 0, "max_tokens": LONG - 100, "n": 3}
    whole = pool.submit(lambda: server.client.completions.create(**asked))
    while server.health()["waiting"] < 3:
        time.sleep(0.05)
    server.process.send_signal(signal.SIGTERM)
    start = time.monotonic()
    finished = pool.submit(lambda: [chunk.choices[0].finish_reason for chunk in few][-1])
    time.sleep(0.5)
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{server.url}/health", timeout=5)
    with pytest.raises(openai.APIError, match="stopping"):
        for _ in tokens:
            pass
    assert time.monotonic() - start < GRACE + 5
    assert finished.result(20) == "length"
    with pytest.raises(openai.InternalServerError, match="stopping"):
        whole.result(20)
    assert server.process.wait(20) == 0
    assert "Traceback" not in "".join(server.log)


def test_errors_before_anything_is_loaded(entmin_here, tiny_llama):
    def failed(*options, code):
        return entmin_here("serve", tiny_llama, *options, code=code).stderr

    local = ("--engine", "transformers")
    assert "has no options --max-model-len 64" in failed(*local, "--max-model-len", "64", code=2)
    assert "--batch-size is for --engine transformers; vLLM's is --max-num-seqs" in failed("--batch-size", "4", code=2)
    assert "did you mean 'em_inf'" in failed(*local, "--mode", "em_inv", code=2)
    assert "--api-key is empty" in failed(*local, "--api-key", "", code=2)
    assert "has no option 'tmax'" in failed(*local, "--tmax", "2", code=2)
    assert "Invalid value" in failed(*local, "--port", "70000", code=2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        start = time.monotonic()
        assert f"port {port} on 127.0.0.1 is in use" in failed(*local, "--port", port, code=1)
        assert time.monotonic() - start < 20
    assert "cannot listen on '256.0.0.1'" in failed(*local, "--host", "256.0.0.1", code=1)
    warned = failed(*local, "--host", "0.0.0.0", "--port", port, "--dtype", "float3", code=2)
    assert "warning: 0.0.0.0 may be reached from other machines" in warned
    assert "warning" not in failed(*local, "--port", "0", "--dtype", "float3", code=2)


def test_the_environment_may_name_the_method(entmin_here, tiny_llama):
    def refused(told, *options):
        local = ("--engine", "transformers", *options)
        return entmin_here("serve", tiny_llama, *local, ENTMIN_DEFAULT_METHOD=told, code=2).stderr

    assert "did you mean 'em_inf'" in refused("em_inv")
    assert "0.1 in 'em_inf:threshold=0.1', and 0.2 by --threshold" in refused(
        "em_inf:threshold=0.1", "--threshold", "0.2"
    )
    assert "self_consistency: a server answers single calls" in refused("em_inf+self_consistency")
    assert "did you mean 'normal'" in refused("em_inf", "--mode", "norml")  # which the environment does not replace
