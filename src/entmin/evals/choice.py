"""What a user chooses as an engine, and what every engine can do.

A run asks an engine for four things: an Inspect model; its identity, which is part of the digest, so that an answer
from another engine is another run; a record of versions, which may change between two sessions of one run; and the
request body that carries a method and its sampling. Heavy imports happen when an engine is opened.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from entmin.engine.requests import EngineStats
from entmin.errors import UsageError, closest
from entmin.mode import Mode
from entmin.strategies import Confidence

if TYPE_CHECKING:
    from inspect_ai.model import Model

OWN_SERVER_MEASURES: frozenset[Confidence] = frozenset(("entropy", "logprob", "self_certainty", "trace_confidence"))
"""Kinds of confidence that a server of `entmin serve --engine transformers` reports."""

ENGINES = {
    "transformers": "the model in this process",
    "vllm": "vLLM with entmin's logits processor: started here, or at --base-url",
    "openai": "any OpenAI-compatible server at --base-url",
}


@dataclass(frozen=True)
class EngineChoice:
    """What the user asked for."""

    name: str = "transformers"
    base_urls: tuple[str, ...] = ()
    api_key: str | None = field(default=None, repr=False)
    options: tuple[tuple[str, Any], ...] = ()
    """device, dtype, revision, batch_size, threads, vllm_args: those that were given."""
    template: str = "{}"
    """What requests say of the chat template, as JSON: ``chat_template_kwargs``, ``reasoning_effort``."""

    @property
    def said(self) -> dict[str, Any]:
        """The fields of `template`."""
        return dict(json.loads(self.template))

    def __post_init__(self) -> None:
        if self.name not in ENGINES:
            raise UsageError(
                f"unknown engine {self.name!r}{closest(self.name, ENGINES)}; engines: {', '.join(ENGINES)}"
            )
        if self.name == "transformers" and self.base_urls:
            raise UsageError("--base-url is for servers: add --engine vllm or --engine openai")
        if self.name == "openai" and not self.base_urls:
            raise UsageError("--engine openai needs --base-url, such as --base-url http://127.0.0.1:8000/v1")
        refused = [name for name, _ in self.options if name in self._refused()]
        if refused:
            shown = ", ".join(f"--{name.replace('_', '-')}" for name in refused)
            raise UsageError(f"{shown}: {self._remedy()}")

    def _refused(self) -> tuple[str, ...]:
        if self.name == "transformers":
            return ("vllm_args",)
        return ("device", "dtype", "revision", "threads", "vllm_args") if self.base_urls else ("device", "threads")

    def _remedy(self) -> str:
        if self.name == "transformers":
            return "that is for --engine vllm"
        if self.base_urls:
            return "a running server decides that itself; set it where the server is started"
        return "vLLM is not told that way; choose devices with CUDA_VISIBLE_DEVICES, CPU threads with OMP_NUM_THREADS"


class RunningEngine(Protocol):
    """An engine that is ready for requests."""

    @property
    def stats(self) -> EngineStats:
        """Counters since it was opened."""

    @property
    def notices(self) -> list[str]:
        """What a user should be told; appended to as it happens."""

    @property
    def concurrency(self) -> int:
        """Requests to keep in flight."""

    @property
    def measures(self) -> frozenset[Confidence]:
        """Kinds of confidence it can measure."""

    @property
    def text_prompts(self) -> bool:
        """Whether it takes a prompt as text, which the published refinement needs."""

    def model(self) -> Model:
        """Inspect's model."""

    def identity(self) -> dict[str, Any]:
        """What belongs in a run's digest: engine and weights."""

    def record(self) -> dict[str, Any]:
        """What a reader must know beside it: versions, addresses, dtype."""

    def body(self, mode: Mode) -> dict[str, Any]:
        """The ``extra_body`` of requests.

        Raises:
            UsageError: the engine cannot honour the method or the sampling.
        """

    def close(self) -> None:
        """Let go of the model in memory, or of the server started for it."""
