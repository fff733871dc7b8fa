"""The playground on the in-process server: the stream of answers, and one step again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from entmin.engine.requests import Completion, Request, TokenConfidence
from entmin.engine.text import TextStream, decoder
from entmin.play.bodies import Asked, read_step, read_stream
from entmin.play.pages import Pages
from entmin.play.steps import Rows, drawn_again, shown, steps_needed
from entmin.serve.app import Service
from entmin.serve.fields import RequestError
from entmin.serve.http import stopping
from entmin.serve.logprobs import TokenTexts
from entmin.terminal import printable

if TYPE_CHECKING:
    from torch import Tensor

_MOST_AGAIN = 64
"""Steps that are decoded again for one that is asked for."""


def playground(service: Service) -> list[Route]:
    """The routes of the playground on a server's service."""
    return Playground(service).routes()


class Playground(Pages):
    """The handlers on the in-process engine, and the logits that they share."""

    def __init__(self, service: Service) -> None:
        """Stand on a server's service."""
        served = service.served
        super().__init__(
            served.name, served.mode, service.key, served.system, (("revision", str(served.loaded.revision)),)
        )
        self._service, self._rows = service, Rows()

    async def stream(self, request: HTTPRequest) -> Response:
        """Answers side by side, token by token."""
        asked = await self._service.read(read_stream, request)
        return self._service.stream(Answers(asked, self._service.texts), self._rows.keep)

    async def step(self, request: HTTPRequest) -> Response:
        """One step of an answer, drawn again under some mode."""
        asked, tokens = await self._service.read(read_step, request)
        rows = await self._logits(asked.request, tokens)
        token, sure = await asyncio.to_thread(drawn_again, asked.request, len(tokens), rows)
        return JSONResponse({"mode": str(asked.mode), **shown(token, sure, self._service.texts)})

    async def _logits(self, request: Request, tokens: list[int]) -> list[Tensor]:
        """Of the steps that it takes to draw the one after `tokens`; those that are kept no more are decoded again."""
        steps = steps_needed(request, len(tokens))
        found = {at: self._rows.get([*request.prompt, *tokens[:at]]) for at in steps}
        missing = [at for at, row in found.items() if row is None]
        if len(missing) > _MOST_AGAIN:
            raise RequestError(
                f"{request.method.name} needs the logits of all {len(steps)} steps, and {len(missing)} of them are not "
                f"kept any more, which is more than the {_MOST_AGAIN} that are decoded again: run the answer again"
            )

        def keep(again: Request, tokens: list[int], logits: Tensor) -> None:
            self._rows.keep(again, tokens, logits)
            found[len(again.prompt) - len(request.prompt)] = logits.cpu().clone()

        again = [Request([*request.prompt, *tokens[:at]], max_tokens=1) for at in missing]
        futures = self._service.submit(again, on_logits=keep)
        await asyncio.gather(*map(asyncio.wrap_future, futures), return_exceptions=True)
        if any(future.cancelled() for future in futures):
            raise stopping()
        for future in futures:
            future.result()  # raises what went wrong
        return [row for at in steps if (row := found[at]) is not None]


class Answers:
    """The events of answers side by side (`entmin.serve.answers.Streamed`)."""

    def __init__(self, asked: list[Asked], texts: TokenTexts) -> None:
        """Before the first token."""
        self._asked, self._texts = asked, texts

    @property
    def requests(self) -> list[Request]:
        """What the engine is asked for, one an answer."""
        return [one.request for one in self._asked]

    def opening(self) -> list[dict[str, Any]]:
        """The modes as `entmin ask --mode` takes them."""
        return [{"modes": [str(one.mode) for one in self._asked]}]

    def growing(self, index: int) -> GrowingAnswer:
        """An answer before its first token."""
        return GrowingAnswer(index, self._texts)

    def closing(self, completions: list[Completion]) -> list[dict[str, Any]]:
        """Nothing."""
        return []


class GrowingAnswer:
    """One of them, an event a token."""

    def __init__(self, index: int, texts: TokenTexts) -> None:
        """Before the first token."""
        self._index, self._texts = index, texts
        self._text = TextStream(texts.tokenizer)

    def feed(self, token: int, confidence: TokenConfidence | None) -> list[dict[str, Any]]:
        """The token, what it adds to the text, and what it was drawn from."""
        assert confidence is not None
        special = decoder(self._texts.tokenizer).is_special(token)
        text = printable(self._text.feed(token))
        return [{"arm": self._index, "text": text, "special": special, **shown(token, confidence, self._texts)}]

    def finish(self, done: Completion) -> list[dict[str, Any]]:
        """The end of the answer, and the whole of it as a conversation goes on with it."""
        rest = printable(self._text.finish(done.text))
        return [{"arm": self._index, "ended": done.stop_reason, "text": rest, "said": done.text}]
