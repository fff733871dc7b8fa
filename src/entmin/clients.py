"""What all clients of an OpenAI-compatible server share: failures become messages that name a remedy."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import openai

from entmin.errors import EntminError, UsageError

NO_KEY = "none"
"""Sent where no key is given: the client insists on one."""
_SECONDS = 60.0


class FaultyServerError(EntminError):
    """A server is not there, does not answer in time, or answers with what is no completion."""


@contextlib.contextmanager
def explained(url: str, remedy: str | None = None, *, asks_again: bool = False) -> Iterator[None]:
    """Turn a client's failures into one message that names the remedy; HTTP 400 and 422 pass.

    Args:
        url: the server's.
        remedy: what helps where there is no server or no route; default: what helps an evaluation.
        asks_again: a connection that was there and closed without an answer passes too; the caller asks again.

    Raises:
        FaultyServerError: there is no server, or it did not answer.
        EntminError: it refused by one of the other codes.
    """
    try:
        yield
    except openai.APITimeoutError as error:
        raise FaultyServerError(
            f"{url} did not answer in time; see what it is doing, then run the same command"
        ) from error
    except openai.APIConnectionError as error:
        # By name: which HTTP library openai brings depends on its version.
        if asks_again and type(error.__cause__).__name__ != "ConnectError":
            raise
        raise FaultyServerError(
            f"no server answers at {url} ({_cause(error)}): "
            + (remedy or "start it again, or leave it out of --base-url, and run the same command")
        ) from error
    except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
        raise EntminError(f"{url} wants another API key ({error.status_code}): set ENTMIN_API_KEY") from error
    except openai.NotFoundError as error:
        raise EntminError(
            f"{url} has no such model or route (404: {said(error)}): {remedy or 'does the address end in /v1?'}"
        ) from error


def only_model(url: str, key: str | None) -> str:
    """The name of a server's model.

    Raises:
        UsageError: it has several, or none.
        EntminError: it cannot be reached, or wants another key.
    """
    url = routes(url)
    with openai.OpenAI(base_url=url, api_key=key or NO_KEY, timeout=_SECONDS, max_retries=1) as client, explained(url):
        names = [entry.id for entry in client.models.list()]
    if len(names) != 1:
        raise UsageError(f"{url} serves {', '.join(names) or 'nothing'}: name the model")
    return names[0]


async def chat_chunks(url: str, key: str, seconds: float, **request: Any) -> AsyncGenerator[Any, None]:
    """The chunks of a chat that a server streams; who stops taking them ends the decoding there.

    Args:
        url: the server's.
        key: sent as bearer token.
        seconds: longest wait for a chunk.
        request: of the API.

    Raises:
        UsageError: the server refuses the request.
        EntminError: it is not there, wants another key, or breaks off.
    """
    client = openai.AsyncOpenAI(base_url=url, api_key=key, timeout=seconds, max_retries=0)
    try:
        async with client:
            with explained(url, "start it again"):
                async for chunk in await client.chat.completions.create(stream=True, **request):
                    yield chunk
    except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
        raise UsageError(f"{url} refuses the request: {said(error)}") from error
    except openai.APIError as error:
        raise EntminError(f"{url} failed: {said(error)}") from error


def said(error: openai.APIError) -> str:
    """What the server wrote, or how the connection ended."""
    if isinstance(error, openai.APIConnectionError):
        return _cause(error)
    body: Any = error.body
    message = body.get("message") if isinstance(body, dict) else None
    return " ".join(str(message or error.message).split())[:500]


def _cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error) or type(error).__name__


def routes(url: str) -> str:
    """The address with ``/v1``, where only host and port were given.

    Raises:
        UsageError: it has no scheme.
    """
    bare = url.rstrip("/")
    if "://" not in bare:
        raise UsageError(f"--base-url {url!r}: write it in full, such as http://127.0.0.1:8000/v1")
    return bare if "/" in bare.partition("://")[2] else f"{bare}/v1"
