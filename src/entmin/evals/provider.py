"""Inspect model provider ``entmin/<alias, folder or Hub id>``: the in-process engine.

The decoding method travels as flat scalars in ``extra_body["vllm_xargs"]``, just as it does to a vLLM server, so one
evaluation runs on either. Sampling is explicit: what the checkpoint's generation config says about temperature, top-p,
top-k or penalties is never used. A setting this engine cannot honour is an error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    Model,
    ModelAPI,
    ModelInfo,
    ModelOutput,
    ModelUsage,
    get_model,
    set_model_info,
)
from inspect_ai.tool import ToolChoice, ToolInfo

from entmin.engine.encoding import encode_chat_text
from entmin.engine.engine import Engine
from entmin.engine.loaded import LoadedModel
from entmin.engine.loading import load
from entmin.engine.power import power_sample
from entmin.engine.prompts import EFFORT, chat_text, encode_chat, switches_of
from entmin.engine.requests import Completion, EngineStats, Request
from entmin.engine.revision import state_of
from entmin.engine.text import decoder
from entmin.errors import UsageError
from entmin.evals.choice import OWN_SERVER_MEASURES
from entmin.evals.cost import total
from entmin.evals.measured import measured, needed, strategy_of, token_record
from entmin.evals.opened import any_open, close_engines, opened
from entmin.evals.seeded import TOKENS
from entmin.evals.several import BEFORE
from entmin.mode import Mode
from entmin.seeds import SAMPLER
from entmin.strategies import Confidence, PowerSampling
from entmin.wire import requested

DEFAULT_MAX_TOKENS = 512
_ALTERNATIVES = 5
"""Likeliest tokens kept of each recorded step."""
_UNSUPPORTED = (
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "best_of",
    "top_logprobs",
    "response_schema",
)
ENGINE_OPTIONS = ("device", "dtype", "revision", "batch_size", "threads")
_BODY_KEYS = {"vllm_xargs", "min_p", "chat_template_kwargs", EFFORT}


def shared_engine(
    name: str,
    *,
    device: str = "auto",
    dtype: str = "auto",
    revision: str | None = None,
    batch_size: int | None = None,
    threads: int | None = None,
) -> Engine:
    """The process's engine for a model and settings; loaded once, shared by every run that asks for the same.

    A folder whose files have changed since it was loaded is another model.

    Raises:
        EntminError: the model cannot be loaded.
    """
    weights = ("engine", name, device, dtype, revision, state_of(name))
    close_engines(lambda key: isinstance(key, tuple) and key[:2] == weights[:2] and key[5] != weights[5])

    def make() -> Engine:
        alike = any_open(lambda key: isinstance(key, tuple) and key[:6] == weights)
        loaded = (
            alike.loaded if isinstance(alike, Engine) else load(name, device=device, dtype=dtype, revision=revision)
        )
        return Engine(loaded, batch_size=batch_size, threads=threads)

    return opened((*weights, batch_size, threads), make)


class InProcess:
    """The shared engine as `entmin.evals.choice` wants one."""

    measures: frozenset[Confidence] = OWN_SERVER_MEASURES | {"entropy_centroid", "power"}
    text_prompts = True

    def __init__(self, name: str, options: dict[str, Any], said: Mapping[str, Any] | None = None) -> None:
        """Load the model.

        Args:
            name: alias, folder or Hub id.
            options: of the engine.
            said: what every request says of the chat template (`EngineChoice.said`).

        Raises:
            EntminError: it cannot be loaded, or its chat template does not read what is said.
        """
        self.name, self.options, self.said = name, options, dict(said or {})
        self.engine = shared_engine(name, **options)
        if self.said:
            chat_text(self.engine.loaded, [{"role": "user", "content": "Hello"}], switches_of(self.said))

    @property
    def stats(self) -> EngineStats:
        """The engine's counters."""
        return self.engine.stats

    @property
    def notices(self) -> list[str]:
        """What a user should be told."""
        return self.engine.notices

    @property
    def concurrency(self) -> int:
        """Enough requests in flight to keep the batch full."""
        return 2 * self.engine.batch_size

    def model(self) -> Model:
        """A fresh Inspect model on this engine: what stops a run (`stopping.Stopping.model`) is put around it."""
        return get_model(f"entmin/{self.name}", memoize=False, **self.options)

    def identity(self) -> dict[str, Any]:
        """Weights, where and how they are computed with, and how seeds become tokens."""
        chosen = {key: self.options.get(key, "auto") for key in ("device", "dtype")}
        known = {"engine": "transformers", "revision": self.engine.loaded.revision, "sampler": SAMPLER}
        return {**known, **chosen, **self.said}

    def record(self) -> dict[str, Any]:
        """Version, the dtype and device that ``auto`` came to, and how the model was found to decode rightly."""
        loaded = self.engine.loaded
        where = {"device": str(loaded.device), "decoding": loaded.decoding}
        dtype = str(loaded.dtype).removeprefix("torch.")
        return {"engine": "transformers", "version": version("transformers"), "dtype": dtype, **where}

    def body(self, mode: Mode) -> dict[str, Any]:
        """The method, and the sampling that Inspect's own fields do not carry."""
        return {"vllm_xargs": mode.method.to_args(), **self.said} | ({"min_p": mode.min_p} if mode.min_p else {})

    def close(self) -> None:
        """Let go of the model; whoever still holds Inspect's model opens it again on use."""
        self.engine.close()


