"""HTTP around the API: bodies in, errors out."""

from __future__ import annotations

import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response

from entmin.errors import EntminError
from entmin.serve.fields import RequestError

CLIENT_GONE = 499
_LARGEST_BODY = 8 << 20


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
