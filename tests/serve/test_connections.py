"""Connections that neither ask nor read, on uvicorn's real server with clocks that run fast."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from entmin.serve.connections import Connection

MOST = 12
SHORT = 0.4


class Quick(Connection):
    header_seconds = body_seconds = stalled_seconds = SHORT
    most = MOST


async def read(request):
    return PlainTextResponse(str(len(await request.body())))


async def slow(request):
    await asyncio.sleep(3 * SHORT)
    return PlainTextResponse("done")


@pytest.fixture
def held():
    """How many requests wait, and whether they may be answered; what is timed would depend on the machine's load."""
    HELD.update(waiting=0, released=False)
    yield HELD
    HELD["released"] = True


HELD = {"waiting": 0, "released": True}


async def patient(request):
    HELD["waiting"] += 1
    while not HELD["released"]:
        await asyncio.sleep(0.01)
    return PlainTextResponse("done")


async def large(request):
    async def blocks():
        for _ in range(400):
            yield b"x" * (1 << 18)

    return StreamingResponse(blocks())


@pytest.fixture
def port():
    app = Starlette(
        routes=[Route(f"/{one.__name__}", one, methods=["GET", "POST"]) for one in (read, slow, patient, large)]
    )
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http=Quick, ws="none", lifespan="off", log_level="warning", backlog=4)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


def connect(port, sent=b""):
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    client.sendall(sent)
    return client


def closed_after(client, heartbeat=b""):
    """What the server said, and the seconds until it closed; the heartbeat is sent meanwhile."""
    start, said = time.monotonic(), b""
    client.settimeout(SHORT / 8)
    while time.monotonic() - start < 10:
        try:
            block = client.recv(4096)
            if not block:
                break
            said += block
        except TimeoutError:
            if heartbeat:
                client.sendall(heartbeat)
        except ConnectionError:
            break
    return said, time.monotonic() - start


HEAD = b"POST /read HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    ("sent", "heartbeat"),
    [(b"", b""), (b"GET /re", b""), (HEAD, b"a: b\r\n"), (HEAD + b"Content-Length: 90000\r\n\r\n", b"a")],
    ids=["nothing", "half a line", "a header without end", "a body without end"],
)
def test_a_request_that_does_not_come_whole_is_ended(port, sent, heartbeat):
    said, seconds = closed_after(connect(port, sent), heartbeat)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert SHORT / 2 < seconds < 10


WHOLE = HEAD + b"Content-Length: 0\r\n\r\n"


def answered(client):
    answer = b""
    while not answer.endswith(b"\r\n\r\n0"):  # its header and its body may come one after the other
        block = client.recv(4096)
        assert block, answer
        answer += block
    return answer.startswith(b"HTTP/1.1 200 ")


def test_the_second_request_of_a_connection_has_a_clock_too(port):
    client = connect(port, WHOLE)
    assert answered(client)
    client.sendall(b"GET /re")
    said, seconds = closed_after(client)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert seconds < 10


def test_an_answer_may_take_longer_than_a_request(port):
    assert httpx.get(f"http://127.0.0.1:{port}/slow", timeout=10).text == "done"
    assert httpx.post(f"http://127.0.0.1:{port}/read", content=b"x" * 300_000, timeout=10).text == "300000"


def test_an_answer_that_nobody_reads_is_given_up(port):
    client = connect(port, b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
    time.sleep(4 * SHORT)
    received = 0
    try:
        while block := client.recv(1 << 20):
            received += len(block)
    except ConnectionError:
        pass
    assert received < 400 << 18


def test_a_client_that_was_answered_keeps_its_connection_before_those_that_never_asked(port):
    """A pool's next request may be on its way when room is made: it would be answered by a reset."""
    client = connect(port, WHOLE)
    assert answered(client)
    idle = [connect(port, HEAD) for _ in range(2 * MOST)]
    assert httpx.get(f"http://127.0.0.1:{port}/read", timeout=10).text == "0"  # so all of them were taken in
    client.sendall(WHOLE)
    assert answered(client)
    for one in idle:
        one.close()


def test_a_crowd_of_answered_clients_does_not_push_out_one_that_has_just_come(port, monkeypatch):
    monkeypatch.setattr(Quick, "header_seconds", 10.0)
    crowd = [connect(port, WHOLE) for _ in range(MOST)]
    assert all(map(answered, crowd))
    client = connect(port)
    assert answered(connect(port, WHOLE))
    client.sendall(WHOLE)
    assert answered(client)
    for one in crowd:
        one.close()


@pytest.mark.slow
def test_a_new_connection_takes_the_place_of_one_that_does_not_ask(port):
    idle = [connect(port, HEAD) for _ in range(5 * MOST)]
    assert httpx.get(f"http://127.0.0.1:{port}/read", timeout=10).text == "0"
    for one in idle:
        one.close()


def test_where_all_are_being_answered_a_new_connection_is_503(port, held):
    busy = [connect(port, b"GET /patient HTTP/1.1\r\nHost: localhost\r\n\r\n") for _ in range(MOST)]
    end = time.monotonic() + 10
    while held["waiting"] < MOST and time.monotonic() < end:
        time.sleep(0.01)
    assert held["waiting"] == MOST
    assert connect(port).recv(4096).startswith(b"HTTP/1.1 503 ")
    for _ in range(5):  # what a client sends before it reads does not lose it the answer
        client = connect(port, b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n")
        with contextlib.suppress(BrokenPipeError):
            for _ in range(20):
                client.sendall(b"x" * 10_000)
                time.sleep(0.005)
        assert client.recv(4096).startswith(b"HTTP/1.1 503 ")
        client.close()
    held["released"] = True
    assert all(one.recv(4096).startswith(b"HTTP/1.1 200 ") for one in busy)