class EntminAPI(ModelAPI):
    """Sends Inspect's requests to the shared engine."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008 - Inspect's signature
        **model_args: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        unknown = sorted(set(model_args) - set(ENGINE_OPTIONS))
        if unknown:
            raise UsageError(f"unknown model argument {', '.join(unknown)}; known: {', '.join(ENGINE_OPTIONS)}")
        self._options = model_args
        loaded = shared_engine(model_name, **model_args).loaded
        # Unknown ones Inspect makes a second time, by name alone, to ask for their context: another engine.
        set_model_info(f"entmin/{model_name}", ModelInfo(context_length=loaded.max_length))

    @property
    def engine(self) -> Engine:
        """Looked up each time: Inspect keeps this object, and the engine may have been closed and opened since."""
        return shared_engine(self.model_name, **self._options)

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        """Decode one or `num_choices` answers to a conversation."""
        if tools:
            raise UsageError("the entmin engine has no tool calling; use a vLLM server for tasks with tools")
        request = build_request(self.engine.loaded, input, config)
        before = (input[-1].metadata or {}).get(BEFORE)
        text = None if before is None else before + self._text(input, config)
        if text is not None:
            request = replace(request, prompt=encode_chat_text(self.engine.loaded.tokenizer, text))
        if (input[-1].metadata or {}).get(TOKENS):
            request = replace(request, token_entropies=True, confidence=True, alternatives=_ALTERNATIVES)
        strategy = strategy_of(input)
        if isinstance(strategy, PowerSampling):
            return await self._power(request, strategy)
        request = replace(request, **needed(strategy))
        futures = [
            self.engine.submit(replace(request, seed=request.seed + choice))
            for choice in range(config.num_choices or 1)
        ]
        completions = await asyncio.gather(*(asyncio.wrap_future(future) for future in futures))
        extra = {} if text is None else {"prompt": text}
        extra |= measured(strategy, completions[0])
        if (input[-1].metadata or {}).get(TOKENS):
            extra["tokens"] = token_record(self.engine.loaded, completions[0])
        return _output(self.model_name, completions, extra)

    def _text(self, messages: list[ChatMessage], config: GenerateConfig) -> str:
        return chat_text(self.engine.loaded, as_turns(messages), switches_of(config.extra_body or {}))

    async def _power(self, request: Request, strategy: PowerSampling) -> ModelOutput:
        """The answer that a chain comes to, with the cost of all its calls."""
        found = await power_sample(
            lambda one: asyncio.wrap_future(self.engine.submit(one)),
            request,
            strategy.power,
            strategy.steps,
            strategy.blocks,
        )
        outputs = [_output(self.model_name, [done], {}) for done in found.calls]
        last = outputs[-1].model_copy(deep=True)
        loaded, written = self.engine.loaded, found.written
        last.completion = decoder(loaded.tokenizer).until(written.tokens, request.stop)
        last.choices[0].stop_reason = written.stop_reason
        return total(last, outputs, accepted=found.accepted, proposed=found.proposed, answer_tokens=len(written.tokens))

    def max_connections(self) -> int:
        """Enough requests in flight to keep the batch full."""
        return 2 * self.engine.batch_size

    def connection_key(self) -> str:
        """Requests to one model share one queue."""
        return self.model_name


def build_request(loaded: LoadedModel, messages: list[ChatMessage], config: GenerateConfig) -> Request:
    """Translate Inspect's request.

    Raises:
        UsageError: a setting that this engine does not honour, or an unknown method option.
    """
    ignored = [name for name in _UNSUPPORTED if getattr(config, name, None)]
    body = dict(config.extra_body or {})
    ignored += [f"extra_body[{key!r}]" for key in body if key not in _BODY_KEYS]
    if ignored:
        raise UsageError(f"the entmin engine does not support {', '.join(ignored)}; leave it out or use a vLLM server")
    fields = {"temperature": config.temperature, "top_p": config.top_p, "top_k": config.top_k, "seed": config.seed}
    fields["top_k"] = None if config.top_k is None else max(0, config.top_k)
    fields["min_p"] = body.get("min_p")
    given = {name: value for name, value in fields.items() if value is not None}
    mode = requested(body.get("vllm_xargs", {}), fields=given)
    return Request(
        prompt=encode_chat(loaded, as_turns(messages), switches_of(body)),
        method=mode.method,
        sampling=mode.sampling,
        max_tokens=config.max_tokens or DEFAULT_MAX_TOKENS,
        seed=mode.seed or 0,
        stop=tuple(config.stop_seqs or ()),
        confidence=bool(config.logprobs),
    )


def as_turns(messages: list[ChatMessage]) -> list[dict[str, str]]:
    """Inspect's messages as chat templates take them."""
    return [{"role": message.role, "content": message.text} for message in messages]


def _output(model: str, completions: list[Completion], extra: dict[str, Any]) -> ModelOutput:
    choices = [
        ChatCompletionChoice(
            message=ChatMessageAssistant(content=done.text, model=model, source="generate"),
            stop_reason=done.stop_reason,
        )
        for done in completions
    ]
    read, written = completions[0].prompt_tokens, sum(len(done.tokens) for done in completions)
    return ModelOutput(
        model=model,
        choices=choices,
        usage=ModelUsage(input_tokens=read, output_tokens=written, total_tokens=read + written),
        time=max(done.seconds for done in completions),
        metadata={name: _mean(completions, name) for name in _measured(completions[0])} | extra,
    )


def _measured(done: Completion) -> list[str]:
    names = ("entropy_before", "entropy_after", "log_probability", "self_certainty")
    return [name for name in names if getattr(done, name) is not None]


def _mean(completions: list[Completion], name: str) -> float:
    """Mean over all tokens of all completions."""
    total = sum(len(done.tokens) for done in completions)
    return sum(float(getattr(done, name)) * len(done.tokens) for done in completions) / total
