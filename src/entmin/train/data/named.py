r"""Data sets of prompts that are known by a name: where they are, what is asked, and how many are taken.

Two prompts each. ``clean`` is what a careful person sends. ``paper`` is what reached the model in the published runs,
defects included: for mathematics a system turn that asks for ``\boxed{{}}``, with doubled braces, and a second request
in the user turn; for code the long system turn about actions that the data carries and the scripts meant to remove.

The published scripts shuffle without a seed and put the first tenth of the mathematics aside. Here the tenth is drawn
with a fixed seed, so that it is the same whatever the seed of a run.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from entmin.errors import EntminError, UsageError
from entmin.tasks.data import ENVIRONMENT
from entmin.train.data.columns import Columns, Example, Kind, example_of
from entmin.train.data.tables import open_hub, open_local

if TYPE_CHECKING:
    from datasets import Dataset

Prompt = Literal["clean", "paper"]
_MATH: dict[str, tuple[str, str]] = {
    "clean": (r"Please reason step by step, and put your final answer within \boxed{}.", ""),
    "paper": (
        r"Please reason step by step, and put your final answer within \boxed{{}}.",
        r" Let us think step by step and output the final answer within \boxed{}",
    ),
}
HELD_OUT_SEED = 0


@dataclass(frozen=True, slots=True)
class Named:
    """A data set known by a name."""

    name: str
    hubs: tuple[str, ...]
    """Hub ids, concatenated."""
    summary: str
    columns: Columns
    kind: Kind
    size: int
    """Prompts that are taken where no limit is given, as published."""
    ability: str | None = None
    """Keep the rows with this value in the column ``ability``."""
    own_system: bool = False
    """Whether the rows carry a system turn of their own."""
    held_out: bool = False
    """Whether there is no split to evaluate on, so that a tenth is put aside as ``test``."""

    def table_of(self, split: str) -> str:
        """The split of the Hub that has the rows of a split."""
        return "train" if self.held_out else split


NAMED: dict[str, Named] = {
    source.name: source
    for source in (
        Named(
            "numina",
            ("RLHFlow/numia_prompt_dpo1", "RLHFlow/numia_prompt_dpo2"),
            "NuminaMath prompts with short answers, as in the published run",
            Columns("problem", "gt", None),
            "math",
            35_000,
            held_out=True,
        ),
        Named(
            "numina-cot",
            ("AI-MO/NuminaMath-CoT",),
            "NuminaMath-CoT: 859,494 problems with solutions, which sft needs",
            Columns("problem", None, "solution"),
            "math",
            35_000,
        ),
        Named(
            "eurus-code",
            ("PRIME-RL/Eurus-2-RL-Data",),
            "programming contest problems with tests",
            Columns("prompt", "reward_model.ground_truth", None),
            "code",
            25_000,
            ability="code",
            own_system=True,
        ),
    )
}


def named_examples(
    source: Named, *, split: str, prompt: Prompt, seed: int, data_dir: str | None = None
) -> Iterator[Example]:
    """The examples of a named data set, in the random order of `seed`.

    Args:
        source: The data set.
        split: ``train``, or the part held out: ``test`` (for ``eurus-code``: ``validation``).
        prompt: ``clean`` or ``paper``.
        seed: Of the order.
        data_dir: Mirror folder, by default ``ENTMIN_DATA``; a data set it does not hold comes from the Hub.

    Raises:
        UsageError: no such split.
        EntminError: the Hub cannot be reached.
    """
    if source.held_out and split not in ("train", "test"):
        raise UsageError(f"{source.name} has no split {split!r}; splits: train, test")
    tables = [_open(source, hub, source.table_of(split), data_dir) for hub in source.hubs]
    places = [(table, row) for table in range(len(tables)) for row in range(len(tables[table]))]
    if source.held_out:
        random.Random(HELD_OUT_SEED).shuffle(places)
        tenth = len(places) // 10
        places = places[:tenth] if split == "test" else places[tenth:]
    random.Random(seed).shuffle(places)
    for number, row in places:
        example = _example(source, tables[number][row], row, source.hubs[number], prompt)
        if example is not None:
            yield example


def mirrored(hub: str, split: str, data_dir: str | None) -> Path | None:
    """The file of a split in the mirror folder, where it is there."""
    if not (mirror := data_dir or os.environ.get(ENVIRONMENT)):
        return None
    paths = [Path(mirror) / hub.partition("/")[2] / f"{split}{kind}" for kind in (".parquet", ".jsonl")]
    return next((path for path in paths if path.is_file()), None)


def _open(source: Named, hub: str, split: str, data_dir: str | None) -> Dataset:
    here = mirrored(hub, split, data_dir)
    table = open_local(str(here), split) if here else open_hub(hub, split)
    needed = {name.partition(".")[0] for name in (source.columns.prompt, source.columns.answer) if name}
    needed |= {"ability"} if source.ability else set()
    if missing := sorted(needed - set(table.column_names)):
        raise EntminError(
            f"{source.name}: {here or hub} has no column {', '.join(missing)}; it has {', '.join(table.column_names)}. "
            f"If the data set has changed, give it as --data {hub} with prompt_column and answer_column"
        )
    return table


def _example(source: Named, row: Mapping[str, Any], number: int, hub: str, prompt: Prompt) -> Example | None:
    if source.ability is not None and row.get("ability") != source.ability:
        return None
    found = example_of(row, number + 1, source.columns, hub)
    if found is None:
        return None
    index = (row.get("extra_info") or {}).get("index")
    name = f"{hub.partition('/')[2]}-{number if index is None else index}"
    found = replace(found, id=name, kind=source.kind)
    if source.own_system:
        turns = tuple(turn for turn in found.turns if prompt == "paper" or turn[0] != "system")
    else:
        system, request = _MATH[prompt]
        turns = (("system", system), ("user", found.question + request))
    return replace(found, turns=turns)
