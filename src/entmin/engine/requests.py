"""What the engine is asked for, and what it answers. Importable without torch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from entmin.errors import UsageError
from entmin.methods import Method, Normal
from entmin.mode import Sampling

StopReason = Literal["stop", "max_tokens", "model_length"]
ROWS, ROWS_ON_CPU = 128, 32
"""Most answers that the engine decodes together, where nobody says."""
IN_FLIGHT = 64
"""Requests to keep in flight at each server, where nobody says."""
UNBOUNDED = 1 << 30
"""The longest sequence, in tokens, of a model whose configuration names none."""


class PromptTooLongError(UsageError):
    """The prompt leaves no room for an answer in the model's context."""


def longest_sequence(config: Any) -> int:
    """Tokens of the longest sequence that a configuration of transformers allows."""
    return int(getattr(config.get_text_config(decoder=True), "max_position_embeddings", None) or UNBOUNDED)


@dataclass(frozen=True)
class Request:
    """One completion to make."""

    prompt: list[int]
    """Token ids, template and special tokens included."""
    method: Method = field(default_factory=Normal)
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int = 512
    seed: int = 0
    """Seeds this request's own noise, so that neighbours and batch size do not matter."""
    stop: tuple[str, ...] = ()
    """Texts that end the completion; they are cut from it."""
    token_entropies: bool = False
    """Return the entropies of every token, not only their means."""
    confidence: bool = False
    """Measure every token's log-probability and self-certainty too."""
    alternatives: int = 0
    """With `confidence`: report this many of the likeliest tokens at every step, with their log-probabilities."""
    drawn: bool = False
    """With `confidence`: report log-probabilities under the distribution that a token was drawn from too.

    The alternatives are then the likeliest under either distribution, and the token itself.
    """


class TokenConfidence(NamedTuple):
    """How sure the model was of one token: under its own distribution, before method, temperature and truncation."""

    log_probability: float
    """Of the token drawn, nats."""
    self_certainty: float
    """KL(uniform || distribution), nats."""
    likeliest: tuple[int, ...] = ()
    """The likeliest tokens, likeliest first."""
    log_probabilities: tuple[float, ...] = ()
    """Of the likeliest tokens, nats."""
    drawn: float | None = None
    """Log-probability of the token under the distribution it was drawn from, nats; when asked for."""
    drawn_log_probabilities: tuple[float, ...] = ()
    """Of the likeliest tokens under the distribution drawn from, nats; when asked for."""
    before: float = math.nan
    """Entropy of the model's own distribution, nats."""
    after: float = math.nan
    """Entropy of the distribution the token was drawn from, nats."""


@dataclass
class Completion:
    """A finished request."""

    text: str
    tokens: list[int]
    stop_reason: StopReason
    prompt_tokens: int
    entropy_before: float
    """Mean over tokens of the entropy of the model's own next-token distribution, nats."""
    entropy_after: float
    """Mean over tokens of the entropy of the distribution the token was drawn from (adjusted, tempered, truncated)."""
    seconds: float
    """From the first decoding step that held the request to its last."""
    log_probability: float | None = None
    """Mean over tokens of the log-probability of the token under the model's own distribution, nats; when asked for."""
    self_certainty: float | None = None
    """Mean over tokens of KL(uniform || the model's own distribution), nats; when asked for."""
    before: list[float] = field(default_factory=list)
    """Per token, when asked for."""
    after: list[float] = field(default_factory=list)
    """Per token, when asked for."""
    confidence: list[TokenConfidence] = field(default_factory=list)
    """Per token, when asked for."""


@dataclass
class EngineStats:
    """Counters since an engine started, or a connection to one; subtract two snapshots for an interval."""

    prompt_tokens: int = 0
    generated_tokens: int = 0
    completed: int = 0
    busy_seconds: float = 0.0
    """Time with at least one request in progress."""
    shrinks: int = 0
    """How often the batch was made smaller because memory ran out."""
