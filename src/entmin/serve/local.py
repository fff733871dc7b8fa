"""The in-process server as a process: a port, an engine, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any, Protocol

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from entmin.engine.encoding import encode_text
from entmin.engine.engine import Engine
from entmin.engine.lean import opening
from entmin.engine.loading import load
from entmin.engine.prompts import chat_text
from entmin.errors import EntminError
from entmin.mode import Mode
from entmin.serve.addressed import is_loopback
from entmin.serve.app import Service
from entmin.serve.connections import ACCEPTED_AT_ONCE, Connection, most_connections
from entmin.serve.protocol import Served
from entmin.terminal import say

_BACKLOG = 1024


def serve_local(
    model: str,
    *,
    mode: Mode,
    host: str,
    port: int,
    api_key: str | None,
    served_name: str | None,
    max_queue: int,
    max_tokens: int | None,
    grace: float,
    system: str | None,
    switches: dict[str, Any],
    loading: dict[str, Any],
    decoding: dict[str, Any],
    pages: Callable[[Service], Sequence[Route]] = lambda _: (),
    ready: Callable[[str], None] = lambda _: None,
) -> int:
    """Serve a model until SIGTERM or SIGINT; returns the exit code.

    Args:
        model: alias, folder or Hub id.
        mode: of requests that name none; its sampling is for what a request leaves open.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        api_key: bearer token that clients must send; None lets everybody in.
        served_name: the model's name for clients; default `model`.
        max_queue: most answers that wait for a place in the batch.
        max_tokens: length of answers whose request gives none.
        grace: seconds that answers in progress have left after the signal.
        system: system turn of conversations that have none.
        switches: variables of the chat template (`entmin.engine.prompts`).
        loading: options of `entmin.engine.loading.load`.
        decoding: options of `Engine`.
        pages: routes beside the API's, which stand on its service.
        ready: told the address of the pages once the server listens.

    Raises:
        EntminError: the port cannot be had, the model cannot be loaded, or its chat template does not take what it is
            told here.
    """
    engine: Engine | None = None

    def made(local: str | None) -> tuple[Starlette, Service]:
        nonlocal engine
        with opening(model):
            engine = Engine(load(model, **loading), **decoding)
        # The first call changes a tokenizer's settings, later ones only read them.
        encode_text(engine.loaded.tokenizer, "a")
        served = Served(engine.loaded, served_name or model, mode, max_tokens, system, switches)
        if system is not None or switches:
            first = [{"role": "system", "content": system}] if system is not None else []
            chat_text(engine.loaded, [*first, {"role": "user", "content": "Hello"}], switches)
        service = Service(engine, served, api_key=api_key, max_queue=max_queue)
        return service.app(local, pages(service)), service

    def listening(address: str) -> None:
        for notice in engine.notices if engine else ():
            say(f"note: {notice}", err=True)
        say(f"serving {served_name or model} at {address}v1 with {mode}", err=True)
        ready(address)

    run(made, host, port, grace, listening)
    if engine is not None:
        engine.close()
    return 0


class Stoppable(Protocol):
    """What answers."""

    def stop(self) -> None:
        """Give up every answer that is not finished; their clients are told."""


def run(
    made: Callable[[str | None], tuple[Starlette, Stoppable]],
    host: str,
    port: int,
    grace: float,
    listening: Callable[[str], None],
) -> None:
    """Run an application until SIGTERM or SIGINT.

    Args:
        made: makes it, once the port is had; told the name of this machine where nobody else is listened to.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        grace: seconds that answers in progress have left after the signal.
        listening: told the address once it listens.

    Raises:
        EntminError: the port cannot be had, or the application cannot be made.
    """
    with _bound(host, port) as listener:  # before a model is loaded, which takes long
        app, service = made(host if is_loopback(listener.getsockname()[0]) else None)
        _listen(listener, host, port)
        shown = f"[{host}]" if ":" in host else host
        listening(f"http://{shown}:{listener.getsockname()[1]}/")
        _Server(_settings(app, grace), service, grace).run([listener])


def _settings(app: Starlette, grace: float) -> uvicorn.Config:
    Connection.most = most_connections()
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        backlog=ACCEPTED_AT_ONCE,
        timeout_graceful_shutdown=int(grace) + 3,  # after our own end, for clients that do not read what they are told
    )


class _Server(uvicorn.Server):  # type: ignore[misc]
    """uvicorn with an end of our own: told answers at the end of the grace time, and exit code 0."""

    def __init__(self, config: uvicorn.Config, service: Stoppable, grace: float) -> None:
        super().__init__(config)
        self._service, self._grace, self._hurried = service, grace, False
        self._loop: asyncio.AbstractEventLoop | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGINT and SIGTERM; unlike uvicorn's own, do not die of the signal afterwards."""
        before = {name: signal.signal(name, self.handle_exit) for name in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The second signal ends the grace time, and clients are told; uvicorn's own would cut them off."""
        if self.should_exit and self._loop is not None and not self._hurried:
            self._hurried = True
            self._loop.call_soon_threadsafe(self._service.stop)
        else:
            super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, with the kernel's long queue again, which asyncio had made as short as its own rounds."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        for listener in sockets or []:
            listener.listen(_BACKLOG)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more, and give answers in progress their time."""
        timer = asyncio.get_running_loop().call_later(self._grace, self._service.stop)
        await super().shutdown(sockets)
        timer.cancel()


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise EntminError(f"cannot listen on {host!r}: {error}; give this machine's address with --host") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise _refused(error, host, port) from error
    return listener


def _listen(listener: socket.socket, host: str, port: int) -> None:
    try:
        listener.listen(_BACKLOG)
    except OSError as error:  # somebody bound the port at the same time and was first to listen
        raise _refused(error, host, port) from error


def _refused(error: OSError, host: str, port: int) -> EntminError:
    if error.errno == errno.EADDRINUSE:
        return EntminError(f"port {port} on {host} is in use; stop the server there, or give another one with --port")
    return EntminError(f"cannot listen on {host}:{port}: {error.strerror}; give another --host or --port")
