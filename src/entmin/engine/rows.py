"""A request in progress."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from entmin.engine.requests import Completion, Request, StopReason, TokenConfidence
from entmin.errors import EntminError
from entmin.methods.memory import MethodWithMemory
from entmin.seeds import noise_key

if TYPE_CHECKING:
    from torch import Tensor

    from entmin.methods.memory import State

OnToken = Callable[[int, TokenConfidence | None], None]
"""Takes a token, and how sure the model was of it where the request asks for that."""
OnLogits = Callable[[list[int], "Tensor"], None]
"""Takes an answer's tokens so far and the model's logits of the next one, ``[V]``; both are only lent."""


@dataclass(eq=False)
class BatchRow:
    """A request, what has been decoded of it, and the future that its owner waits for."""

    request: Request
    answer: Future[Completion] = field(default_factory=Future)
    """Pending, so that it can be cancelled, until the row is finished."""
    on_token: OnToken | None = None
    """Told each token as it is drawn."""
    on_logits: OnLogits | None = None
    """Told the logits of each step before the token is drawn."""
    tokens: list[int] = field(default_factory=list)
    before: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)
    confidence: list[TokenConfidence] = field(default_factory=list)
    """Of each token, when asked for."""
    stopped: StopReason | None = None
    failure: EntminError | None = None
    started: float = 0.0
    ended: float = 0.0

    def __post_init__(self) -> None:
        method = self.request.method
        self.state: State | None = method.start() if isinstance(method, MethodWithMemory) else None
        """What the method remembers of the row; like `key`, a step that fails is repeated with the same one."""

    @property
    def key(self) -> tuple[int, int]:
        """Of the next token's noise; a step that fails is repeated with the same one."""
        return noise_key(self.request.seed, len(self.tokens))

    @property
    def length(self) -> int:
        """Tokens so far, prompt included."""
        return len(self.request.prompt) + len(self.tokens)

    @property
    def done(self) -> bool:
        """Whether the row needs no further step: finished, failed, or cancelled by its owner."""
        return self.stopped is not None or self.failure is not None or self.answer.cancelled()

    def take(
        self, token: int, before: float, after: float, confidence: TokenConfidence | None, state: State | None
    ) -> None:
        """Append a token that was drawn with `key`, and `state` as the method left it."""
        self.tokens.append(token)
        self.before.append(before)
        self.after.append(after)
        if confidence is not None:
            self.confidence.append(confidence)
        self.state = state

    def completion(self, text: str) -> Completion:
        """The finished row as its owner gets it.

        Args:
            text: what the tokens say, up to the first stop text.
        """
        assert self.stopped is not None
        n, wanted = len(self.tokens), self.request.token_entropies
        return Completion(
            text=text,
            tokens=self.tokens,
            stop_reason=self.stopped,
            prompt_tokens=len(self.request.prompt),
            entropy_before=sum(self.before) / n,
            entropy_after=sum(self.after) / n,
            seconds=self.ended - self.started,
            log_probability=sum(one.log_probability for one in self.confidence) / n if self.confidence else None,
            self_certainty=sum(one.self_certainty for one in self.confidence) / n if self.confidence else None,
            before=self.before if wanted else [],
            after=self.after if wanted else [],
            confidence=self.confidence,
        )
