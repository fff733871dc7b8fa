"""Reading the answer of a record, where several benchmarks write it alike: from the answer column to a `Gold`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from entmin.errors import UsageError
from entmin.grading.gold import Gold

Raw = str | int | float | list[Any] | dict[str, Any] | Gold
_LETTER = re.compile(r"\\?(?:text|textbf)?\{?\(([A-J])\)\}?")


def column(raw: Raw, *names: str) -> Any:
    """The first of the named columns of a record; anything that is not a record is itself.

    Raises:
        UsageError: the record has none of them.
    """
    if not isinstance(raw, dict):
        return raw
    for name in names:
        if raw.get(name) is not None:
            return raw[name]
    raise UsageError(f"the record has none of the fields {', '.join(names)}; it has {', '.join(map(str, raw))}")


def integer(raw: Raw) -> Gold:
    """An integer, also as ``142.0``, ``033`` or after ``####``; what is none is mathematics."""
    text = str(column(raw, "answer", "expected_answer", "target")).strip()
    text = text.rpartition("####")[2].strip().strip("$").replace(",", "")
    if re.fullmatch(r"[-+]?\d+(?:\.0*)?", text):
        return Gold("integer", (str(int(text.partition(".")[0])),))
    return Gold("math", (text,))


def math(raw: Raw) -> Gold:
    """One answer in LaTeX, or the letter of an option in parentheses."""
    text = str(column(raw, "expected_answer", "answer", "target")).strip()
    if _LETTER.fullmatch(text):
        return Gold("choice", (text.strip("()"),))
    return Gold("math", (text,))


def choice(raw: Raw) -> Gold:
    """The letter of an option."""
    text = str(column(raw, "answerKey", "answer", "target")).strip().strip("()")
    return Gold("choice", (text.upper(),))


def exact(raw: Raw) -> Gold:
    """A text that must be given word for word."""
    return Gold("exact", (str(column(raw, "answer", "target")).strip(),))


def physics(raw: Raw) -> Gold:
    """One answer of physics, no type and no unit declared."""
    return Gold("physics", (str(column(raw, "answer", "answers")).strip(),))


READERS: dict[str, Callable[[Any], Gold]] = {
    "math": math, "choice": choice, "exact": exact, "physics": physics, "integer": integer
}  # fmt: skip
"""How a text answer reads, by the judge it is for."""
