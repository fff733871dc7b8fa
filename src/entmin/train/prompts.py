"""From a configuration to the rows the trainer sees, in the order it sees them.

Unsupervised methods get prompts and their kind, and nothing else: the label column is gone before a trainer exists. The
order of a whole run is drawn at the start from the seed, pass after pass, so that a resumed or prolonged run goes on
in the same order.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset

from entmin.engine.encoding import encode_chat_text, encode_text
from entmin.engine.prompts import PromptError, SwitchError, Switches, held, messages_as_read, templated, written
from entmin.errors import UsageError, closest
from entmin.train.config import TrainConfig
from entmin.train.data import arithmetic
from entmin.train.data.named import NAMED
from entmin.train.data.overlap import squeezed
from entmin.train.data.report import PromptReport

PROMPT_OPTIONS = ("prompt", "kind", "system_prompt", "n_words", "data_dir")
"""What `data_options` may hold for sources other than arithmetic."""
_OF_ANY_PROMPTS = ("system_prompt", "data_dir")
"""Options of the training data that hold for evaluation data of another kind, too."""


@dataclass(frozen=True)
class Prompts:
    """Prompts that fit."""

    rows: Dataset
    """Columns prompt, id, kind and, for supervised methods only, answer and solution."""
    left_out: dict[str, int]
    """Reason to the number of prompts left out for it."""


def rows_to_train_on(config: TrainConfig, report: PromptReport | None = None) -> Dataset:
    """The prompts to train on with all that is known of them.

    Where the run evaluates on the training file itself, a tenth of its rows is held out and not among them.

    Raises:
        UsageError: the source cannot be read, or lacks answers that the method needs.
    """
    rows = _load(config, config.data, config.split, config.limit, report, trained=True)
    if config.unsupervised:
        return rows
    columns = ("solution", "answer") if config.method == "sft" else ("answer",)
    return _answered(rows, config.method, columns, report)


def held_out_rows(config: TrainConfig, report: PromptReport | None = None) -> Dataset | None:
    """The problems to evaluate on, where the run evaluates.

    Raises:
        UsageError: the source cannot be read, or lacks answers.
    """
    if not config.eval_every:
        return None
    rows = _load(config, config.eval_data or config.data, "test", config.eval_limit, report, trained=False)
    return _answered(rows, "an evaluation", ("answer",), report)


def without(rows: Dataset, problems: Dataset) -> tuple[Dataset, int]:
    """The rows that ask none of the held-out problems, and the number of those that do.

    Raises:
        UsageError: all of them do.
    """
    asked = {_asked(prompt) for prompt in problems["prompt"]}
    kept = [place for place, prompt in enumerate(rows["prompt"]) if _asked(prompt) not in asked]
    if not kept:
        raise UsageError(
            f"all {len(rows)} prompts to train on are held-out problems too: choose another split to train on, or "
            "other eval_data (without it, a tenth of a file is held out)"
        )
    return (rows if len(kept) == len(rows) else rows.select(kept)), len(rows) - len(kept)


def _asked(prompt: Any) -> str:
    return squeezed(
        prompt if isinstance(prompt, str) else "\n".join(t["content"] for t in prompt if t["role"] == "user")
    )


def holds_out_rows(config: TrainConfig) -> bool:
    """Whether the held-out problems are rows of the file that the run trains on, which has no splits."""
    named = config.data in ("arithmetic", *NAMED)
    return (
        bool(config.eval_every) and config.eval_data is None and not named and Path(config.data).expanduser().is_file()
    )


def _answered(rows: Dataset, who: str, columns: Sequence[str], report: PromptReport | None) -> Dataset:
    """The rows whose answers can be verified, each by its own kind; the others are counted.

    Raises:
        UsageError: there is none.
    """
    answers = zip(*(rows[name] for name in columns if name in rows.column_names), strict=True)
    judged = [kind != "none" or "solution" in columns for kind in rows["kind"]]
    kept = [row for row, (known, found) in enumerate(zip(judged, answers, strict=True)) if known and any(found)]
    if not kept:
        raise UsageError(
            f"{who} needs answers, and none of {len(rows)} prompts has one that can be verified; name their column "
            "with answer_column, choose other data, or train by em-ft or em-rl"
        )
    if report is not None:
        report.unanswered = len(rows) - len(kept)
    return rows if len(kept) == len(rows) else rows.select(kept)


def _load(
    config: TrainConfig, name: str, split: str, limit: int | None, report: PromptReport | None, *, trained: bool
) -> Dataset:  # fmt: skip
    options = _options(config, name, trained)
    if name == "arithmetic":
        return arithmetic.load(split=split, limit=limit, seed=config.seed, **options)
    from entmin.train.data import load_prompts
    from entmin.train.data.tables import is_local

    if "/" not in name and not is_local(name) and (near := closest(name, ["arithmetic"])):
        raise UsageError(f"unknown data {name!r}{near}")
    same = trained or name == config.data
    return load_prompts(
        name, split=split, prompt_column=config.prompt_column if same else None,
        answer_column=config.answer_column if same else None, limit=limit, seed=config.seed,
        decontaminate=config.decontaminate if trained else (), report=report, hold_out=holds_out_rows(config),
        **options,
    )  # fmt: skip


def _options(config: TrainConfig, name: str, trained: bool) -> dict[str, Any]:
    """The options for a source: all, or what of the training data's holds for other evaluation data."""
    given: dict[str, Any] = dict(config.data_options)
    if trained or name == config.data:
        known = tuple(arithmetic.OPTIONS) if name == "arithmetic" else PROMPT_OPTIONS
        if unknown := sorted(set(given) - set(known)):
            near = closest(unknown[0], known)
            raise UsageError(f"{name} has no option {unknown[0]!r}{near}; options: {', '.join(known)}")
        return given
    return {} if "arithmetic" in (name, config.data) else {key: given[key] for key in _OF_ANY_PROMPTS if key in given}


