"""From an Inspect score, of any scorer, to a verdict.

Scorers of entmin say ``correct`` in the score's metadata: True, False, or None for not judged. Any other scorer's value
is read as Inspect reads it: C and I, P for half right, N for no answer, yes and no, true and false, a number in
[0, 1]. Of a value that is a dictionary one entry counts. Anything else is not judged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from inspect_ai import Task
from inspect_ai.log import EvalSample
from inspect_ai.scorer import Score, Value

from entmin.errors import EntminError, UsageError

_WORDS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0, "yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
_ENTRIES = ("correct", "accuracy", "score")
"""Which entry of a dictionary counts, where it has one of these; else the first."""


def require_scorer(task: Task, name: str) -> None:
    """Refuse a task whose answers nobody would judge.

    Raises:
        UsageError: it has no scorer.
    """
    if not task.scorer:
        raise UsageError(f"task {name!r} has no scorer, so nobody could judge its answers; give its Task a scorer")


def deciding(samples: Sequence[EvalSample]) -> str:
    """The scorer whose verdicts count: the first by rules with a stated verdict, else the first of all.

    Raises:
        EntminError: no sample has a score.
    """
    names = {name: score for sample in reversed(samples) for name, score in reversed((sample.scores or {}).items())}
    for sample in samples:
        for name, score in (sample.scores or {}).items():
            if "correct" in (score.metadata or {}) and (score.metadata or {}).get("stage") != "judge":
                return name
    if not names:
        raise EntminError("the log has no graded samples; score it with `inspect score`, or name the scorer")
    return next(reversed(names))


def require_readable(samples: Sequence[EvalSample], name: str) -> None:
    """Refuse a log in which the scorer's values say nothing.

    Raises:
        EntminError: none of its values can be read as a verdict.
    """
    value = unreadable([score for sample in samples if (score := (sample.scores or {}).get(name)) is not None])
    if value is not None:
        raise EntminError(
            f"scorer {name!r} gave {value!r}, which is neither right or wrong nor a number from 0 to 1; the "
            "answers are kept in the log. Let the scorer give such values (or C, I, P, N), and score the log again"
        )


def unreadable(scores: Sequence[Score]) -> Value | None:
    """One of the values, where none of them can be read as a verdict; None where some can, or all are NaN."""
    if any("correct" in (score.metadata or {}) for score in scores):
        return None
    values = [score.value for score in scores if not (isinstance(score.value, float) and math.isnan(score.value))]
    return values[0] if values and all(_value(value) is None for value in values) else None


def correct(score: Score) -> bool | float | None:
    """The verdict of a score: right, wrong, a number between for partly right, or None for not judged."""
    metadata = score.metadata or {}
    found = metadata["correct"] if "correct" in metadata else _value(score.value)
    if isinstance(found, bool) or found is None:
        return found
    number = _value(found)
    return bool(number) if number in (0.0, 1.0) else number


def _value(value: object) -> float | None:
    if isinstance(value, dict):
        entry = next((key for key in _ENTRIES if key in value), next(iter(value), None))
        return None if entry is None else _value(value[entry])
    if isinstance(value, str):
        if value in _WORDS or value.lower() in _WORDS:
            return _WORDS.get(value, _WORDS.get(value.lower()))
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool | int | float) and 0 <= value <= 1:  # NaN is not
        return float(value)
    return None
