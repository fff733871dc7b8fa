"""`load_prompts`: from a source's name to the data set that trainers take."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entmin.errors import UsageError
from entmin.train.data.columns import choose, example_of
from entmin.train.data.example import Example
from entmin.train.data.tables import is_local, open_hub, open_local

if TYPE_CHECKING:
    from datasets import Dataset


def load_prompts(
    source: str,
    *,
    split: str = "train",
    prompt_column: str | None = None,
    answer_column: str | None = None,
    system_prompt: str | None = None,
    chat: bool = True,
    limit: int | None = None,
    seed: int = 0,
) -> Dataset:
    """Load prompts to train on.

    Args:
        source: A JSONL, JSON, Parquet or CSV file, a data set folder, or a Hub id (``owner/name`` or
            ``owner/name:config``).
        split: Split of a Hub data set or folder.
        prompt_column: Column of texts or chat messages; by default the first of `columns.PROMPT_COLUMNS` there is.
        answer_column: Column of answers; by default the first of `columns.ANSWER_COLUMNS`, or none.
        system_prompt: Replaces the prompts' own system turn; an empty text removes it.
        chat: Whether prompts are chat messages, sent through the model's chat template; False gives plain texts.
        limit: Take that many, at random by `seed`; a smaller limit gives a prefix of a larger one.
        seed: Of the random choice.

    Returns:
        A `datasets.Dataset` with the columns ``prompt`` (chat messages, or a text), ``answer`` (text or None),
        ``solution`` (text or None), ``source``, ``id`` and ``kind`` (``math``, ``code`` or ``none``).

    Raises:
        UsageError: the source, a column or a row is not what it must be.
        EntminError: the Hub cannot be reached.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"limit must be at least 1, not {limit}")
    examples = _read(source, split, prompt_column, answer_column, seed if limit is not None else None)
    rows: list[dict[str, Any]] = []
    for example in examples:
        if len(rows) == limit:
            break
        rows.append(_row(example, system_prompt, chat))
    if not rows:
        raise UsageError(f"{source}: no prompts are left to train on")
    return _dataset(rows, chat)


def _read(source: str, split: str, prompt: str | None, answer: str | None, seed: int | None) -> Iterator[Example]:
    if is_local(source):
        table = open_local(source, split)
    elif source.count("/") == 1:
        name, _, config = source.partition(":")
        table = open_hub(name, split, config or None)
    else:
        raise UsageError(f"unknown data {source!r}; give a file or a Hub id like owner/name")
    columns = choose(table.column_names, source, prompt, answer, next(iter(table)))
    order = list(range(len(table)))
    if seed is not None:
        random.Random(seed).shuffle(order)
    for place, row in zip(order, table.select(order), strict=True):
        example = example_of(row, place + 1, columns, Path(source).name if is_local(source) else source)
        if example is not None:
            yield example


def _row(example: Example, system_prompt: str | None, chat: bool) -> dict[str, Any]:
    messages = example.messages(system_prompt)
    if not chat and [message["role"] for message in messages] != ["user"]:
        raise UsageError(
            f"prompt {example.id!r} has {len(messages)} turns and cannot be sent as plain text; leave chat on, "
            "or drop the system turn with an empty system_prompt"
        )
    return {
        "prompt": messages if chat else messages[0]["content"],
        "answer": example.answer,
        "solution": example.solution,
        "source": example.source,
        "id": example.id,
        "kind": example.kind,
    }


def _dataset(rows: list[dict[str, Any]], chat: bool) -> Dataset:
    from datasets import Dataset, Features, Value

    text = Value("string")
    prompt: Any = [{"role": text, "content": text}] if chat else text
    names = ("answer", "solution", "source", "id", "kind")
    return Dataset.from_list(rows, features=Features({"prompt": prompt, **dict.fromkeys(names, text)}))
