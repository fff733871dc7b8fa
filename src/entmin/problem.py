"""One problem of a benchmark in the form that prompts, graders and judges of programs read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

GROUPS = ("level", "subject", "year", "language", "domain")
"""Sample metadata that results are broken down by, where a benchmark has it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem."""

    id: str
    question: str
    gold: str | dict[str, Any]
    """The answer as the data set declares it: text, or the columns that make it up; for code, what judges a program."""
    level: str | None = None
    subject: str | None = None
    year: str | None = None
    options: tuple[str, ...] = ()
    """Multiple choice: the options in the data set's order; `gold` is then the letter of the right one."""
    extra: dict[str, Any] = field(default_factory=dict)
    """What else the prompt or the report needs, such as the language."""
    system: str | None = None
    """A system turn of the problem's own."""


def letter(position: int) -> str:
    """The letter of an option: 0 is A."""
    return chr(ord("A") + position)
