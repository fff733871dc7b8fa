"""What an OpenAI-style request asks of the engine."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from jinja2 import TemplateError

from entmin.engine.loading import LoadedModel
from entmin.engine.prompts import encode_chat, encode_text
from entmin.engine.requests import Request, Sampling
from entmin.methods import Method, Normal
from entmin.methods.base import PREFIX
from entmin.methods.wire import requested
from entmin.serve.fields import Fields, RequestError, blaming

_MOST_CHOICES = 128
_MOST_PROMPTS = 1024
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
    "logprobs": (False,),
    "top_logprobs": (0,),
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
_UNSUPPORTED_COMPLETION = _UNSUPPORTED | {"logprobs": (), "echo": (False,), "suffix": ("",), "best_of": (1,)}
_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


@dataclass(frozen=True)
class Served:
    """What is served, and what requests that do not say get."""

    loaded: LoadedModel
    name: str
    method: Method
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


def read_chat(body: Any, served: Served) -> Ask:
    """Parse the body of ``/v1/chat/completions``.

    Raises:
        RequestError: a field that is unknown, unsupported or out of range.
    """
    fields = Fields(body)
    messages = _messages(fields)
    limits = [limit for name in ("max_completion_tokens", "max_tokens") if (limit := _limit(fields, name)) is not None]
    if len(set(limits)) > 1:
        raise fields.error("max_tokens", "and max_completion_tokens differ; give one of them")
    ask = _common(fields, served)
    fields.close(_UNSUPPORTED_CHAT)
    try:
        prompt = encode_chat(served.loaded, messages)
    except TemplateError as error:
        raise RequestError(f"the model's chat template refuses these messages: {error}", "messages") from None
    return ask([prompt], "messages", limits[0] if limits else None, served.max_tokens)


def read_completion(body: Any, served: Served) -> Ask:
    """Parse the body of ``/v1/completions``.

    Raises:
        RequestError: a field that is unknown, unsupported or out of range.
    """
    fields = Fields(body)
    prompts = _prompts(fields, served)
    limit = _limit(fields, "max_tokens")
    ask = _common(fields, served)
    fields.close(_UNSUPPORTED_COMPLETION)
    return ask(prompts, "prompt", limit, served.max_tokens or _COMPLETION_TOKENS)


def _common(fields: Fields, served: Served) -> Callable[[list[list[int]], str, int | None, int | None], Ask]:
    """Read what both kinds of request have.

    Returns:
        What makes an `Ask` of prompts, their field's name, the limit asked for, and the one where none was.
    """
    model = fields.take("model", str, default=served.name)
    if model != served.name:
        message = f"the model {model!r} is not served here; this server has {served.name!r}"
        raise RequestError(message, "model", status=404, code="model_not_found")
    fields.take("user", str)  # says who asks, and changes nothing
    stream = fields.take("stream", bool, default=False)
    include_usage = _include_usage(fields, stream)
    n = fields.whole("n", 1, _MOST_CHOICES) or 1
    seed = fields.whole("seed", -(1 << 63), (1 << 63) - 1)
    form = Request([], _method(fields, served), _sampling(fields), stop=_stops(fields))
    first = secrets.randbits(31) if seed is None else seed

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


def _method(fields: Fields, served: Served) -> Method:
    xargs = fields.take("vllm_xargs", dict, default={})
    for key in xargs:
        if not key.startswith(PREFIX):
            raise RequestError(f"vllm_xargs.{key} is not known here; names begin with {PREFIX}", f"vllm_xargs.{key}")
    with blaming("vllm_xargs"):
        return requested(xargs, served.method) or Normal()


def _sampling(fields: Fields) -> Sampling:
    given = {name: fields.take(name, float, int) for name in ("temperature", "top_p", "min_p")}
    top_k = fields.whole("top_k", -1, 1 << 30)
    given["top_k"] = None if top_k is None else max(0, top_k)  # vLLM's -1 keeps all tokens, as 0 does
    chosen = {name: value for name, value in given.items() if value is not None}
    for name, value in chosen.items():
        with blaming(name):
            Sampling(**{name: value})
    return Sampling(**chosen)


def _stops(fields: Fields) -> tuple[str, ...]:
    value = fields.take("stop", str, list, default=[])
    stops = [value] if isinstance(value, str) else value
    if len(stops) > _MOST_STOPS or not all(isinstance(s, str) and 0 < len(s) <= _LONGEST_STOP for s in stops):
        limits = f"at most {_MOST_STOPS} texts of 1 to {_LONGEST_STOP} characters"
        raise fields.error("stop", f"must be a text or {limits}")
    for stop in stops:
        _check_text(stop, "stop")
    return tuple(stops)


def _messages(fields: Fields) -> list[dict[str, str]]:
    messages = fields.take("messages", list)
    if not messages:
        raise fields.error("messages", "must be a list of at least one message")
    return [_message(message, f"messages[{i}].") for i, message in enumerate(messages)]


def _message(message: Any, prefix: str) -> dict[str, str]:
    fields = Fields(message, prefix)
    role = fields.take("role", str)
    if role not in _ROLES:
        raise fields.error("role", f"must be one of {', '.join(_ROLES)}, not {role!r}")
    content = fields.take("content", str, list, default="")
    if isinstance(content, list):
        content = "".join(_part(part, f"{prefix}content[{i}].") for i, part in enumerate(content))
    # what the official client writes back from an earlier answer
    fields.close({"refusal": (), "annotations": ([],), "tool_calls": ([],), "name": (), "audio": (), "entmin": ()})
    _check_text(content, f"{prefix}content")
    return {"role": _ROLES[role], "content": content}


def _part(part: Any, prefix: str) -> str:
    fields = Fields(part, prefix)
    if fields.take("type", str) != "text":
        raise fields.error("type", "must be text; the in-process engine reads no images, sounds or files")
    text: str = fields.take("text", str, default="")
    fields.close({})
    return text


def _prompts(fields: Fields, served: Served) -> list[list[int]]:
    """Token ids of a text, a list of texts, a list of token ids, or a list of those."""
    value = fields.take("prompt", str, list)
    if isinstance(value, list) and value and all(type(token) is int for token in value):
        value = [value]
    prompts = [value] if isinstance(value, str) else value
    if not prompts:
        raise fields.error("prompt", "must be a text, a list of texts, a list of token ids, or a list of those")
    if len(prompts) > _MOST_PROMPTS:
        raise fields.error("prompt", f"has {len(prompts)} prompts; at most {_MOST_PROMPTS} go into one request")
    vocabulary = served.loaded.model.get_input_embeddings().num_embeddings
    made = []
    for i, prompt in enumerate(prompts):
        name = f"prompt[{i}]" if len(prompts) > 1 else "prompt"
        if isinstance(prompt, str):
            _check_text(prompt, name)
            made.append(encode_text(served.loaded, prompt))
        elif isinstance(prompt, list) and all(type(token) is int and 0 <= token < vocabulary for token in prompt):
            made.append(prompt)
        else:
            raise RequestError(f"{name} must be a text or token ids from 0 to {vocabulary - 1}", "prompt")
    return made


def _check_text(text: str, name: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise RequestError(f"{name} has half of a surrogate pair, which is no text", name) from None
