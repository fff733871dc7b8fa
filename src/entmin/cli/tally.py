"""The rows that ``entmin grade`` writes: counted, and found again by the next call."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from entmin.durable import cut_tail
from entmin.errors import UsageError
from entmin.stats.estimates import wilson


@dataclass
class Tally:
    """What has been judged so far."""

    grader: str
    reasons: Counter[str] = field(default_factory=Counter)
    correct: int = 0
    not_judged: int = 0
    in_process: int = 0
    """Programs whose tests could not be held apart from them."""
    graded_now: int = 0

    def add(self, row: dict[str, Any]) -> None:
        """Count one output row."""
        self.reasons[str(row.get("reason"))] += 1
        self.correct += row.get("correct") is True
        self.not_judged += row.get("correct") is None
        self.in_process += row.get("judged_in_process") is True

    def summary(self, task: str, seconds: float) -> dict[str, Any]:
        """The numbers the command prints. Accuracy is over judged rows; its interval is Wilson's at 95 %."""
        n = sum(self.reasons.values())
        judged = n - self.not_judged
        low, high = wilson(self.correct, judged) if judged else (0.0, 1.0)
        return {
            "task": task,
            "grader": self.grader,
            "n": n,
            "correct": self.correct,
            "not_judged": self.not_judged,
            "judged_in_process": self.in_process,
            "accuracy": self.correct / judged if judged else None,
            "interval_95": [low, high],
            "reasons": dict(sorted(self.reasons.items())),
            "graded_now": self.graded_now,
            "rows_per_second": round(self.graded_now / seconds, 1) if seconds > 0 else None,
        }


def key_of(identifier: Any) -> str:
    """An id as a key: ids may be lists."""
    return json.dumps(identifier, sort_keys=True)


def finished(path: Path, tally: Tally) -> set[str]:
    """Ids already in the output, counted into the tally; a line cut off by a kill is removed.

    Raises:
        UsageError: the output is of another grader, or not ours.
    """
    if not path.is_file():  # a device or a pipe holds nothing to go on from
        return set()
    done: set[str] = set()
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(b"\n") and _is_cut(line):
                break
            try:
                row = json.loads(line)
                tally.add(row)
                done.add(key_of(row["id"]))
            except (ValueError, KeyError, AttributeError) as error:
                raise UsageError(f"{path}, line {number}: not a row of `entmin grade`; choose another -o") from error
            if row.get("ran") != tally.grader:
                raise UsageError(
                    f"{path} was graded by {row.get('ran')!r}, not {tally.grader!r}; choose another -o or remove it"
                )
    cut_tail(path)
    return done


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
