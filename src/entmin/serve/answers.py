"""The OpenAI API's answers: whole, or in the chunks of a stream.

Beside the API's own fields every choice has ``entmin``: the method and seed that made it, its tokens, and the mean
entropies per token before and after the method, in nats. Clients that do not know the field pass over it.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from entmin.engine.requests import Completion, Request
from entmin.serve.protocol import Ask

_REASONS = {"stop": "stop", "max_tokens": "length", "model_length": "length"}


@dataclass(frozen=True)
class Answer:
    """Writes the answer to one request."""

    ask: Ask
    model: str
    chat: bool
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, completions: list[Completion]) -> dict[str, Any]:
        """The body of an answer that is not a stream."""
        choices = []
        for i, done in enumerate(completions):
            text: dict[str, Any] = (
                {"message": {"role": "assistant", "content": done.text}} if self.chat else {"text": done.text}
            )
            choices.append({"index": i, **text, **self._ending(i, done)})
        return self._envelope("chat.completion" if self.chat else "text_completion", choices) | {
            "usage": self._usage(completions)
        }

    def opening(self) -> list[dict[str, Any]]:
        """Chunks before the first text: in a chat, who speaks."""
        if not self.chat:
            return []
        return [self._chunk(i, {"delta": {"role": "assistant", "content": ""}}) for i in range(len(self.ask.requests))]

    def piece(self, index: int, text: str) -> dict[str, Any]:
        """A chunk with more text of a choice."""
        return self._chunk(index, {"delta": {"content": text}} if self.chat else {"text": text})

    def last(self, index: int, done: Completion) -> dict[str, Any]:
        """The chunk that ends a choice."""
        nothing: dict[str, Any] = {"delta": {}} if self.chat else {"text": ""}
        return self._chunk(index, nothing | self._ending(index, done))

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

    def _ending(self, index: int, done: Completion) -> dict[str, Any]:
        return {
            "finish_reason": _REASONS[done.stop_reason],
            "logprobs": None,
            "entmin": _extra(self.ask.requests[index], done),
        }

    def _usage(self, completions: list[Completion]) -> dict[str, int]:
        """Tokens read, each prompt once whatever `n` is, and tokens written."""
        read = sum(done.prompt_tokens for done in completions[:: self.ask.n])
        written = sum(len(done.tokens) for done in completions)
        return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _extra(request: Request, done: Completion) -> dict[str, Any]:
    return {
        **request.method.to_args(),
        "seed": request.seed,
        "tokens": len(done.tokens),
        "entropy_before": done.entropy_before,
        "entropy_after": done.entropy_after,
    }
