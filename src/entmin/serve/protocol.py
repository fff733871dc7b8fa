"""From an OpenAI-style request body to requests of the engine."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, FailFast, Field, ValidationInfo, field_validator, model_validator

from entmin.engine.loaded import LoadedModel
from entmin.engine.prompts import Switches
from entmin.engine.requests import Request
from entmin.errors import UsageError, closest
from entmin.methods.base import PREFIX
from entmin.mode import Mode, Sampling
from entmin.serve.fields import Body, RequestError, Text, refused, whole, wrong
from entmin.serve.logprobs import MOST
from entmin.serve.prompts import Messages, Templated, encode_messages, encode_prompts, too_long
from entmin.wire import keys, refuse_costly, requested

_MOST_CHOICES = 128
_MOST_STOPS, _LONGEST_STOP = 16, 256
_COMPLETION_TOKENS = 16
"""The API's own default for completions; chats may go on to the end of the context."""

_UNSUPPORTED: dict[str, tuple[Any, ...]] = {
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "repetition_penalty": (1,),
    "length_penalty": (1,),
    "logit_bias": ({},),
    "min_tokens": (0,),
    "ignore_eos": (False,),
    "use_beam_search": (False,),
    "early_stopping": (False,),
    "stop_token_ids": ([],),
    "bad_words": ([],),
    "include_stop_str_in_output": (False,),
    "skip_special_tokens": (True,),
    "spaces_between_special_tokens": (True,),
    "return_tokens_as_token_ids": (False,),
    "return_token_ids": (False,),
    "logits_processors": ([],),
    "priority": (0,),
    "store": (False,),
    "service_tier": ("auto", "default"),
    "verbosity": ("medium",),
}
_UNSUPPORTED |= dict.fromkeys(("best_of", "typical_p", "tfs_z", "repeat_penalty"), (1,))  # of llama.cpp's clients
_UNSUPPORTED |= dict.fromkeys(("mirostat", "top_a", "xtc_probability", "dry_multiplier"), (0,))
_UNSUPPORTED |= {"cache_prompt": (True, False), "extra_body": ({},)}
_LABELS = frozenset({"metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "request_id"})
"""Fields that say who asks or what for, and change no answer; they may have any value."""


@dataclass(frozen=True)
class Served:
    """What is served, and what requests that do not say get."""

    loaded: LoadedModel
    name: str
    mode: Mode
    max_tokens: int | None = None
    """Length of answers whose request gives none; None is the API's own rule."""
    system: str | None = None
    """System turn of conversations that have none."""
    switches: Switches = field(default_factory=dict)
    """Variables of the chat template (`entmin.engine.prompts`); a request's own go before them."""


@dataclass(frozen=True)
class Ask:
    """A parsed request: `n` choices for each prompt."""

    requests: list[Request]
    """Choice j of a prompt has the request's seed plus j, so that a list of prompts equals the same prompts alone."""
    n: int
    stream: bool
    include_usage: bool

    @property
    def logprobs(self) -> bool:
        """Whether log-probabilities are to be returned."""
        return self.requests[0].confidence


class StreamOptions(Body):
    """What a stream has beside its text."""

    neutral: ClassVar[dict[str, tuple[Any, ...]]] = {
        "include_obfuscation": (False,), "continuous_usage_stats": (False,)
    }  # fmt: skip

    include_usage: bool = False


def _as_list(stop: Any) -> Any:
    return [stop] if isinstance(stop, str) else stop


def _few(stops: list[str]) -> list[str]:
    if len(stops) > _MOST_STOPS or not all(0 < len(stop) <= _LONGEST_STOP for stop in stops):
        raise wrong(f"must be a text or at most {_MOST_STOPS} texts of 1 to {_LONGEST_STOP} characters")
    return stops


def _own_names(xargs: dict[str, Any]) -> dict[str, Any]:
    for key in xargs:
        if not key.startswith(PREFIX):
            near = closest(f"{PREFIX}{key[:64]}", keys()) or closest(key[:64], keys())
            raise wrong(f"is not known here{near}; names begin with {PREFIX}", key)
    return xargs


Limit = Annotated[int, whole(1, 1 << 30)]


class RequestBody(Body):
    """What both kinds of request have."""

    labels: ClassVar[frozenset[str]] = _LABELS

    model: str | None = None
    user: str | None = None
    """Says who asks, and changes nothing."""
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: Annotated[int, whole(1, _MOST_CHOICES)] = 1
    max_tokens: Limit | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: Annotated[int, whole(-1, 1 << 30)] | None = None
    min_p: float | None = None
    seed: Annotated[int, whole(-(1 << 63), (1 << 63) - 1)] | None = None
    stop: Annotated[list[Text], FailFast(), BeforeValidator(_as_list), AfterValidator(_few)] = Field([])
    vllm_xargs: Annotated[dict[str, Any], AfterValidator(_own_names)] = Field({})

    @field_validator("temperature", "top_p", "top_k", "min_p")
    @classmethod
    def _in_range(cls, value: Any, info: ValidationInfo) -> Any:
        value = max(0, value) if info.field_name == "top_k" else value  # vLLM's -1 keeps all tokens, as 0 does
        try:
            Sampling(**{str(info.field_name): value})
        except UsageError as error:
            raise refused(error) from None
        return value

    @model_validator(mode="after")
    def _usage_of_a_stream(self) -> RequestBody:
        if self.stream_options is not None and self.stream_options.include_usage and not self.stream:
            raise wrong("is for streams; add stream: true", "stream_options")
        return self

    def ask(
        self,
        served: Served,
        prompts: list[list[int]],
        name: str,
        *,
        limit: int | None,
        otherwise: int | None,
        alternatives: int | None,
    ) -> Ask:
        """The engine's requests.

        Args:
            served: what is served.
            prompts: token ids of each prompt.
            name: of the field they came from.
            limit: of tokens, as the request has it.
            otherwise: the limit where the request has none.
            alternatives: tokens to list at every step, with their log-probabilities; None for no log-probabilities.

        Raises:
            RequestError: the mode is refused, or a prompt and its answer do not fit the context.
        """
        mode = self._mode(served)
        first = secrets.randbits(31) if mode.seed is None else mode.seed
        requests = [
            Request(
                prompt,
                mode.method,
                mode.sampling,
                room_for(prompt, limit, otherwise, name, served.loaded),
                _signed(first + choice),
                tuple(self.stop),
                confidence=alternatives is not None,
                alternatives=alternatives or 0,
            )
            for prompt in prompts
            for choice in range(self.n)
        ]
        return Ask(requests, self.n, self.stream, self.stream_options is not None and self.stream_options.include_usage)

    def _mode(self, served: Served) -> Mode:
        names = ("temperature", "top_p", "top_k", "min_p", "seed")
        fields = {name: value for name in names if (value := getattr(self, name)) is not None}
        try:
            mode = requested(self.vllm_xargs, served.mode, fields)
            refuse_costly(mode.method, served.mode)
        except UsageError as error:
            raise RequestError(str(error), "vllm_xargs") from None
        return mode


class ChatBody(Templated, RequestBody):
    """The body of ``/v1/chat/completions``."""

    neutral: ClassVar[dict[str, tuple[Any, ...]]] = _UNSUPPORTED | {
        "response_format": ({"type": "text"},),
        "tools": ([],),
        "tool_choice": ("none", "auto"),
        "parallel_tool_calls": (True, False),
        "functions": ([],),
        "function_call": ("none", "auto"),
        "modalities": (["text"],),
        "audio": (),
        "prediction": (),
        "add_generation_prompt": (True,),
        "continue_final_message": (False,),
        "add_special_tokens": (False,),
        "echo": (False,),
        "documents": ([],),
        "mm_processor_kwargs": ({},),
    }

    messages: Messages
    max_completion_tokens: Limit | None = None
    logprobs: bool = False
    top_logprobs: Annotated[int, whole(0, MOST)] = 0

    @model_validator(mode="after")
    def _consistent(self) -> ChatBody:
        if self.top_logprobs and not self.logprobs:
            raise wrong("needs logprobs: true", "top_logprobs")
        if None not in (self.max_tokens, self.max_completion_tokens) and self.max_tokens != self.max_completion_tokens:
            raise wrong("and max_completion_tokens differ; give one of them", "max_tokens")
        return self


class CompletionBody(RequestBody):
    """The body of ``/v1/completions``."""

    neutral: ClassVar[dict[str, tuple[Any, ...]]] = _UNSUPPORTED | {
        "echo": (False,), "suffix": ("",), "add_special_tokens": (True,)
    }  # fmt: skip

    prompt: Any = None
    logprobs: Annotated[int, whole(0, MOST)] | None = None


def read_chat(body: Any, served: Served) -> Ask:
    """Parse the body of ``/v1/chat/completions``.

    Raises:
        RequestError: a field that is unknown, unsupported or out of range.
    """
    asked = ChatBody.read(body, served.name)
    return asked.ask(
        served,
        [encode_messages(served.loaded, asked.messages, asked.switches(served.switches), served.system)],
        "messages",
        limit=asked.max_tokens or asked.max_completion_tokens,
        otherwise=served.max_tokens,
        alternatives=asked.top_logprobs if asked.logprobs else None,
    )


def read_completion(body: Any, served: Served) -> Ask:
    """Parse the body of ``/v1/completions``.

    Raises:
        RequestError: a field that is unknown, unsupported or out of range.
    """
    asked = CompletionBody.read(body, served.name)
    return asked.ask(
        served,
        encode_prompts(served.loaded, asked.prompt),
        "prompt",
        limit=asked.max_tokens,
        otherwise=served.max_tokens or _COMPLETION_TOKENS,
        alternatives=asked.logprobs,
    )


def _signed(seed: int) -> int:
    """A seed that a request may have: after the greatest comes the least."""
    return (seed + (1 << 63)) % (1 << 64) - (1 << 63)


def room_for(prompt: list[int], limit: int | None, otherwise: int | None, name: str, loaded: LoadedModel) -> int:
    """Length of the answer. What is asked for must fit the context; what is not asked for is cut to fit."""
    free = loaded.max_length - len(prompt)
    if not prompt:
        raise RequestError(f"{name} has no tokens", name)
    if free < (limit or 1):
        raise too_long(loaded, name, str(len(prompt)), limit or 1)
    return limit or min(free, otherwise or free)
