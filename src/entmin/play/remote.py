"""The playground before a server of the OpenAI API: what such a server says of its answers, and what it does not.

A server gives each token's log-probability and those of the likeliest tokens, of the model's own distribution. So the
page has the alternatives and a lower bound of the entropy. What the method made of a step is not in the API, and a step
cannot be drawn again without its logits: the page says so. Methods are those that the server knows; every mode is tried
with one token first (`entmin.evals.servers`), so none is silently ignored.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from starlette.requests import Request as HTTPRequest
from starlette.responses import Response

from entmin.clients import chat_chunks
from entmin.errors import EntminError, UsageError
from entmin.mode import Mode
from entmin.play.bodies import Arm, StreamBody, mode_of, shortest
from entmin.play.bounds import least_entropy
from entmin.play.catalogue import SAMPLING, catalogue
from entmin.play.pages import Pages
from entmin.serve.fields import RequestError
from entmin.serve.http import EventStream, event, failed_event, parsed, read_body, require_key, stopping
from entmin.terminal import printable

if TYPE_CHECKING:
    from entmin.evals.servers import Servers

_SECONDS = 600.0
"""Longest wait for a chunk."""
_LIKELIEST = 20
"""Alternatives to ask for: the most that the API has."""
_ENDS = {"length": "max_tokens"}
_NO_STEP = (
    "A step under other settings is not to be had from this server: it gives the likeliest tokens of a step, not all "
    "logits. Press Run to ask again, or open the model itself with `entmin play`."
)
Events = asyncio.Queue[dict[str, Any] | Exception | None]
"""What the arms' tasks report: events, at last None each; an exception ends the stream."""


class RemotePlayground(Pages):
    """The page's handlers on a server elsewhere."""

    def __init__(self, servers: Servers, mode: Mode, key: str | None, system: str | None) -> None:
        """Stand on a server that described itself.

        Raises:
            UsageError: it does not know the mode's method, or refuses its sampling.
        """
        self._server, self._servers = servers.servers[0], servers
        kind = f"{self._server.kind} {self._server.version or ''}".strip()
        facts = (("server", f"{self._server.url} ({kind})"), ("entropies", "lower bounds, of the likeliest tokens"))
        super().__init__(servers.name, mode, key, system, facts)
        servers.body(shortest(mode).complete())
        self._open: set[Events] = set()

    def offered(self) -> dict[str, Any]:
        """The methods that the server knows, and the sampling of its kind."""
        known = self._server.knows_methods
        own = self._server.kind in ("vllm", "entmin")
        return {
            "methods": [one for one in catalogue() if known or one["name"] == "normal"],
            "sampling": [one for one in SAMPLING if own or one["name"] in ("temperature", "top_p")],
            "remote": {
                "notice": f"{self._server.url} answers. It gives the likeliest tokens of each step, in the model's own "
                "distribution, so entropies are lower bounds, and what the method makes of a step is not known here."
                + ("" if known else " It does not know entmin's methods, so there is normal decoding only."),
                "step": _NO_STEP,
            },
        }

    async def stream(self, request: HTTPRequest) -> Response:
        """Answers side by side, each of a request of its own."""
        require_key(request, self.key)
        asked = StreamBody.read(parsed(await read_body(request)), self.model)
        modes = [mode_of(arm.mode, self.mode, asked.seed) for arm in asked.arms]
        try:
            bodies = [await asyncio.to_thread(self._servers.body, shortest(mode).complete()) for mode in modes]
        except UsageError as error:
            raise RequestError(str(error), "mode") from None
        events: Events = asyncio.Queue()
        tasks = [
            asyncio.create_task(self._answer(number, *one, asked, events))
            for number, one in enumerate(zip(asked.arms, modes, bodies, strict=True))
        ]
        return EventStream(self._events([str(shortest(mode)) for mode in modes], events), tasks)

    async def step(self, request: HTTPRequest) -> Response:
        """Say why there is none."""
        require_key(request, self.key)
        raise RequestError(_NO_STEP)

    def stop(self) -> None:
        """Give up every answer that is not finished; their pages are told."""
        for events in self._open:
            events.put_nowait(stopping())

    async def _events(self, modes: list[str], events: Events) -> AsyncIterator[str]:
        self._open.add(events)
        going = len(modes)
        try:
            yield event({"modes": modes})
            while going:
                told = await events.get()
                if isinstance(told, Exception):
                    yield failed_event(told)
                    return
                if told is None:
                    going -= 1
                else:
                    yield event(told)
            yield "data: [DONE]\n\n"
        finally:
            self._open.discard(events)

    async def _answer(
        self, number: int, arm: Arm, mode: Mode, body: dict[str, Any], asked: StreamBody, events: Events
    ) -> None:
        turns = [message.turn() for message in arm.messages]
        chunks = chat_chunks(
            self._server.url, self._servers.key, _SECONDS, model=self.model, messages=turns,
            max_tokens=asked.max_tokens, seed=asked.seed, temperature=mode.sampling.temperature,
            top_p=mode.sampling.top_p, logprobs=True, top_logprobs=_LIKELIEST, extra_body=body,
        )  # fmt: skip
        said, ended, own = "", "", None
        try:
            async with aclosing(chunks):
                async for choice in (one.choices[0] async for one in chunks if one.choices):
                    text = choice.delta.content or getattr(choice.delta, "reasoning_content", None) or ""
                    said += text
                    ended = choice.finish_reason or ended
                    own = (choice.model_extra or {}).get("entmin") or own
                    for token in self._tokens(text, choice, bool(choice.finish_reason)):
                        events.put_nowait({"arm": number, **token})
            if not ended:
                raise EntminError(f"{self._server.url} broke off an answer, or does not stream")
            means = {name: own[f"entropy_{name}"] for name in ("before", "after")} if own else None
            end = {"arm": number, "ended": _ENDS.get(ended, ended), "text": "", "said": said, "means": means}
            events.put_nowait(end)
            events.put_nowait(None)
        except Exception as error:  # told on the page
            events.put_nowait(error)

    def _tokens(self, text: str, choice: Any, last: bool) -> list[dict[str, Any]]:
        """The tokens of a chunk; where they cannot be told apart in its text, the last has all of it.

        Raises:
            EntminError: the server gives no log-probabilities.
        """
        found = choice.logprobs.content or [] if choice.logprobs else []
        if text and not found:
            raise EntminError(
                f"{self._server.url} gives no log-probabilities in its streams; without them there is nothing to show"
            )
        apart = "".join(one.token for one in found) == text
        texts = [one.token if apart else "" for one in found]
        if found and not apart:
            texts[-1] = text
        return [_shown(one, own, special=last and not text) for one, own in zip(found, texts, strict=True)]


def _shown(token: Any, text: str, *, special: bool) -> dict[str, Any]:
    """One token for the page; a token's own text stands for its id, which the API does not give."""
    top = sorted(token.top_logprobs or [], key=lambda one: -one.logprob)
    known = [one.logprob for one in top]
    # Some servers list the token that was drawn wherever it stands: then others may be likelier than it.
    most = known[-2 if len(top) > 1 and top[-1].token == token.token else -1] if known else 0.0
    return {
        "id": token.token,
        "name": printable(token.token),
        "text": printable(text),
        "special": special,
        "before": least_entropy(known, most),
        "after": None,
        "p": token.logprob if math.isfinite(token.logprob) else None,
        "q": None,
        "top": [[one.token, printable(one.token), one.logprob, None] for one in top],
    }