def training_prompts(config: TrainConfig, labelled: Dataset, tokenizer: Any, context: int | None = None) -> Prompts:
    """The prompts as the trainer gets them: formatted, short enough, without labels where labels must not be seen.

    Args:
        config: settings.
        labelled: what `rows_to_train_on` gave.
        tokenizer: the model's.
        context: the longest sequence that the model takes, in tokens.

    Raises:
        UsageError: no prompt is short enough, or the chat template refuses them or drops a part of the solutions.
    """
    if config.unsupervised:
        labelled = labelled.select_columns(["prompt", "id", "kind"])
    formatted = [formatted_prompt(prompt, tokenizer, config) for prompt in labelled["prompt"]]
    lengths = [len(token_ids(prompt, tokenizer, config.chat_template_kwargs)) for prompt in formatted]
    if config.method == "sft":
        texts = [solution or answer for solution, answer in _texts(labelled)]
        totals = [
            len(with_solution(*pair, tokenizer, config.chat_template_kwargs)[0])
            for pair in zip(formatted, texts, strict=True)
        ]
    else:
        totals = [length + config.max_tokens for length in lengths]
    long = [length > config.max_prompt_tokens for length in lengths]
    beyond = [not over and total > (context or total) for over, total in zip(long, totals, strict=True)]
    short = [i for i in range(len(formatted)) if not long[i] and not beyond[i]]
    answers = "their solutions" if config.method == "sft" else f"answers of {config.max_tokens} tokens"
    left_out = {
        f"prompts of more than {config.max_prompt_tokens} tokens": sum(long),
        f"prompts that with {answers} exceed the model's context of {context} tokens": sum(beyond),
    }
    if not short:
        told = f"exceeds max_prompt_tokens = {config.max_prompt_tokens}"
        if any(beyond):
            told += f" or, with {answers}, the model's context of {context} tokens; lower max_tokens"
        raise UsageError(f"every prompt of {config.data} {told}")
    columns = {name: labelled[name] for name in labelled.column_names if name not in ("prompt", "source")}
    rows = Dataset.from_dict(
        {"prompt": [formatted[i] for i in short]}
        | {name: [values[i] for i in short] for name, values in columns.items()}
    )
    return Prompts(rows, {reason: count for reason, count in left_out.items() if count})


