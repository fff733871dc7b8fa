"""What a grader says about one answer.

``correct`` has three values on purpose: ``None`` means *not judged* (the grader timed out or failed) and is reported
as such; it is never folded into "wrong".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Verdict:
    """One graded answer."""

    correct: bool | None
    """True, False, or None for not judged."""
    answer: str | None
    """What was extracted from the prediction; None when nothing was found."""
    reason: str
    """``match``, ``wrong``, ``no-answer``, ``truncated``, ``timeout``, ``error``, or a grader's own word."""
    grader: str
    """Name of the grader, such as ``math``."""
    version: str
    """Version of the grader's rules; changes whenever a verdict can change."""

    def to_dict(self) -> dict[str, Any]:
        """The flat form written to JSONL rows and Inspect score metadata."""
        return {
            "correct": self.correct,
            "answer": self.answer,
            "reason": self.reason,
            "grader": self.grader,
            "grader_version": self.version,
        }
