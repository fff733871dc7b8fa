"""Inspect model provider ``entmin-server/<served name>``: Inspect's own OpenAI-compatible one over several servers.

Added to it: a request goes to the server that is likely to answer soonest, and to another where that one is gone; the
run ends with one message where none is left; confidence comes back as in the in-process engine; and prompts go as text
to servers of vLLM and entmin. An answer depends on its seed and not on the server, up to rounding.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, Any, TypeVar, cast

import openai
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    ModelCall,
    ModelOutput,
    ModelUsage,
)
from inspect_ai.model._providers.openai_compatible import OpenAICompatibleAPI
from inspect_ai.tool import ToolChoice, ToolInfo
from openai.types import Completion
from openai.types.chat import ChatCompletion

from entmin.clients import NO_KEY, FaultyServerError, explained, said
from entmin.engine.prompts import EFFORT, switches_of
from entmin.engine.requests import PromptTooLongError
from entmin.errors import EntminError
from entmin.evals.endpoints import Endpoints
from entmin.evals.measured import measured_by_server, needed_of_server, strategy_of
from entmin.evals.several import BEFORE

if TYPE_CHECKING:
    from entmin.evals.servers import Servers
    from entmin.strategies import Strategy

_SECONDS = 3600.0
"""Longest wait for one answer."""
_TRIES = 3
"""Of a request whose answers are no completions, as of a gateway that cuts them off."""
_URL: ContextVar[str] = ContextVar("url")
"""The server of the request under way."""
Answer = TypeVar("Answer", ChatCompletion, Completion)
_TOO_LONG = ("context length", "context_length", "maximum model length", "max_model_len", "the context of")


class ServerAPI(OpenAICompatibleAPI):
    """Sends Inspect's requests to servers."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008 - Inspect's signature
        **model_args: Any,
    ) -> None:
        super().__init__(
            model_name,
            base_url,
            api_key or NO_KEY,
            config,
            service="entmin-server",
            client_timeout=_SECONDS,
            **model_args,
        )
        self._servers: Servers | None = None
        self._endpoints = Endpoints([str(self.base_url)])

    def connect(self, servers: Servers) -> None:
        """Spread requests over these servers and count them there."""
        self._servers, self._endpoints = servers, servers.endpoints

    def _client(self) -> openai.AsyncOpenAI:
        return self.client.with_options(base_url=_URL.get(), max_retries=2)

    async def _generate_completion(self, request: dict[str, Any], config: GenerateConfig) -> ChatCompletion:
        create = self._client().chat.completions.create
        return await self._well_formed(lambda: create(**request), ChatCompletion)

    async def _well_formed(self, ask: Callable[[], Awaitable[Any]], kind: type[Answer]) -> Answer:
        """Ask again where the answer is half a document, another document, or has nothing in it.

        Raises:
            FaultyServerError: it was so each time.
        """
        wrong = ""
        for _ in range(_TRIES):
            try:
                found = await ask()
            except ValueError as error:  # what the client's parser raises
                wrong = str(error)
            else:
                if isinstance(found, kind) and found.choices:
                    return found
                wrong = "it has no choices" if isinstance(found, kind) else "it is another document"
        raise FaultyServerError(
            f"{_URL.get()} gave {_TRIES} answers that are no completion ({wrong}); see what stands between, then run "
            "the same command"
        )

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput | tuple[ModelOutput | Exception, ModelCall]:
        """Ask one server, and another where that one is faulty.

        Raises:
            FaultyServerError: none answers.
            EntminError: one refuses the request.
            PromptTooLongError: the conversation leaves no room for an answer.
        """
        strategy = strategy_of(input)
        config = config.model_copy(update=needed_of_server(strategy))
        asked: list[str] = []
        fault: FaultyServerError | None = None
        while (url := self._endpoints.take(asked)) is not None:
            asked.append(url)
            _URL.set(url)
            try:
                with self._endpoints.asked(url, (FaultyServerError, openai.APIError)), explained(url, asks_again=True):
                    return await self._asked_one(input, tools, tool_choice, config, strategy)
            except FaultyServerError as error:
                fault = error
        assert fault is not None
        raise fault

    async def _asked_one(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
        strategy: Strategy | None,
    ) -> ModelOutput | tuple[ModelOutput | Exception, ModelCall]:
        if self._servers is None:
            return await super().generate(input, tools, tool_choice, config)
        before = (input[-1].metadata or {}).get(BEFORE)
        with self._servers.counted():
            if before is not None:
                output = await self._continue(before, input, config)
            else:
                found = await super().generate(input, tools, tool_choice, config)
                output = self._answer(found, strategy)
        self._count(output)
        return output

    def _answer(
        self,
        result: ModelOutput | tuple[ModelOutput | Exception, ModelCall],
        strategy: Strategy | None,
    ) -> ModelOutput:
        found = result[0] if isinstance(result, tuple) else result
        if isinstance(found, openai.APIError):
            raise _refused(found)
        if isinstance(found, Exception):
            raise found
        measure = measured_by_server(strategy, found.choices[0].logprobs if found.choices else None)
        found.metadata = (found.metadata or {}) | _confidence(found.choices) | measure
        return found

    def _count(self, output: ModelOutput) -> None:
        assert self._servers is not None
        stats, usage = self._servers.stats, output.usage or ModelUsage()
        stats.completed += 1
        stats.generated_tokens += usage.output_tokens
        stats.prompt_tokens += usage.input_tokens + (usage.input_tokens_cache_read or 0)

    def chat_choices_from_completion(
        self, completion: ChatCompletion, tools: list[ToolInfo]
    ) -> list[ChatCompletionChoice]:
        """Keep what entmin's own server measured, for `generate` to find."""
        choices = super().chat_choices_from_completion(completion, tools)
        ordered = sorted(completion.choices, key=lambda choice: choice.index)
        for choice, raw in zip(choices, ordered, strict=True):
            choice.message.metadata = {"entmin": (raw.model_extra or {}).get("entmin") or {}}
        return choices

    async def _continue(self, before: str, input: list[ChatMessage], config: GenerateConfig) -> ModelOutput:
        """Answer a prompt given as text: what stands before, then the conversation in the server's template."""
        client = self._client()
        name = self.service_model_name()
        plain = client.with_options(base_url=_URL.get().removesuffix("/v1"))

        async def post(path: str, **body: Any) -> dict[str, Any]:
            return cast(dict[str, Any], await plain.post(path, cast_to=dict[str, Any], body={"model": name, **body}))

        turns = [{"role": message.role, "content": message.text} for message in input]
        switches = switches_of(config.extra_body or {})
        body = {k: v for k, v in (config.extra_body or {}).items() if k not in ("chat_template_kwargs", EFFORT)}
        told = {"chat_template_kwargs": switches} if switches else {}
        asked = await post("/tokenize", messages=turns, add_generation_prompt=True, **told)
        text = before + str((await post("/detokenize", tokens=asked["tokens"]))["prompt"])
        whole = await post("/tokenize", prompt=text, add_special_tokens=False)
        free = int(whole["max_model_len"]) - len(whole["tokens"])
        if free < 1:
            raise PromptTooLongError(
                f"the prompt has {len(whole['tokens'])} tokens; {name} takes {free + len(whole['tokens'])}"
            )
        try:
            ask = partial(
                client.completions.create,
                model=name,
                prompt=whole["tokens"],
                max_tokens=min(free, config.max_tokens or free),
                temperature=config.temperature,
                top_p=config.top_p,
                seed=config.seed,
                extra_body=body,
            )
            done = await self._well_formed(ask, Completion)
        except openai.BadRequestError as error:
            raise _refused(error) from error
        return _text_output(name, done, text)


