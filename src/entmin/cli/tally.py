"""The rows that ``entmin grade`` writes: counted, and found again by the next call."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from entmin.durable import cut_tail
from entmin.errors import UsageError
from entmin.stats.estimates import avg_at_k
from entmin.tasks.answer_files import name_of


@dataclass
class Tally:
    """What has been judged so far."""

    grader: str
    reasons: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[bool | None]] = field(default_factory=dict)
    """Problem to the verdicts of its samples."""
    refused: list[str] = field(default_factory=list)
    """Why rows of the file were not judged."""
    in_process: int = 0
    """Programs whose tests could not be held apart from them."""
    graded_now: int = 0

    def add(self, row: dict[str, Any]) -> None:
        """Count one output row."""
        self.reasons[str(row.get("reason"))] += 1
        problem = row["id"][0] if isinstance(row["id"], list) else row["id"]
        self.samples.setdefault(name_of(problem), []).append(row.get("correct"))
        self.in_process += row.get("judged_in_process") is True

    def summary(self, task: str, seconds: float) -> dict[str, Any]:
        """The numbers the command prints: accuracy and its interval are over problems, by their judged samples."""
        verdicts = Counter(verdict for samples in self.samples.values() for verdict in samples)
        found = avg_at_k(self.samples)
        return {
            "task": task,
            "grader": self.grader,
            "n": verdicts.total(),
            "problems": len(self.samples),
            "correct": verdicts[True],
            "not_judged": verdicts[None],
            "not_read": len(self.refused),
            "judged_in_process": self.in_process,
            "accuracy": found.to_dict()["value"],
            "interval_95": [0.0 if found.low is None else found.low, 1.0 if found.high is None else found.high],
            "reasons": dict(sorted(self.reasons.items())),
            "graded_now": self.graded_now,
            "rows_per_second": round(self.graded_now / seconds, 1) if seconds > 0 else None,
        }

    def refuse(self, said: str) -> None:
        """Count a row that is not judged."""
        self.refused.append(said)


@dataclass
class Finished:
    """The verdicts that an output holds already."""

    keys: Counter[str] = field(default_factory=Counter)
    places: dict[str, tuple[int, Any]] = field(default_factory=dict)
    """Key to its line and id."""


def finished(path: Path, tally: Tally) -> Finished:
    """What the output holds, counted into the tally; a line cut off by a kill is removed.

    Raises:
        UsageError: the output is of another grader, or not ours.
    """
    if not path.is_file():  # a device or a pipe holds nothing to go on from
        return Finished()
    found = Finished()
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(b"\n") and _is_cut(line):
                break
            try:
                row = json.loads(line)
                tally.add(row)
                found.places.setdefault(row["key"], (number, row["id"]))
                found.keys[row["key"]] += 1
            except (ValueError, KeyError, AttributeError, IndexError, TypeError) as error:
                raise UsageError(f"{path}, line {number}: not a row of `entmin grade`; choose another -o") from error
            if row.get("ran") != tally.grader:
                raise UsageError(
                    f"{path} was graded by {row.get('ran')!r}, not {tally.grader!r}; choose another -o or remove it"
                )
    cut_tail(path)
    return found


def _is_cut(line: bytes) -> bool:
    """Whether a last line may be the beginning of one of ours."""
    begins = b'{"id": '
    if not line.startswith(begins):
        return begins.startswith(line)
    try:
        json.loads(line)
    except ValueError:
        return True
    return False
