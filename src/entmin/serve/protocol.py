"""What an OpenAI-style request asks of the engine."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from entmin.engine.loading import LoadedModel
from entmin.engine.requests import Request
from entmin.methods.base import PREFIX
from entmin.mode import Mode, Sampling
from entmin.serve.fields import Fields, RequestError, blaming
from entmin.serve.logprobs import MOST
from entmin.serve.prompts import check_text, encode_messages, read_messages, read_prompts
from entmin.wire import refuse_costly, requested

_MOST_CHOICES = 128
_MOST_STOPS, _LONGEST_STOP = 16, 256
_COMPLETION_TOKENS = 16
"""The API's own default for completions; chats may go on to the end of the context."""

# Fields of the API that this engine does not honour, and the values of them that ask for nothing.
_UNSUPPORTED: dict[str, tuple[Any, ...]] = {
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "repetition_penalty": (1,),
    "logit_bias": ({},),
    "min_tokens": (0,),
    "ignore_eos": (False,),
}
_UNSUPPORTED_CHAT = _UNSUPPORTED | {
    "response_format": ({"type": "text"},),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "parallel_tool_calls": (True, False),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "modalities": (["text"],),
    "reasoning_effort": (),
    "audio": (),
    "prediction": (),
    "chat_template_kwargs": ({},),
}
_UNSUPPORTED_COMPLETION = _UNSUPPORTED | {"echo": (False,), "suffix": ("",), "best_of": (1,)}


@dataclass(frozen=True)
class Served:
    """What is served, and what requests that do not say get."""

    loaded: LoadedModel
    name: str
    mode: Mode
    max_tokens: int | None = None
    """Length of answers whose request gives none; None is the API's own rule."""


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


def read_chat(body: Any, served: Served) -> Ask:
    """Parse the body of ``/v1/chat/completions``.

    Raises:
        RequestError: a field that is unknown, unsupported or out of range.
    """
    fields = Fields(body)
    messages = read_messages(fields)
    limits = [limit for name in ("max_completion_tokens", "max_tokens") if (limit := _limit(fields, name)) is not None]
    if len(set(limits)) > 1:
        raise fields.error("max_tokens", "and max_completion_tokens differ; give one of them")
    ask = _common(fields, served, *_chat_logprobs(fields))
    fields.close(_UNSUPPORTED_CHAT)
    prompt = encode_messages(served.loaded, messages)
    return ask([prompt], "messages", limits[0] if limits else None, served.max_tokens)


def read_completion(body: Any, served: Served) -> Ask:
    """Parse the body of ``/v1/completions``.

    Raises:
        RequestError: a field that is unknown, unsupported or out of range.
    """
    fields = Fields(body)
    prompts = read_prompts(fields, served.loaded)
    limit = _limit(fields, "max_tokens")
    alternatives = fields.whole("logprobs", 0, MOST)
    ask = _common(fields, served, alternatives is not None, alternatives or 0)
    fields.close(_UNSUPPORTED_COMPLETION)
    return ask(prompts, "prompt", limit, served.max_tokens or _COMPLETION_TOKENS)


def _chat_logprobs(fields: Fields) -> tuple[bool, int]:
    """Whether log-probabilities are wanted, and of how many alternatives."""
    wanted = fields.take("logprobs", bool, default=False)
    alternatives = fields.whole("top_logprobs", 0, MOST) or 0
    if alternatives and not wanted:
        raise fields.error("top_logprobs", "needs logprobs: true")
    return wanted, alternatives


def check_model(fields: Fields, served: Served) -> None:
    """Take the field ``model``.

    Raises:
        RequestError: another model is asked for.
    """
    model = fields.take("model", str, default=served.name)
    if model != served.name:
        message = f"the model {model!r} is not served here; this server has {served.name!r}"
        raise RequestError(message, "model", status=404, code="model_not_found")


