"""How many problems a benchmark asks, and how long its prompts are in tokens of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from entmin.engine.aliases import ALIASES, folder_of
from entmin.errors import EntminError, UsageError
from entmin.estimates.ranges import Range
from entmin.hub import cached
from entmin.tasks.benchmark import Benchmark
from entmin.tasks.prompts import Turns
from entmin.tasks.registry import Named, checked

_ENCODED = 200
"""Prompts that are encoded; of more, so many are taken at equal distances."""
_CHARACTERS = Range(5, 3)
"""Of a token, where the tokenizer is not at hand; 4 in most English text."""
_TEMPLATE = Range(0, 40)
"""Tokens of a chat template around a prompt."""
_TOKENIZER = "tokenizer_config.json"
_UNSEEN = Range(80, 400)
"""Tokens of a prompt that is not at hand."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Of one benchmark."""

    task: str
    problems: int
    prompt_tokens: Range
    """Of a mean prompt."""
    how: str
    """Where the lengths are from, in words."""
    longest: int
    """Tokens of the longest answer allowed."""


def lengths_of(
    task: Named, model: str, options: Mapping[str, Any], limit: int | None = None, longest: int | None = None
) -> Lengths:
    """Of a benchmark: from its data where they are at hand, with the model's tokenizer where that is.

    Args:
        task: the benchmark.
        model: whose tokenizer counts.
        options: those of the task.
        limit: only the first problems.
        longest: tokens of the longest answer; None takes the task's own limit.

    Raises:
        UsageError: an Inspect task, whose problems only Inspect can make, or an option the benchmark does not have.
        EntminError: neither its data nor their number are known here.
    """
    if not isinstance(task, Benchmark):
        raise UsageError(f"{task.name}: only benchmarks of entmin and files of problems can be estimated")
    given = checked(task, options)
    longest = longest or task.max_tokens
    profile = task.profile(given.get("prompt") or next(iter(task.prompts)))
    own = {name: value for name, value in given.items() if name in task.own_options()}
    try:
        problems = task.load(given.get("data_dir"), **own).problems[:limit]
    except UsageError:
        raise
    except EntminError:
        count = sum(part.accepted[0].rows for part in task.source.parts) if task.source else 0
        if not count:
            raise
        return Lengths(task.name, min(count, limit or count), _UNSEEN, "assumed: the data are not here", longest)
    system: Turns = [("system", given["system"])] if given.get("system") else []
    tokens, how = _tokens([[*system, *profile.turns(problem)] for problem in problems], model)
    return Lengths(task.name, len(problems), tokens, how, longest)


def _tokens(prompts: Sequence[Turns], model: str) -> tuple[Range, str]:
    chosen = prompts[:: -(-len(prompts) // _ENCODED)]
    encode = _encoder(model)
    if encode is not None:
        mean = fmean(map(encode, chosen))
        return Range(mean, mean), "counted with the model's tokenizer"
    characters = fmean(sum(len(text) for _, text in turns) for turns in chosen)
    tokens = Range(*(characters / size for size in _CHARACTERS)).plus(_TEMPLATE)
    return tokens, "characters / 3 to 5, and a template: the tokenizer is not here"


def _encoder(model: str) -> Callable[[Turns], int] | None:
    """What counts the tokens of a prompt; None where the model's tokenizer is not on this machine."""
    folder = folder_of(model) if model in ALIASES else Path(model)
    if not (folder / _TOKENIZER).is_file() and cached(model, _TOKENIZER) is None:
        return None
    from transformers import AutoTokenizer

    from entmin.engine.prompts import templated

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder) if folder.is_dir() else model, local_files_only=True)
    except Exception:  # every kind, for files that are not what they should be
        return None

    def encode(turns: Turns) -> int:
        said = [{"role": role, "content": text} for role, text in turns]
        text = templated(tokenizer, said) if tokenizer.chat_template else "\n\n".join(turn["content"] for turn in said)
        return len(tokenizer(text, add_special_tokens=not tokenizer.chat_template)["input_ids"])

    return encode