def _refused(error: openai.APIError) -> EntminError:
    message = said(error)
    if any(words in message.lower() for words in _TOO_LONG):
        return PromptTooLongError(f"{_URL.get()}: {message}; use a smaller --max-tokens or a longer context")
    return EntminError(f"{_URL.get()} refused a request: {message}")


def _text_output(model: str, done: openai.types.Completion, prompt: str) -> ModelOutput:
    choice, usage = done.choices[0], done.usage
    read, written = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
    message = ChatMessageAssistant(content=choice.text, model=model, source="generate")
    return ModelOutput(
        model=model,
        choices=[
            ChatCompletionChoice(
                message=message, stop_reason="max_tokens" if choice.finish_reason == "length" else "stop"
            )
        ],
        usage=ModelUsage(input_tokens=read, output_tokens=written, total_tokens=read + written),
        metadata={"prompt": prompt} | _own_measures((choice.model_extra or {}).get("entmin")),
    )


def _confidence(choices: list[ChatCompletionChoice]) -> dict[str, float]:
    """Means per token, as the in-process engine reports them; log-probabilities are not kept one by one."""
    found: dict[str, float] = {}
    for choice in choices[:1]:
        if choice.logprobs is not None and choice.logprobs.content:
            found["log_probability"] = fmean(token.logprob for token in choice.logprobs.content)
        choice.logprobs = None
        found |= _own_measures((choice.message.metadata or {}).get("entmin"))
        choice.message.metadata = None
    return found


def _own_measures(measured: Any) -> dict[str, float]:
    """What entmin's own server writes beside a choice."""
    names = ("entropy_before", "entropy_after", "log_probability", "self_certainty")
    return {name: float(measured[name]) for name in names if name in measured} if isinstance(measured, dict) else {}
