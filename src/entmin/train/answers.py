"""What a completion answers, and whether that is right: the project's graders, as training needs them.

Which rules apply follows from the kind of each prompt: math, code, none, or integer for procedural arithmetic. Keys
make answers comparable without any label; only `verdicts` takes one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from entmin.errors import UsageError
from entmin.grading import integer
from entmin.grading.api import answer_in, equivalent, grade_many
from entmin.grading.gold import Gold
from entmin.tasks import golds
from entmin.train import programs

MATH_TASK = "math"
"""The benchmark whose rules for reading a gold apply to mathematics of any source."""


def text_of(completion: Any) -> str:
    """The text of a completion as TRL gives it: chat messages, or plain text."""
    return completion if isinstance(completion, str) else str(completion[-1]["content"])


class Answers:
    """The rules for completions of n per prompt."""

    def __init__(self, n: int) -> None:
        """Take groups of `n` completions, which stand together."""
        self._n = n

    def keys(self, texts: Sequence[str], kinds: Sequence[str]) -> list[str | None]:
        """A text per completion, equal within a group of n where the answers are equal; None without an answer.

        Args:
            texts: completions, in groups of n.
            kinds: of the prompt of each.
        """
        keys: list[str | None] = []
        for start in range(0, len(texts), self._n):
            keys += _group_keys(texts[start : start + self._n], kinds[start])
        return keys

    def verdicts(self, texts: Sequence[str], answers: Sequence[str | None], kinds: Sequence[str]) -> list[bool | None]:
        """Whether each text gives its answer, by the rules of its own prompt's kind; None where nobody can say."""
        found: list[bool | None] = [None] * len(texts)
        for kind in dict.fromkeys(kinds):
            rows = [row for row, own in enumerate(kinds) if own == kind]
            judged = _verdicts([texts[row] for row in rows], [answers[row] for row in rows], kind)
            for row, verdict in zip(rows, judged, strict=True):
                found[row] = verdict
        return found


def _group_keys(texts: Sequence[str], kind: str) -> list[str | None]:
    if kind == "integer":
        return [None if (found := integer.extract(text)) is None else _plain(found) for text in texts]
    if kind != "math":
        return [text.strip() or None for text in texts]
    return _merge([answer_in(MATH_TASK, text) for text in texts])


def _verdicts(texts: Sequence[str], answers: Sequence[str | None], kind: str) -> list[bool | None]:
    if kind == "integer":
        return [
            None if gold is None else integer.grade(text, Gold("integer", (gold,))).correct
            for text, gold in zip(texts, answers, strict=True)
        ]
    if kind == "code":
        return programs.verdicts(texts, answers)
    if kind != "math":
        raise UsageError("these prompts have no answers that can be verified; use em-ft or em-rl, or other prompts")
    known = [(MATH_TASK, t, golds.math(g)) for t, g in zip(texts, answers, strict=True) if g is not None]
    judged = iter(grade_many(known))
    return [None if gold is None else next(judged).correct for gold in answers]


def _plain(number: str) -> str:
    return number.replace(",", "").replace(" ", "").replace("−", "-").lstrip("+")


def _merge(answers: list[str | None]) -> list[str | None]:
    """The same answers, each in the spelling of the first that is equivalent."""
    spellings: list[str] = []
    merged: list[str | None] = []
    for answer in answers:
        if answer is None:
            merged.append(None)
            continue
        same = next((s for s in spellings if s == answer or equivalent(MATH_TASK, s, answer)), None)
        if same is None:
            spellings.append(answer)
        merged.append(same or answer)
    return merged
