"""What the engine is asked for, and what it answers. Importable without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from entmin.errors import UsageError
from entmin.methods import Method, Normal

StopReason = Literal["stop", "max_tokens", "model_length"]


_COLDEST = 1e-6
"""Logits divided by less may overflow float32."""


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn from the adjusted distribution: temperature, then truncation. Nothing is implied."""

    temperature: float = 1.0
    """0 is greedy."""
    top_p: float = 1.0
    """Keep the smallest set of tokens with this much mass; 1 keeps all."""
    top_k: int = 0
    """Keep this many tokens; 0 keeps all."""
    min_p: float = 0.0
    """Keep tokens at least this likely relative to the likeliest; 0 keeps all."""

    def __post_init__(self) -> None:
        for name, low, high in (("temperature", 0, 100), ("top_p", 0, 1), ("top_k", 0, 1 << 30), ("min_p", 0, 1)):
            if not low <= getattr(self, name) <= high:
                raise UsageError(f"{name} must be between {low} and {high}, not {getattr(self, name)!r}")
        if 0 < self.temperature < _COLDEST:
            raise UsageError(f"temperature must be 0 (greedy) or at least {_COLDEST}, not {self.temperature!r}")
        if self.top_p == 0:
            raise UsageError("top_p must be above 0 (1 keeps every token)")


class PromptTooLongError(UsageError):
    """The prompt leaves no room for an answer in the model's context."""


@dataclass(frozen=True)
class Request:
    """One completion to make."""

    prompt: list[int]
    """Token ids, template and special tokens included."""
    method: Method = field(default_factory=Normal)
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int = 512
    seed: int = 0
    """Seeds this request's own stream of uniforms, one per token, so that neighbours and batch size do not matter."""
    stop: tuple[str, ...] = ()
    """Texts that end the completion; they are cut from it."""
    token_entropies: bool = False
    """Return the entropies of every token, not only their means."""
    confidence: bool = False
    """Measure every token's log-probability and self-certainty too."""
    alternatives: int = 0
    """With `confidence`: report this many of the likeliest tokens at every step, with their log-probabilities."""


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
