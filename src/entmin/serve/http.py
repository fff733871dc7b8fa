"""HTTP around the API: bodies in, errors out."""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from entmin.errors import EntminError
from entmin.serve.addressed import LocalOnly
from entmin.serve.fields import RequestError

_log = logging.getLogger("uvicorn.error")

CLIENT_GONE = 499
"""Status of an answer that nobody waits for any more."""
_LARGEST_BODY = 8 << 20


def require_key(request: HTTPRequest, key: str | None) -> None:
    """Refuse a request that has not the key; None lets everybody in.

    Raises:
        RequestError: it has another, or none.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if key and (scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode("latin-1"), key.encode())):
        raise RequestError("this server wants its API key as bearer token", status=401, code="invalid_api_key")


def application(routes: Sequence[Route], local: str | None, key: str | None) -> Starlette:
    """An application whose errors are the API's.

    Args:
        routes: of the application.
        local: a name of this machine, where the server listens on this machine only; without a key it then answers only
            what is addressed to this machine. None answers everybody.
        key: that clients must send.
    """
    guard = [Middleware(LocalOnly, local)] if local is not None and not key else []
    return Starlette(routes=list(routes), exception_handlers=HANDLERS, middleware=guard)


class Cancellable(Protocol):
    """What decodes an answer."""

    def cancel(self) -> bool:
        """Give it up."""


class EventStream(StreamingResponse):  # type: ignore[misc]
    """Server-sent events; what decodes them is given up when the response ends, in whatever way."""

    def __init__(self, events: AsyncIterator[str], work: Sequence[Cancellable]) -> None:
        """Send `events`, which `work` makes."""
        super().__init__(events, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        self._work = work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            for one in self._work:
                one.cancel()


def event(data: dict[str, Any]) -> str:
    """A server-sent event; ASCII, for clients that take U+2028 and its like for ends of lines."""
    return f"data: {json.dumps(data, separators=(',', ':'))}\n\n"


def failed_event(error: Exception) -> str:
    """The event that ends a stream which failed; whatever it is, the client must hear of it."""
    if isinstance(error, EntminError):
        return event(as_request_error(error).body())
    _log.exception("a stream failed", exc_info=error)
    return event(as_request_error(EntminError(f"the server failed: {type(error).__name__}")).body())


async def read_body(request: HTTPRequest) -> bytearray:
    """The body of a JSON request.

    Raises:
        RequestError: another content type, or too large.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":  # which a web page cannot send here unasked, so no site drives a local server
        raise RequestError("send the body with Content-Type: application/json", status=415)
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > _LARGEST_BODY:
            raise RequestError(f"the body is larger than {_LARGEST_BODY >> 20} MiB", status=413)
    return body


def parsed(body: bytearray) -> Any:
    """The JSON value of a body.

    Raises:
        RequestError: it is no JSON.
    """
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the body is not valid JSON: {error}") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def stopping() -> RequestError:
    """The error of a server that ends."""
    return RequestError("the server is stopping", status=503, code="stopping", retry=5)


def as_request_error(error: EntminError) -> RequestError:
    """An error of the engine as the API tells it."""
    return error if isinstance(error, RequestError) else RequestError(str(error), status=500)


async def _failed(request: HTTPRequest, error: EntminError) -> Response:
    told = as_request_error(error)
    headers = {"Retry-After": str(told.retry)} if told.retry else {}
    if told.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(told.body(), told.status, headers)


async def _refused(request: HTTPRequest, error: HTTPException) -> Response:
    told = RequestError(f"{request.method} {request.url.path}: {error.detail}", status=error.status_code)
    return JSONResponse(told.body(), error.status_code, error.headers)


async def _gone(request: HTTPRequest, error: ClientDisconnect) -> Response:
    return Response(status_code=CLIENT_GONE)


async def _broken(request: HTTPRequest, error: Exception) -> Response:
    return JSONResponse(RequestError("the server failed; its log says more", status=500).body(), 500)


HANDLERS: dict[Any, Any] = {
    EntminError: _failed,
    HTTPException: _refused,
    ClientDisconnect: _gone,
    Exception: _broken,
}
"""What answers an exception, by its class."""
