"""The ASGI application: the OpenAI API's routes on the in-process engine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import CancelledError, Future
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from entmin.engine.engine import Engine
from entmin.engine.requests import Completion, Request, TokenConfidence
from entmin.serve.answers import AnswerWriter, Streamed
from entmin.serve.fields import RequestError
from entmin.serve.http import (
    CLIENT_GONE,
    EventStream,
    application,
    event,
    failed_event,
    parsed,
    read_body,
    require_key,
    stopping,
)
from entmin.serve.logprobs import TokenTexts
from entmin.serve.protocol import Ask, Served, read_chat, read_completion
from entmin.serve.tokens import detokenize, tokenize
from entmin.wire import offered

if TYPE_CHECKING:
    from torch import Tensor

_LONG_BODY = 64 << 10

Reader = Callable[[Any, Served], Ask]
Read = TypeVar("Read")
Drawn = tuple[int, TokenConfidence | None]
OnLogits = Callable[[Request, list[int], "Tensor"], None]
"""Takes a request, its answer so far and the logits of the next token, as `entmin.engine.rows.OnLogits` does."""
Events = asyncio.Queue[tuple[int, Drawn | Future[Completion]]]
"""What the engine's thread reports of a request's choices: tokens as they come, at last the finished future."""


class Service:
    """The handlers and what they share."""

    def __init__(self, engine: Engine, served: Served, *, api_key: str | None, max_queue: int) -> None:
        """Build the service.

        Args:
            engine: decodes; closed by the caller.
            served: the model's name and what requests that do not say get.
            api_key: what clients must send as bearer token; None lets everybody in.
            max_queue: most answers that may wait for a place in the engine's batch.
        """
        self.engine, self.served, self.max_queue = engine, served, max_queue
        self.key = api_key
        self._open: set[Future[Completion]] = set()
        self._reading = asyncio.Lock()
        self.texts = TokenTexts(served.loaded.tokenizer)

    def app(self, local: str | None = None, pages: Sequence[Route] = ()) -> Starlette:
        """The application.

        Args:
            local: a name of this machine, where the server listens on this machine only; without a key it then answers
                only what is addressed to this machine. None answers everybody.
            pages: routes beside the API's.
        """
        routes = [
            Route("/health", self.health),
            Route("/version", self.version),
            Route("/entmin", self.offered),
            Route("/tokenize", partial(self.convert, tokenize), methods=["POST"]),
            Route("/detokenize", partial(self.convert, detokenize), methods=["POST"]),
            Route("/v1/models", self.models),
            Route("/v1/models/{name:path}", self.model),
            Route("/v1/chat/completions", partial(self.complete, read_chat), methods=["POST"]),
            Route("/v1/completions", partial(self.complete, read_completion), methods=["POST"]),
            *pages,
        ]
        return application(routes, local, self.key)

    async def health(self, request: HTTPRequest) -> Response:
        """Rows in progress and waiting; open to everybody."""
        engine = self.engine
        state = {"decoding": engine.decoding, "waiting": engine.waiting, "batch_size": engine.batch_size}
        return JSONResponse({"status": "ok", **state, "notices": engine.notices})

    async def version(self, request: HTTPRequest) -> Response:
        """Of entmin; open to everybody."""
        return JSONResponse({"version": version("entmin")})

    async def offered(self, request: HTTPRequest) -> Response:
        """Methods and the default mode; open to everybody."""
        return JSONResponse(offered(self.served.mode))

    async def convert(self, do: Callable[[Any, Served], dict[str, Any]], request: HTTPRequest) -> Response:
        """Tokens of a text, or the text of tokens."""
        return JSONResponse(await self.read(do, request))

    async def models(self, request: HTTPRequest) -> Response:
        """The one model."""
        self.authorize(request)
        return JSONResponse({"object": "list", "data": [self._card()]})

    async def model(self, request: HTTPRequest) -> Response:
        """The one model, by its name."""
        self.authorize(request)
        if request.path_params["name"] != self.served.name:
            raise RequestError(
                f"this server has the model {self.served.name!r}", "model", status=404, code="model_not_found"
            )
        return JSONResponse(self._card())

    async def complete(self, read: Reader, request: HTTPRequest) -> Response:
        """Answer a chat or a completion."""
        ask = await self.read(read, request)
        answer = AnswerWriter(ask, self.served.name, read is read_chat, self.texts)
        if ask.stream:
            return self.stream(answer)
        return await self._wait(request, answer)

    async def read(self, read: Callable[[Any, Served], Read], request: HTTPRequest) -> Read:
        """The parsed body of a request that has the key."""
        self.authorize(request)
        # Off the event loop, for a long prompt takes long to encode; long ones one after another, short ones at once.
        body = await read_body(request)
        async with self._reading if len(body) > _LONG_BODY else contextlib.nullcontext():
            return await asyncio.to_thread(lambda: read(parsed(body), self.served))

    def authorize(self, request: HTTPRequest) -> None:
        """Refuse a request that has not the key."""
        require_key(request, self.key)

    def _admit(self, rows: int) -> None:
        """Refuse what the queue has no room for; rows leave it as their futures are done."""
        room = self.engine.batch_size + self.max_queue
        if rows > room:
            raise RequestError(f"{rows} answers at once are more than this server takes ({room}); ask for fewer")
        if len(self._open) + rows > room:
            message = f"the queue is full: {len(self._open)} answers in progress or waiting; try again later"
            raise RequestError(message, status=503, code="queue_full", retry=1)

    def stop(self) -> None:
        """Give up every answer that is not finished; their clients are told."""
        for future in list(self._open):
            future.cancel()

    def submit(
        self,
        requests: Sequence[Request],
        on_token: Callable[[int, int, TokenConfidence | None], None] | None = None,
        on_logits: OnLogits | None = None,
    ) -> list[Future[Completion]]:
        """Queue requests as `Engine.submit` does, if there is room; `on_token` is told the index first."""
        self._admit(len(requests))
        futures = [
            self.engine.submit(request, on_token and partial(on_token, i), on_logits and partial(on_logits, request))
            for i, request in enumerate(requests)
        ]
        self._open.update(futures)
        loop = asyncio.get_running_loop()
        for future in futures:
            future.add_done_callback(partial(_post, loop, self._open.discard))
        return futures

    async def _wait(self, request: HTTPRequest, answer: AnswerWriter) -> Response:
        futures = self.submit(answer.ask.requests)
        done: asyncio.Future[Any] = asyncio.gather(*map(asyncio.wrap_future, futures))
        gone: asyncio.Future[Any] = asyncio.ensure_future(_disconnect(request))
        try:
            await asyncio.wait([done, gone], return_when=asyncio.FIRST_COMPLETED)
            if not done.done():
                return Response(status_code=CLIENT_GONE)
            if any(future.cancelled() for future in futures):
                raise stopping()
            return JSONResponse(await asyncio.to_thread(answer.whole, done.result()))  # long with log-probabilities
        finally:
            gone.cancel()
            done.cancel()
            for future in futures:  # the others of a failed request
                future.cancel()

    def stream(self, answer: Streamed, on_logits: OnLogits | None = None) -> Response:
        """Server-sent events of answers as they grow; who goes away, or stops reading, ends the decoding."""
        events: Events = asyncio.Queue()
        loop = asyncio.get_running_loop()
        futures = self.submit(answer.requests, lambda i, *drawn: _post(loop, events.put_nowait, (i, drawn)), on_logits)
        for i, future in enumerate(futures):
            future.add_done_callback(lambda done, i=i: _post(loop, events.put_nowait, (i, done)))  # type: ignore[misc]
        return EventStream(self._events(answer, events), futures)

    async def _events(self, answer: Streamed, events: Events) -> AsyncIterator[str]:
        try:
            async for chunk in self._chunks(answer, events):
                yield event(chunk)
            yield "data: [DONE]\n\n"
        except CancelledError:
            yield event(stopping().body())
        except Exception as error:
            yield failed_event(error)

    async def _chunks(self, answer: Streamed, events: Events) -> AsyncIterator[dict[str, Any]]:
        choices = [answer.growing(i) for i in range(len(answer.requests))]
        finished: dict[int, Completion] = {}
        for chunk in answer.opening():
            yield chunk
        while len(finished) < len(choices):
            index, event = await events.get()
            if isinstance(event, tuple):
                made = choices[index].feed(*event)
            else:
                finished[index] = event.result()
                made = choices[index].finish(finished[index])
            for chunk in made:
                yield chunk
        for chunk in answer.closing([finished[i] for i in range(len(choices))]):
            yield chunk

    def _card(self) -> dict[str, Any]:
        loaded = self.served.loaded
        return {
            "id": self.served.name,
            "object": "model",
            "created": 0,
            "owned_by": "entmin",
            "max_model_len": loaded.max_length,
            "entmin": {"revision": loaded.revision, "decoding": loaded.decoding, **self.served.mode.to_args()},
        }


def _post(loop: asyncio.AbstractEventLoop, call: Callable[[Any], None], value: Any) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
        loop.call_soon_threadsafe(call, value)


async def _disconnect(request: HTTPRequest) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
