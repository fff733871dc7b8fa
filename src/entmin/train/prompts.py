"""From a configuration to the rows the trainer sees, in the order it sees them.

Unsupervised methods get prompts and nothing else: the label column is gone before a trainer exists. The order of a
whole run is drawn at the start from the seed, pass after pass, so that a resumed or prolonged run goes on
in the same order.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset

from entmin.errors import UsageError
from entmin.train.config import TrainConfig
from entmin.train.data import arithmetic

PROMPT_OPTIONS = ("prompt", "kind", "system_prompt", "n_words", "data_dir")
"""What `data_options` may hold for sources other than arithmetic."""


@dataclass(frozen=True)
class Prompts:
    """Training prompts."""

    rows: Dataset
    """Columns prompt, id and, for supervised methods only, answer."""
    kind: str
    source: str
    too_long: int
    """Prompts left out because they exceed `max_prompt_tokens`."""


def rows_to_train_on(config: TrainConfig) -> Dataset:
    """The prompts to train on with all that is known of them; writes what was dropped as shared with evaluation sets.

    Raises:
        UsageError: the source cannot be read, or lacks answers that the method needs.
    """
    rows = _load(config, config.data, config.split, config.limit, config.decontaminate, Path(config.output))
    if not config.unsupervised:
        _require_answers(rows, config.method, ("solution", "answer") if config.method == "sft" else ("answer",))
    return rows


def held_out_rows(config: TrainConfig) -> Dataset | None:
    """The problems to evaluate on, where the run evaluates.

    Raises:
        UsageError: the source cannot be read, or lacks answers.
    """
    if not config.eval_every:
        return None
    rows = _load(config, config.eval_data or config.data, "test", config.eval_limit)
    _require_answers(rows, "an evaluation", ("answer",))
    return rows


def _require_answers(rows: Dataset, who: str, columns: Sequence[str]) -> None:
    answers = zip(*(rows[name] for name in columns if name in rows.column_names), strict=True)
    judged = [kind != "none" or "solution" in columns for kind in rows["kind"]]
    bare = [row for row, (known, found) in enumerate(zip(judged, answers, strict=True)) if not (known and any(found))]
    if bare:
        raise UsageError(
            f"{who} needs answers, and {len(bare)} of {len(rows)} prompts have none that can be verified (the first is "
            f"{rows['id'][bare[0]]!r}); name their column with answer_column, choose other data, or train by em-ft or "
            "em-rl"
        )


def _load(
    config: TrainConfig, name: str, split: str, limit: int | None,
    decontaminate: Sequence[str] = (), report_to: Path | None = None,
) -> Dataset:  # fmt: skip
    known = tuple(arithmetic.OPTIONS) if name == "arithmetic" else PROMPT_OPTIONS
    if unknown := sorted(set(config.data_options) - set(known)):
        raise UsageError(f"{name} has no option {unknown[0]!r}; options: {', '.join(known)}")
    options: dict[str, Any] = dict(config.data_options)
    if name == "arithmetic":
        return arithmetic.load(split=split, limit=limit, seed=config.seed, **options)
    from entmin.train.data import load_prompts

    return load_prompts(
        name, split=split, prompt_column=config.prompt_column, answer_column=config.answer_column,
        limit=limit, seed=config.seed, decontaminate=decontaminate, report_to=report_to, **options,
    )  # fmt: skip


def training_prompts(config: TrainConfig, labelled: Dataset, tokenizer: Any) -> Prompts:
    """The prompts as the trainer gets them: formatted, short enough, without labels where labels must not be seen.

    Raises:
        UsageError: no prompt is short enough.
    """
    kind, source = labelled["kind"][0], labelled["source"][0]
    if config.unsupervised:
        labelled = labelled.select_columns(["prompt", "id"])
    formatted = [formatted_prompt(prompt, tokenizer, config.prompt_format) for prompt in labelled["prompt"]]
    short = [i for i, prompt in enumerate(formatted) if len(token_ids(prompt, tokenizer)) <= config.max_prompt_tokens]
    if not short:
        raise UsageError(f"every prompt of {config.data} exceeds max_prompt_tokens = {config.max_prompt_tokens}")
    columns = {name: labelled[name] for name in labelled.column_names if name not in ("prompt", "kind", "source")}
    rows = Dataset.from_dict(
        {"prompt": [formatted[i] for i in short]}
        | {name: [values[i] for i in short] for name, values in columns.items()}
    )
    return Prompts(rows, kind, source, len(formatted) - len(short))


def formatted_prompt(prompt: Any, tokenizer: Any, style: str) -> Any:
    """The prompt as chat messages or as plain text.

    Raises:
        UsageError: chat was asked for and the tokenizer has no chat template.
    """
    if style == "chat" and not tokenizer.chat_template:
        raise UsageError("the tokenizer has no chat template; use prompt_format=plain")
    if style == "plain" or not tokenizer.chat_template:
        return prompt if isinstance(prompt, str) else "\n\n".join(str(message["content"]) for message in prompt) + "\n"
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt


def token_ids(prompt: Any, tokenizer: Any) -> list[int]:
    """Token ids of a formatted prompt, as the trainer tokenizes it."""
    if isinstance(prompt, str):
        return list(tokenizer(text=prompt)["input_ids"])
    encoded = tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=True, return_dict=True)
    return list(encoded["input_ids"])


def in_order(rows: Dataset, count: int, seed: int) -> Dataset:
    """`count` rows, pass after pass, each in an order of its own; a longer run starts with the shorter one's rows."""
    order: list[int] = []
    chance = random.Random(f"{seed}:order")
    while len(order) < count:
        once = list(range(len(rows)))
        chance.shuffle(once)
        order += once
    return rows.select(order[:count])
