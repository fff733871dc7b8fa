"""The prompts of a run as a file that veRL reads, in the order of the whole run.

One row a prompt: ``prompt`` (messages), ``data_source``, ``ability``, ``reward_model.ground_truth`` (empty where there
is no label, and for unsupervised methods always), ``extra_info`` with index, id and kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import AutoConfig, AutoTokenizer

from entmin.durable import make_folder, private_files
from entmin.engine.requests import longest_sequence
from entmin.errors import EntminError, UsageError, first_line
from entmin.train.config import TrainConfig
from entmin.train.data.report import PromptReport
from entmin.train.opening import Opening, opening
from entmin.train.prompts import in_order, rows_to_train_on, training_prompts
from entmin.train.verl.flags import ROWS, model_path

SOURCE = "entmin"


@dataclass(frozen=True)
class Rows:
    """What a run trains on."""

    ordered: Dataset
    """Every prompt as often as the run asks it."""
    steps: int
    """Optimiser steps."""
    opening: Opening
    report: PromptReport

    def write(self, folder: Path) -> None:
        """Write the file, and how its rows came about, into a run's folder."""
        import pyarrow
        from pyarrow.parquet import write_table

        make_folder(folder)
        with private_files():
            made = pyarrow.Table.from_pylist([converted(row, place) for place, row in enumerate(self.ordered)])
            write_table(made, folder / ROWS)
            self.report.write(folder)


def read_rows(config: TrainConfig) -> Rows:
    """Read, format, and order the prompts, as a run on TRL does.

    Raises:
        UsageError: data or tokenizer do not fit the settings.
        EntminError: the tokenizer cannot be read.
    """
    report = PromptReport(config.data)
    labelled = rows_to_train_on(config, report)
    path = model_path(config)
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
        context = longest_sequence(AutoConfig.from_pretrained(path, trust_remote_code=False))
    except Exception as error:  # transformers raises every kind for a bad folder
        raise EntminError(f"could not read the tokenizer of {config.model!r}: {first_line(error)}") from error
    if not tokenizer.chat_template:
        raise UsageError(f"{config.model} has no chat template, and veRL sends prompts through one: give it one")
    prompts = training_prompts(config, labelled, tokenizer, context)
    steps = config.steps(len(prompts.rows))
    facts = opening(config, report, prompts.rows, prompts.left_out, context)
    return Rows(in_order(prompts.rows, steps * config.batch_size, config.seed), steps, facts, report)


def converted(row: Mapping[str, Any], place: int) -> dict[str, Any]:
    """A row of ours in veRL's form."""
    return {
        "data_source": SOURCE,
        "prompt": list(_messages(row["prompt"])),
        "ability": row["kind"],
        "reward_model": {"style": "rule", "ground_truth": row.get("answer") or ""},
        "extra_info": {"index": place, "id": row["id"], "kind": row["kind"]},
    }


def _messages(prompt: Any) -> Iterator[dict[str, str]]:
    for turn in prompt:
        content = turn["content"]
        if not isinstance(content, str):  # a template that reads lists of parts
            content = "".join(part["text"] for part in content)
        yield {"role": turn["role"], "content": content}