def _common(
    fields: Fields, served: Served, logprobs: bool, alternatives: int
) -> Callable[[list[list[int]], str, int | None, int | None], Ask]:
    """Read what both kinds of request have.

    Returns:
        What makes an `Ask` of prompts, their field's name, the limit asked for, and the one where none was.
    """
    check_model(fields, served)
    fields.take("user", str)  # says who asks, and changes nothing
    stream = fields.take("stream", bool, default=False)
    include_usage = _include_usage(fields, stream)
    n = fields.whole("n", 1, _MOST_CHOICES) or 1
    seed = fields.whole("seed", -(1 << 63), (1 << 63) - 1)
    mode = _mode(fields, served, {} if seed is None else {"seed": seed})
    chosen = Request([], mode.method, mode.sampling, stop=_stops(fields))
    form = replace(chosen, confidence=logprobs, alternatives=alternatives)
    first = secrets.randbits(31) if mode.seed is None else mode.seed

    def ask(prompts: list[list[int]], name: str, limit: int | None, otherwise: int | None) -> Ask:
        room = partial(_room, limit=limit, otherwise=otherwise, name=name, loaded=served.loaded)
        requests = [
            replace(form, prompt=prompt, max_tokens=room(prompt), seed=first + choice)
            for prompt in prompts
            for choice in range(n)
        ]
        return Ask(requests, n, stream, include_usage)

    return ask


def _include_usage(fields: Fields, stream: bool) -> bool:
    options = fields.take("stream_options", dict)
    if options is None:
        return False
    if not stream:
        raise fields.error("stream_options", "is for streams; add stream: true")
    inner = Fields(options, "stream_options.")
    wanted: bool = inner.take("include_usage", bool, default=False)
    inner.close({"include_obfuscation": (False,), "continuous_usage_stats": (False,)})
    return wanted


def _limit(fields: Fields, name: str) -> int | None:
    return fields.whole(name, 1, 1 << 30)


def _room(prompt: list[int], limit: int | None, otherwise: int | None, name: str, loaded: LoadedModel) -> int:
    """Length of the answer. What is asked for must fit the context; what is not asked for is cut to fit."""
    free = loaded.max_length - len(prompt)
    if not prompt:
        raise RequestError(f"{name} has no tokens", name)
    if free < (limit or 1):
        raise RequestError(
            f"the context of {loaded.name} has {loaded.max_length} tokens; {name} takes {len(prompt)} of them, "
            f"and {limit or 1} are asked for; shorten {name} or lower max_tokens",
            name,
            code="context_length_exceeded",
        )
    return limit or min(free, otherwise or free)


def _mode(fields: Fields, served: Served, seed: dict[str, int]) -> Mode:
    xargs = fields.take("vllm_xargs", dict, default={})
    for key in xargs:
        if not key.startswith(PREFIX):
            raise RequestError(f"vllm_xargs.{key} is not known here; names begin with {PREFIX}", f"vllm_xargs.{key}")
    sampling = _sampling(fields)
    with blaming("vllm_xargs"):
        mode = requested(xargs, served.mode, sampling | seed)
        refuse_costly(mode.method, served.mode)
    return mode


def _sampling(fields: Fields) -> dict[str, Any]:
    """The sampling fields that the request has."""
    given = {name: fields.take(name, float, int) for name in ("temperature", "top_p", "min_p")}
    top_k = fields.whole("top_k", -1, 1 << 30)
    given["top_k"] = None if top_k is None else max(0, top_k)  # vLLM's -1 keeps all tokens, as 0 does
    chosen = {name: value for name, value in given.items() if value is not None}
    for name, value in chosen.items():
        with blaming(name):
            Sampling(**{name: value})
    return chosen


def _stops(fields: Fields) -> tuple[str, ...]:
    value = fields.take("stop", str, list, default=[])
    stops = [value] if isinstance(value, str) else value
    if len(stops) > _MOST_STOPS or not all(isinstance(s, str) and 0 < len(s) <= _LONGEST_STOP for s in stops):
        limits = f"at most {_MOST_STOPS} texts of 1 to {_LONGEST_STOP} characters"
        raise fields.error("stop", f"must be a text or {limits}")
    for stop in stops:
        check_text(stop, "stop")
    return tuple(stops)