def _texts(rows: Dataset) -> list[tuple[str | None, str]]:
    solutions = rows["solution"] if "solution" in rows.column_names else [None] * len(rows)
    return list(zip(solutions, rows["answer"], strict=True))


def with_solution(prompt: Any, text: str, tokenizer: Any, switches: Switches) -> tuple[list[int], int]:
    """Token ids of a prompt with its solution, as sft trains on them, and how many of them are the prompt's.

    Raises:
        UsageError: the chat template drops a part of the solution, or begins it otherwise than a generated answer.
    """
    if isinstance(prompt, str):
        end = "" if text.endswith(tokenizer.eos_token) else tokenizer.eos_token
        before, ids = encode_text(tokenizer, prompt), encode_text(tokenizer, prompt + text + end)
    else:
        with _blamed():
            switches = held(tokenizer, switches)
            begun = written(tokenizer, prompt, switches)
            whole = written(tokenizer, [*prompt, *answered(prompt, text)], switches, add_generation_prompt=False)
        if "".join(text.split()) not in "".join(whole.split()) or not whole.startswith(begun):
            raise UsageError(
                "the model's chat template does not keep solutions as they are (templates of reasoning models drop "
                f"what stands in <think>, or write it themselves): of {text[:80]!r} it makes {whole[-80:]!r}; use "
                "prompt_format=plain, or a tokenizer with another chat_template"
            )
        before, ids = encode_chat_text(tokenizer, begun), encode_chat_text(tokenizer, whole)
    pairs = zip(before, ids, strict=False)
    return ids, next((place for place, (one, other) in enumerate(pairs) if one != other), min(len(before), len(ids)))


def answered(prompt: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """The turn that answers a formatted prompt, its content in the form of the prompt's."""
    parts = not isinstance(prompt[0]["content"], str)
    return [{"role": "assistant", "content": [{"type": "text", "text": text}] if parts else text}]


def formatted_prompt(prompt: Any, tokenizer: Any, config: TrainConfig) -> Any:
    """The prompt as chat messages, in the form that the chat template reads, or as plain text.

    Raises:
        UsageError: chat was asked for and the tokenizer has no chat template, or that refuses the prompt.
    """
    style, switches = config.prompt_format, config.chat_template_kwargs
    if style == "chat" and not tokenizer.chat_template:
        raise UsageError("the tokenizer has no chat template; use prompt_format=plain")
    if style == "plain" or not tokenizer.chat_template:
        if switches:
            raise UsageError("prompts go through no chat template here: leave out chat_template_kwargs")
        return prompt if isinstance(prompt, str) else "\n\n".join(str(message["content"]) for message in prompt) + "\n"
    with _blamed():
        turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        return messages_as_read(tokenizer, turns, switches)


def token_ids(prompt: Any, tokenizer: Any, switches: Switches) -> list[int]:
    """Token ids of a formatted prompt.

    Raises:
        UsageError: the chat template refuses it or writes something else.
    """
    if isinstance(prompt, str):
        return encode_text(tokenizer, prompt)
    turns = [{"role": turn["role"], "content": _text(turn["content"])} for turn in prompt]
    with _blamed():
        return encode_chat_text(tokenizer, templated(tokenizer, turns, held(tokenizer, switches)))


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


@contextmanager
def _blamed() -> Iterator[None]:
    """Say what else a training run can do about a chat template."""
    try:
        yield
    except SwitchError as error:
        raise UsageError(str(error)) from error
    except PromptError as error:
        raise UsageError(
            f'{error}; or use prompt_format=plain (data_options={{"system_prompt": ""}} sends no system turn)'
        ) from error


def in_order(rows: Dataset, count: int, seed: int) -> Dataset:
    """`count` rows, pass after pass, each in an order of its own; a longer run starts with the shorter one's rows."""
    order: list[int] = []
    chance = random.Random(f"{seed}:order")
    while len(order) < count:
        once = list(range(len(rows)))
        chance.shuffle(once)
        order += once
    return rows.select(order[:count])
