"""What the page asks for, checked."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, FailFast, Field

from entmin.engine.requests import Request
from entmin.errors import UsageError
from entmin.mode import Mode, Sampling
from entmin.serve.fields import Body, RequestError, Text, whole, wrong
from entmin.serve.logprobs import MOST
from entmin.serve.prompts import Messages, encode_messages, is_tokens
from entmin.serve.protocol import Served, room_for
from entmin.wire import MODE_KEY, refuse_costly, requested

_MOST_ARMS, _MOST_TOKENS = 4, 4096


@dataclass(frozen=True)
class Asked:
    """One answer that is asked for: the engine's request and the mode that it was made of."""

    mode: Mode
    """Without its seed, and without the sampling that changes nothing."""
    request: Request


def _few(arms: list[Arm]) -> list[Arm]:
    if not 0 < len(arms) <= _MOST_ARMS:
        raise wrong(f"must be a list of 1 to {_MOST_ARMS} modes with their conversations")
    return arms


class Arm(Body):
    """One of the answers side by side."""

    mode: Text
    """In the grammar of modes, or as a JSON object."""
    messages: Messages


class StreamBody(Body):
    """The body of ``/play/stream``."""

    arms: Annotated[list[Arm], FailFast(), AfterValidator(_few)]
    max_tokens: Annotated[int, whole(1, _MOST_TOKENS)] = 256
    seed: Annotated[int, whole(-(1 << 63), (1 << 63) - 1)] = 0
    alternatives: Annotated[int, whole(1, MOST)] = 10


class StepBody(Body):
    """The body of ``/play/step``: an answer up to a step, and the mode to draw that step with."""

    mode: Text
    messages: Messages
    tokens: Annotated[list[Any], Field(max_length=_MOST_TOKENS)]
    seed: Annotated[int, whole(-(1 << 63), (1 << 63) - 1)] = 0
    alternatives: Annotated[int, whole(1, MOST)] = 10


def read_stream(body: Any, served: Served) -> list[Asked]:
    """Parse the body of ``/play/stream``.

    Raises:
        RequestError: a field that is unknown or out of range, or a prompt that does not fit the context.
    """
    asked = StreamBody.read(body, served.name)
    return [
        _asked(
            served,
            arm.mode,
            encode_messages(served.loaded, arm.messages, served.switches, served.system),
            asked.max_tokens,
            asked,
        )
        for arm in asked.arms
    ]


def read_step(body: Any, served: Served) -> tuple[Asked, list[int]]:
    """Parse the body of ``/play/step``; returns the request of the prompt, and the answer's tokens before the step.

    Raises:
        RequestError: a field that is unknown or out of range, or a prompt that does not fit the context.
    """
    asked = StepBody.read(body, served.name)
    if not is_tokens(asked.tokens, served.loaded):
        raise RequestError("tokens must be a list of token ids of this model's vocabulary", "tokens")
    prompt = encode_messages(served.loaded, asked.messages, served.switches, served.system)
    room_for([*prompt, *asked.tokens], 1, None, "messages", served.loaded)
    return _asked(served, asked.mode, prompt, 1, asked), asked.tokens


def mode_of(text: str, default: Mode, seed: int) -> Mode:
    """The mode of an arm, with the seed.

    Raises:
        RequestError: it is malformed, or costs too much.
    """
    try:
        chosen = requested({MODE_KEY: text}, default, {"seed": seed})
        refuse_costly(chosen.method, default)
    except UsageError as error:
        raise RequestError(str(error), "mode") from None
    return chosen


def shortest(chosen: Mode) -> Mode:
    """The same mode without its seed, and without the sampling that changes nothing."""
    neutral = dataclasses.asdict(Sampling())
    drawing = {name: value for name, value in dataclasses.asdict(chosen.sampling).items() if value != neutral[name]}
    return Mode(chosen.method, **drawing)


def _asked(served: Served, mode: str, prompt: list[int], limit: int, body: StreamBody | StepBody) -> Asked:
    chosen = mode_of(mode, served.mode, body.seed)
    return Asked(
        shortest(chosen),
        Request(
            prompt,
            chosen.method,
            chosen.sampling,
            min(limit, room_for(prompt, None, limit, "messages", served.loaded)),
            body.seed,
            confidence=True,
            alternatives=body.alternatives,
            drawn=True,
        ),
    )


class ExportedArm(Body):
    """One answer as the page shows it."""

    model_config = ConfigDict(strict=False)  # whose tuples are lists in JSON

    mode: Text
    tokens: list[tuple[Text, float | None, float | None, list[tuple[Text, float, float | None]]]]
    """Text, entropy before and after in nats, and alternatives with their probabilities before and after; None where
    the server does not say."""


class ExportBody(Body):
    """The body of ``/play/export``."""

    model_config = ConfigDict(strict=False)

    question: Text
    arms: Annotated[list[ExportedArm], Field(min_length=1, max_length=_MOST_ARMS)]
    facts: list[tuple[Text, Text]] = Field([])
