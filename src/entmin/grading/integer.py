r"""Integers, exactly: the grader of the procedural arithmetic benchmark.

The answer is the last ``\boxed{}``, else what follows the last "answer is", else the last number in the text. It must
be that integer: no tolerance, no percent, no rescaling.
"""

from __future__ import annotations

import re

from entmin.grading.gold import Gold
from entmin.grading.visible import visible
from entmin.verdict import Verdict

NAME, VERSION = "integer", "5"
RULES = ("arithmetic", "integer")
"""The rules under which an integer is judged here, and not as mathematics."""
_MAX_CHARS = 100_000
_NUMBER = r"[-+−]?\s?\d[\d,]*(?:\.\d+)?"
_THOUSANDS = re.compile(r"(?<=\d)(?:\{,\}|,?\\[,!])(?=\d)")
"""LaTeX between groups of digits: ``8{,}272``, ``8\\,272``, ``8,\\!272``."""
_BOXED = re.compile(r"\\boxed\s*\{([^{}]*)\}")
# Possessive: a long run of white space is read once.
_STATED = re.compile(r"answer\s*+(?:is|:|=)\s*+:?\s*+\$?\s*+(" + _NUMBER + ")", re.IGNORECASE)
_ANY = re.compile(r"(?<![\w.])" + _NUMBER)


def extract(prediction: str) -> str | None:
    """The stated number as written, or None."""
    text = _THOUSANDS.sub(",", visible(prediction[-_MAX_CHARS:]))
    boxes = _BOXED.findall(text)
    if boxes:
        inside: list[str] = _ANY.findall(boxes[-1])
        return inside[-1].strip() if inside else boxes[-1].strip()
    stated: list[str] = _STATED.findall(text) or _ANY.findall(text)
    return stated[-1].strip() if stated else None


def _value(text: str) -> int | None:
    digits = re.sub(r"[\s,]", "", text).replace("−", "-")
    digits = re.sub(r"\.0*$", "", digits)
    return int(digits) if re.fullmatch(r"[-+]?\d{1,60}", digits) else None


def grade(prediction: str, gold: Gold) -> Verdict:
    """Judge one answer against one integer."""
    answer = extract(prediction)
    if answer is None:
        return Verdict(False, None, "no-answer", NAME, VERSION)
    right = _value(answer) is not None and _value(answer) == _value(gold.answers[0])
    return Verdict(right, answer, "match" if right else "wrong", NAME, VERSION)
