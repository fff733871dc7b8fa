"""What a run read and found before its first step: said in a few lines, and kept in ``run.json`` under ``read``."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from datasets import Dataset

from entmin.engine.requests import UNBOUNDED
from entmin.train.config import TrainConfig
from entmin.train.data.report import PromptReport

UNANSWERED = "prompts without an answer that can be verified"


@dataclass
class Opening:
    """Facts of one run."""

    prompts: int
    columns: dict[str, str]
    columns_not_read: list[str]
    left_out: dict[str, int]
    """Reason to rows."""
    ids_made_distinct: int
    answers: dict[str, int]
    """Kind to prompts."""
    context: int | None
    held_out: dict[str, Any] | None = None
    dropout_switched_off: dict[str, float] = field(default_factory=dict)
    auxiliary_loss: float = 0.0
    """Weight of the load-balancing loss of a mixture of experts, which its configuration sets."""
    scoring: str = ""
    """What is not as usual in how samples are scored (`entmin.train.trainers.forward`)."""
    saves: str = ""
    changed_to_save: list[str] = field(default_factory=list)
    digest: str = ""
    """Of ids and prompts: a resumed run must train on the same."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """The facts for a person; what is as usual is left out."""
        read = ", ".join(f"{use} from {column!r}" for use, column in self.columns.items())
        unread = f"; not read: {', '.join(map(repr, self.columns_not_read))}" if self.columns_not_read else ""
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.answers.items())
        yield f"data: {self.prompts} prompts{f' ({read}{unread})' if read else ''}; answers: {kinds}"
        for reason, count in self.left_out.items():
            yield f"left out: {count} {reason}"
        if self.ids_made_distinct:
            yield f"ids: {self.ids_made_distinct} that others had before were made distinct"
        if self.held_out:
            yield f"held out: {self.held_out['problems']} problems from {self.held_out['source']}"
            for reason, count in self.held_out["left_out"].items():
                yield f"held out, left out: {count} {reason}"
        if self.dropout_switched_off:
            yield "switched off: " + ", ".join(f"{name} {rate:g}" for name, rate in self.dropout_switched_off.items())
        if self.auxiliary_loss:
            yield f"the model's own load-balancing loss of its experts is added, times {self.auxiliary_loss:g}"
        if self.scoring:
            yield f"scoring: {self.scoring}"
        yield f"saves: {self.saves}"
        if self.changed_to_save:
            yield f"taken out, because it could not be saved: {'; '.join(self.changed_to_save)}"


def opening(
    config: TrainConfig, report: PromptReport, rows: Dataset, left_out: dict[str, int], context: int
) -> Opening:
    """The facts of the data that a run trains on.

    Args:
        config: settings.
        report: what reading the source counted.
        rows: the prompts that are left.
        left_out: reasons and counts since then.
        context: the longest sequence that the model takes, in tokens.
    """
    reasons = {
        "rows without a prompt": report.empty,
        UNANSWERED: report.unanswered,
        "repeated prompts": report.duplicates,
        "prompts shared with evaluation sets (decontamination.json)": report.contaminated,
    }
    return Opening(
        prompts=len(rows),
        columns=report.columns,
        columns_not_read=report.unread,
        left_out={reason: count for reason, count in reasons.items() if count} | left_out,
        ids_made_distinct=report.renamed,
        answers=dict(Counter(rows["kind"])),
        context=context if context < UNBOUNDED else None,
        saves="adapters" if config.lora else "all weights, in float32",
        digest=_digest(rows),
    )


def held_out_facts(source: str, report: PromptReport, problems: int, left_out: dict[str, int]) -> dict[str, Any]:
    """The facts of the problems that a run is evaluated on."""
    return {
        "source": source,
        "problems": problems,
        "columns": report.columns,
        "columns_not_read": report.unread,
        "ids_made_distinct": report.renamed,
        "left_out": ({UNANSWERED: report.unanswered} if report.unanswered else {}) | left_out,
    }


def _digest(rows: Dataset) -> str:
    text = json.dumps([list(rows["id"]), list(rows["prompt"])], ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]
