"""The OpenAI API's answers: whole, or in the chunks of a stream.

Beside the API's own fields every choice has ``entmin``: the method and seed that made it, its tokens, and the mean
entropies per token before and after the method, in nats; where log-probabilities were asked for, their mean and that of
the self-certainty too. Clients that do not know the field pass over it.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Protocol

from entmin.engine.requests import Completion, Request, TokenConfidence
from entmin.engine.text import TextStream
from entmin.serve.logprobs import TokenLog, TokenTexts
from entmin.serve.protocol import Ask

Chunks = list[dict[str, Any]]
_REASONS = {"stop": "stop", "max_tokens": "length", "model_length": "length"}


class Choice(Protocol):
    """One of the answers to a request, while it grows."""

    def feed(self, token: int, confidence: TokenConfidence | None) -> Chunks:
        """What a token makes certain."""

    def finish(self, done: Completion) -> Chunks:
        """The last of it."""


class Streamed(Protocol):
    """What `Service.stream` sends: events of the answers to several requests."""

    @property
    def requests(self) -> list[Request]:
        """What the engine is asked for, one a choice."""

    def opening(self) -> Chunks:
        """Events before the first token."""

    def growing(self, index: int) -> Choice:
        """A choice before its first token."""

    def closing(self, completions: list[Completion]) -> Chunks:
        """Events after the last token."""


@dataclass(frozen=True)
class AnswerWriter:
    """Writes the answer to one request."""

    ask: Ask
    model: str
    chat: bool
    texts: TokenTexts
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, completions: list[Completion]) -> dict[str, Any]:
        """The body of an answer that is not a stream."""
        choices = []
        for i, done in enumerate(completions):
            text: dict[str, Any] = (
                {"message": {"role": "assistant", "content": done.text}} if self.chat else {"text": done.text}
            )
            log = TokenLog(self.texts, chat=self.chat)
            logprobs = log.write(done.tokens, done.confidence) if self.ask.logprobs else None
            choices.append({"index": i, **text, **self._ending(i, done, logprobs)})
        return self._envelope("chat.completion" if self.chat else "text_completion", choices) | {
            "usage": self._usage(completions)
        }

    @property
    def requests(self) -> list[Request]:
        """What the engine is asked for, one a choice."""
        return self.ask.requests

    def growing(self, index: int) -> Growing:
        """A choice before its first token."""
        return Growing(self, index)

    def opening(self) -> list[dict[str, Any]]:
        """Chunks before the first text: in a chat, who speaks."""
        if not self.chat:
            return []
        return [self._chunk(i, {"delta": {"role": "assistant", "content": ""}}) for i in range(len(self.ask.requests))]

    def piece(self, index: int, text: str, logprobs: dict[str, Any] | None) -> dict[str, Any]:
        """A chunk with more text of a choice."""
        content: dict[str, Any] = {"delta": {"content": text}} if self.chat else {"text": text}
        return self._chunk(index, content | {"logprobs": logprobs})

    def last(self, index: int, done: Completion, logprobs: dict[str, Any] | None) -> dict[str, Any]:
        """The chunk that ends a choice."""
        nothing: dict[str, Any] = {"delta": {}} if self.chat else {"text": ""}
        return self._chunk(index, nothing | self._ending(index, done, logprobs))

    def closing(self, completions: list[Completion]) -> list[dict[str, Any]]:
        """Chunks after the last choice: the usage, when it was asked for."""
        if not self.ask.include_usage:
            return []
        return [self._envelope(self._chunk_kind, []) | {"usage": self._usage(completions)}]

    def _chunk(self, index: int, content: dict[str, Any]) -> dict[str, Any]:
        choice = {"index": index, "finish_reason": None, "logprobs": None, **content}
        usage = {"usage": None} if self.ask.include_usage else {}
        return self._envelope(self._chunk_kind, [choice]) | usage

    @property
    def _chunk_kind(self) -> str:
        return "chat.completion.chunk" if self.chat else "text_completion"

    def _envelope(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        prefix = "chatcmpl" if self.chat else "cmpl"
        return {
            "id": f"{prefix}-{self.id}",
            "object": kind,
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }

    def _ending(self, index: int, done: Completion, logprobs: dict[str, Any] | None) -> dict[str, Any]:
        return {
            "finish_reason": _REASONS[done.stop_reason],
            "logprobs": logprobs,
            "entmin": _extra(self.ask.requests[index], done),
        }

    def _usage(self, completions: list[Completion]) -> dict[str, int]:
        """Tokens read, each prompt once whatever `n` is, and tokens written."""
        read = sum(done.prompt_tokens for done in completions[:: self.ask.n])
        written = sum(len(done.tokens) for done in completions)
        return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


class Growing:
    """One choice of a stream, chunk by chunk; the log-probabilities of a token go out with its text or later."""

    def __init__(self, answer: AnswerWriter, index: int) -> None:
        """Start before the first token."""
        self._answer, self._index = answer, index
        self._text = TextStream(answer.texts.tokenizer, answer.ask.requests[index].stop)
        self._log = TokenLog(answer.texts, chat=answer.chat)
        self._tokens: list[int] = []
        self._confidence: list[TokenConfidence] = []

    def feed(self, token: int, confidence: TokenConfidence | None) -> list[dict[str, Any]]:
        """The chunks that a token makes certain: one, or none."""
        if confidence is not None:
            self._tokens.append(token)
            self._confidence.append(confidence)
        piece = self._text.feed(token)
        return [self._answer.piece(self._index, piece, self._logprobs())] if piece else []

    def finish(self, done: Completion) -> list[dict[str, Any]]:
        """The last chunks."""
        piece = self._text.finish(done.text)
        chunks = [self._answer.piece(self._index, piece, self._logprobs())] if piece else []
        return [*chunks, self._answer.last(self._index, done, self._logprobs())]

    def _logprobs(self) -> dict[str, Any] | None:
        """Of the tokens since the last chunk."""
        if not self._tokens:
            return None
        written = self._log.write(self._tokens, self._confidence)
        self._tokens, self._confidence = [], []
        return written


def _extra(request: Request, done: Completion) -> dict[str, Any]:
    sure = {"log_probability": done.log_probability, "self_certainty": done.self_certainty}
    return {
        **request.method.to_args(),
        "seed": request.seed,
        "tokens": len(done.tokens),
        "entropy_before": done.entropy_before,
        "entropy_after": done.entropy_after,
        **(sure if request.confidence else {}),
    }
