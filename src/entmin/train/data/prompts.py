"""`load_prompts`: from a source's name to the data set that trainers take."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from entmin.errors import UsageError, closest
from entmin.train.data.columns import Example, Kind, choose, example_of
from entmin.train.data.evalsets import AT_HAND, evaluation_problems
from entmin.train.data.named import HELD_OUT_SEED, NAMED, Prompt, mirrored, named_examples
from entmin.train.data.overlap import N_WORDS, Overlap
from entmin.train.data.report import PromptReport
from entmin.train.data.tables import is_local, open_hub, open_local, require_data_set

if TYPE_CHECKING:
    from datasets import Dataset


def load_prompts(
    source: str,
    *,
    split: str = "train",
    prompt_column: str | None = None,
    answer_column: str | None = None,
    kind: Kind | None = None,
    system_prompt: str | None = None,
    prompt: Prompt = "clean",
    chat: bool = True,
    limit: int | None = None,
    seed: int = 0,
    decontaminate: Sequence[str] = (AT_HAND,),
    n_words: int = N_WORDS,
    data_dir: str | None = None,
    report_to: Path | None = None,
    report: PromptReport | None = None,
    hold_out: bool = False,
) -> Dataset:
    """Load prompts to train on, without exact duplicates and without those that an evaluation set shares.

    Args:
        source: A name of `NAMED`; a JSONL, JSON, Parquet or CSV file; a data set folder; or a Hub id (``owner/name`` or
            ``owner/name:config``).
        split: Split of a named or Hub data set or of a folder.
        prompt_column: Column of texts or chat messages; by default the first of `columns.PROMPT_COLUMNS` there is.
        answer_column: Column of answers; by default the first of `columns.ANSWER_COLUMNS`, or none.
        kind: How answers are compared, ``math`` or ``code``; by default as the rows say, else ``math`` for rows that
            have an answer. Unlabelled mathematics needs it for the majority of samples to be known.
        system_prompt: Replaces the prompts' own system turn; an empty text removes it.
        prompt: For a named source: ``clean``, or ``paper`` for what the published runs sent.
        chat: Whether prompts are chat messages, sent through the model's chat template; False gives plain texts.
        limit: Take that many, at random by `seed`; a smaller limit gives a prefix of a larger one. A named source
            has its published size as default.
        seed: Of the random choice.
        decontaminate: Evaluation tasks or groups that prompts must not share; ``at-hand`` stands for all that can be
            read without the network. Empty: none.
        n_words: Words in a row that make a prompt shared.
        data_dir: Mirror folder of data sets, by default ``ENTMIN_DATA``.
        report_to: Folder that ``decontamination.json`` is written to.
        report: Takes the counts.
        hold_out: A file has no splits: ``test`` gives a tenth of its rows, always the same, and ``train`` the others.

    Returns:
        A `datasets.Dataset` with the columns ``prompt`` (chat messages, or a text), ``answer`` (text or None),
        ``solution`` (text or None), ``source``, ``id`` and ``kind`` (``math``, ``code`` or ``none``).

    Raises:
        UsageError: the source, a column or a row is not what it must be, or nothing is left.
        EntminError: the Hub cannot be reached, or an evaluation set asked for is missing.
    """
    _check(prompt, kind, limit=limit, n_words=n_words)
    report = report or PromptReport(source)
    report.n_words = n_words
    if source in NAMED:
        _refuse(source, {"prompt_column": prompt_column, "answer_column": answer_column, "kind": kind})
        limit = limit or NAMED[source].size
        examples = named_examples(NAMED[source], split=split, prompt=prompt, seed=seed, data_dir=data_dir)
    else:
        _refuse(source, {"prompt='paper'": prompt == "paper"})
        examples = _read(
            source, split, prompt_column, answer_column, seed if limit is not None else None, report, hold_out
        )
    kept = list(_kept(examples, limit, report, decontaminate, data_dir))
    if report_to is not None:
        report.write(report_to)
    if not kept:
        raise UsageError(f"{source}: no prompts are left to train on ({report.line()})")
    rows = [_row(example, kind or example.kind, system_prompt, chat) for example in kept]
    report.renamed = _make_ids_distinct(rows)
    return _dataset(rows, chat)


def _make_ids_distinct(rows: list[dict[str, Any]]) -> int:
    """Give rows whose id came before an id of their own; returns how many."""
    seen = {row["id"] for row in rows}
    taken: set[str] = set()
    renamed = 0
    for row in rows:
        if row["id"] in taken:
            row["id"] = next(name for k in count(2) if (name := f"{row['id']}#{k}") not in seen)
            seen.add(row["id"])
            renamed += 1
        taken.add(row["id"])
    return renamed


def _check(prompt: str, kind: str | None, **numbers: int | None) -> None:
    asked = "none" if kind is None else kind
    for option, value, allowed in (("prompt", prompt, get_args(Prompt)), ("kind", asked, get_args(Kind))):
        if value not in allowed:
            raise UsageError(f"{option} must be {' or '.join(allowed)}, not {value!r}")
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise UsageError(f"{name} must be at least 1, not {number}")


def require_at_hand(source: str, split: str, data_dir: str | None = None) -> None:
    """Refuse a source whose data sets can be had neither from the Hub nor from a copy here, before a slow import.

    Raises:
        EntminError: so it is.
    """
    if source in NAMED:
        table = NAMED[source].table_of(split)
        wanted = [hub for hub in NAMED[source].hubs if not mirrored(hub, table, data_dir)]
    else:
        wanted = [source.partition(":")[0]] if not is_local(source) and source.count("/") == 1 else []
    for hub in wanted:
        require_data_set(hub)


def _refuse(source: str, options: Mapping[str, Any]) -> None:
    given = [name for name, value in options.items() if value]
    if given:
        named = ", ".join(NAMED)
        raise UsageError(f"{', '.join(given)} has no meaning for {source!r}; named data sets are {named}")


def _kept(
    examples: Iterator[Example],
    limit: int | None,
    report: PromptReport,
    decontaminate: Sequence[str],
    data_dir: str | None,
) -> Iterator[Example]:
    """The examples that are neither duplicates nor contaminated, up to the limit, counted in the report."""
    known = evaluation_problems(decontaminate, data_dir)
    report.compared = {name: len(pairs) for name, pairs in known.problems.items()}
    report.missing = known.missing
    overlap = Overlap(known.problems, report.n_words)
    seen: set[tuple[tuple[str, str], ...]] = set()
    for example in examples:
        report.rows += 1
        if example.turns in seen:
            report.duplicates += 1
            continue
        seen.add(example.turns)
        if matches := overlap.matches(example.question):
            report.contamination(example.id, example.question, matches)
            continue
        report.kept += 1
        yield example
        if report.kept == limit:
            return


def _read(
    source: str, split: str, prompt: str | None, answer: str | None, seed: int | None, report: PromptReport,
    hold_out: bool,
) -> Iterator[Example]:  # fmt: skip
    local = is_local(source)
    if local:
        table = open_local(source, split)
    elif source.count("/") == 1:
        name, _, config = source.partition(":")
        table = open_hub(name, split, config or None)
    else:
        near = closest(source, NAMED)
        raise UsageError(f"unknown data {source!r}{near}; give {', '.join(NAMED)}, a file, or a Hub id (owner/name)")
    columns = choose(table.column_names, source, prompt, answer, table[0])
    named = {"prompt": columns.prompt, "context": columns.context, "answer": columns.answer}
    report.columns = {use: name for use, name in (named | {"solution": columns.solution}).items() if name}
    report.unread = columns.unread(table.column_names)
    order = _part(len(table), split, source) if hold_out else list(range(len(table)))
    if seed is not None:
        random.Random(seed).shuffle(order)
    for place in order:
        example = example_of(table[place], place + 1, columns, Path(source).name if local else source)
        if example is None:
            report.empty += 1
        else:
            yield example


def _part(rows: int, split: str, source: str) -> list[int]:
    """The numbers of a file's rows that are held out (``test``), or of the others."""
    if rows < 2:
        raise UsageError(f"{source} has one row, of which none can be held out: name other problems with eval_data")
    order = list(range(rows))
    random.Random(HELD_OUT_SEED).shuffle(order)
    tenth = max(1, rows // 10)
    return sorted(order[:tenth] if split == "test" else order[tenth:])


def _row(example: Example, kind: Kind, system_prompt: str | None, chat: bool) -> dict[str, Any]:
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
        "kind": kind,
    }


def _dataset(rows: list[dict[str, Any]], chat: bool) -> Dataset:
    from datasets import Dataset, Features, Value

    text = Value("string")
    prompt: Any = [{"role": text, "content": text}] if chat else text
    names = ("answer", "solution", "source", "id", "kind")
    return Dataset.from_list(rows, features=Features({"prompt": prompt, **dict.fromkeys(names, text)}))
