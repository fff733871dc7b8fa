"""What a run read before its first question: said in a few lines, and kept in ``read.json`` and the summary."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from inspect_ai.util import registry_info

from entmin.engine.prompts import CLOCK, encode_chat, switches_of
from entmin.engine.requests import UNBOUNDED
from entmin.errors import UsageError

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.dataset import Sample

    from entmin.evals.choice import RunningEngine
    from entmin.evals.provider import InProcess

_THINKING = ("enable_thinking", "thinking", "reasoning_effort", "thinking_budget")
"""Switches of chat templates that decide whether and how long a model thinks."""
_DATA = ("name", "origin", "columns", "columns_not_read")
_SHOWN = 3


@dataclass(frozen=True)
class Opening:
    """Facts of one run."""

    asked: int
    """Problems."""
    there: int
    """Problems that the task has."""
    data: dict[str, Any]
    """What the task says of its data: `_DATA`."""
    repeated_questions: int
    answers: dict[str, int]
    """Kind of what is right to problems."""
    scoring: list[str]
    """Who judges, with its options."""
    template: str
    """Who writes prompts, and what it is told."""
    prompt_tokens: tuple[int, int] | None
    """Of the shortest and the longest prompt; None where they are not known here."""
    context: int | None
    """The longest sequence that the model takes, in tokens."""
    max_tokens: int
    cut: int
    """Problems whose answers have room for fewer tokens than `max_tokens`."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """The facts for a person."""
        read, unread = self.data.get("columns") or [], self.data.get("columns_not_read") or []
        source = f" of {self.data['name']} ({self.data['origin']})" if {"name", "origin"} <= self.data.keys() else ""
        unread = [] if self.data.get("origin") == "file" else unread  # the file's own notice says it
        columns = f"; read: {', '.join(read)}" + (f"; not read: {', '.join(unread)}" if unread else "") if read else ""
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.answers.items())
        yield f"data: {self.asked} of {self.there} problems{source}{columns}; answers: {kinds}"
        if self.repeated_questions:
            yield f"data: {self.repeated_questions} problems repeat the question of another"
        lengths = ""
        if self.prompt_tokens is not None:
            lengths = f"{self.prompt_tokens[0]} to {self.prompt_tokens[1]} tokens"
            lengths += f" of a context of {self.context}; " if self.context else "; "
        yield f"prompts: {lengths}{self.template}"
        if self.cut:
            yield f"answers: {self.cut} problems leave less room than {self.max_tokens} tokens in the context"
        yield f"judged by: {'; '.join(self.scoring)}"


def opening(engine: RunningEngine, task: Task, asked: int | None, max_tokens: int) -> Opening:
    """Look at all that a run is going to ask, before anything is asked.

    Args:
        engine: answers; prompts of a server are its own.
        task: the task; what a solver of its own writes is not known yet.
        asked: how many of its first problems; None for all.
        max_tokens: of an answer.

    Raises:
        PromptError: the chat template fails, or writes a prompt wrongly.
        UsageError: two problems have one id, or a prompt leaves no room for an answer.
    """
    from entmin.evals.provider import InProcess

    samples = list(task.dataset[:asked])
    _require_own_ids(samples)
    about, here = task.metadata or {}, engine if isinstance(engine, InProcess) else None
    known = here is not None and "benchmark" in about and "solver" not in about
    lengths = _lengths(here, samples) if here is not None and known else []
    context = here.engine.loaded.max_length if here is not None else UNBOUNDED
    if context < UNBOUNDED:
        _require_room(samples, lengths, context)
    questions = Counter(sample.input if isinstance(sample.input, str) else sample.input[-1].text for sample in samples)
    return Opening(
        asked=len(samples),
        there=len(task.dataset),
        data={name: value for name, value in (about.get("data") or {}).items() if name in _DATA},
        repeated_questions=len(samples) - len(questions),
        answers=dict(Counter(map(_kind, samples))),
        scoring=[_scorer(scorer) for scorer in task.scorer or ()],
        template=_template(here, about, known=known),
        prompt_tokens=(min(lengths), max(lengths)) if lengths else None,
        context=context if context < UNBOUNDED else None,
        max_tokens=max_tokens,
        cut=sum(length + max_tokens > context for length in lengths),
    )


def _require_own_ids(samples: Sequence[Sample]) -> None:
    ids = Counter(str(sample.id) for sample in samples if sample.id is not None)
    if twice := [one for one, count in ids.items() if count > 1]:
        shown = ", ".join(map(repr, twice[:_SHOWN])) + (f" and {len(twice) - _SHOWN} more" if twice[_SHOWN:] else "")
        raise UsageError(f"several problems have one id ({shown}), so their answers would be taken for one another's")


def _lengths(engine: InProcess, samples: Sequence[Sample]) -> list[int]:
    """Tokens of each prompt."""
    from entmin.evals.provider import as_turns

    loaded, switches = engine.engine.loaded, switches_of(engine.said)
    return [
        len(encode_chat(loaded, as_turns(sample.input), switches))
        for sample in samples
        if not isinstance(sample.input, str)
    ]


def _require_room(samples: Sequence[Sample], lengths: Sequence[int], context: int) -> None:
    long = [(str(sample.id), n) for sample, n in zip(samples, lengths, strict=False) if n >= context]
    if long:
        shown = ", ".join(f"{name} ({n} tokens)" for name, n in long[:_SHOWN])
        raise UsageError(
            f"{len(long)} of {len(lengths)} prompts leave no room for an answer in the model's context of {context} "
            f"tokens: {shown}{' ...' if long[_SHOWN:] else ''}; ask others, with fewer --shots or another --prompt"
        )


def _kind(sample: Sample) -> str:
    gold = (sample.metadata or {}).get("gold")
    if isinstance(gold, dict) and "answers" in gold:
        return f"{gold['kind']} ({len(gold['answers'])} answers)" if len(gold["answers"]) > 1 else str(gold["kind"])
    if isinstance(gold, dict):
        return "program"
    return "choice" if sample.choices else "target" if str(sample.target) else "without a target"


def _scorer(scorer: Any) -> str:
    from inspect_ai._util.registry import is_registry_object, registry_params

    if not is_registry_object(scorer):
        return str(getattr(scorer, "__qualname__", type(scorer).__qualname__))
    options = {name: value for name, value in registry_params(scorer).items() if value is not None}
    shown = ", ".join(f"{name}={value}" for name, value in options.items() if isinstance(value, (str, int, float)))
    return registry_info(scorer).name.rpartition("/")[2] + (f" ({shown})" if shown else "")


def _template(here: InProcess | None, about: dict[str, Any], *, known: bool) -> str:
    prompt = f"prompt {about['prompt']}" if "prompt" in about else "the task's own prompt"
    shots = f", {about['shots']['count']} examples before each" if "shots" in about else ""
    if here is None:
        return f"{prompt}{shots}, in the server's chat template"
    template = here.engine.loaded.tokenizer.chat_template
    if not template:
        return f"{prompt}{shots}, as plain text: the model has no chat template"
    switches = switches_of(here.said)
    told = [f"{name} = {value}" for name, value in switches.items() if name != CLOCK]
    named = set(re.findall(r"(?<![\w.])\w+", str(template)))
    told += [f"{name} not set" for name in _THINKING if name in named - switches.keys()]
    told += [f"its date held at {switches[CLOCK]}"] if CLOCK in switches else []
    where = "in the model's chat template" if known else "written by the task's own solver"
    return f"{prompt}{shots}, {where}" + (f" ({', '.join(told)})" if told else "")
