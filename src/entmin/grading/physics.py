r"""UGPhysics: every answer by its declared type, numbers within 1 %, powers of ten strictly.

Types are NV (number), EX (expression), EQ (equation), IN (interval), TF (yes or no), MC (letters) and TUP (tuple).
Several answers match in any order. Letters are quantities: ``e``, ``h``, ``k_B`` and ``c`` are symbols with their own
values, ``\hbar`` is ``h/2\pi``. A unit written into the answer is dropped, or converted where it is a multiple of the
declared one (``0.05 m`` is 5 in cm; ``5 m`` is not).
"""

from __future__ import annotations

import re

from entmin.grading.choice import letters
from entmin.grading.compare import match_any_order, same
from entmin.grading.dates import qualified
from entmin.grading.extract import Extracted, extract
from entmin.grading.gold import Gold
from entmin.grading.normalize import MAX_ANSWER, normalize, spelled, unwrap_text
from entmin.grading.phrases import truth
from entmin.grading.scalars import Rules
from entmin.grading.settled import DENIAL
from entmin.grading.shapes import Shape, elements, parse
from entmin.grading.units import conversion, strip_units
from entmin.verdict import Verdict

NAME, VERSION = "physics", "4"
TOLERANCE = 0.01
"""Relative deviation accepted of a number, the benchmark's own."""

_RANGE = re.compile(
    r"[,;]?(?:\\q?quad|\\[,;! ]|\s|\()*(?<![A-Za-z\\])[A-Za-z](?:_\w)?\s*=\s*(?:\\pm\s*)?\d+\s*"
    r"(?:,\s*(?:\\pm\s*)?\d+\s*)*,\s*\\(?:cdots|ldots|dots[a-z]?)\s*\)?\s*$"
)


def without_range(text: str) -> str:
    r"""Without a closing ``n = 0, 1, 2, \cdots``: it tells what an index runs over and is no answer of its own."""
    return _RANGE.sub("", text)


def _rules(gold: Gold, kind: str) -> Rules:
    relative = TOLERANCE if gold.tolerance is None else gold.tolerance
    return Rules(physics=True, relative=relative if kind != "MC" else 0.0)


def _number_in_unit(text: str, declared: str) -> tuple[str, bool]:
    """(value in the declared unit, whether that took a factor), a unit written into the answer dropped."""
    core, unit = strip_units(text, bare=False)
    if not unit or not core:
        return text, False
    factor = conversion(unit, declared)
    return (core, False) if factor in (None, "1") else (f"({core}) \\cdot {factor}", True)


def judge_one(text: str, kind: str, unit: str, answer: Shape, rules: Rules, *, alone: bool) -> bool:
    """Whether one answer is one gold of a declared type."""
    if kind == "TF" and truth(text) is not None:
        return truth(text) == truth(answer.text)
    if kind == "MC":
        wanted, named = letters(text), letters(answer.text)
        if wanted and len(undressed(text)) <= 8 and undressed(text).isalpha():
            return _joined(text) == _joined(answer.text) or wanted == named
    direction = qualified(text, physics=True)[1]
    if direction and direction != qualified(answer.text, physics=True)[1]:
        return False
    gold = parse(normalize(text))
    converted, rescaled = _number_in_unit(answer.text, unit)
    if rescaled:
        return same(gold, parse(converted), rules, alone=alone)
    if same(gold, answer, rules, alone=alone) or spelled(unwrap_text(text)) == spelled(unwrap_text(answer.text)):
        return True
    return converted != answer.text and same(gold, parse(converted), rules, alone=alone)


def undressed(text: str) -> str:
    """The letters of an option list."""
    return re.sub(r"\\text\b|[{}()\s,]|and", "", text)


def _joined(text: str) -> str:
    return "".join(sorted(undressed(text).upper()))


def _readings(found: Extracted, gold: Gold) -> list[tuple[Shape, ...]]:
    count = len(gold.answers)
    texts = [found.answer, ", ".join(found.group)] if len(found.group) > 1 else [found.answer]
    readings: list[tuple[Shape, ...]] = []
    for text in texts:
        answer = normalize(without_range(text))
        if count == 1:
            readings.append((parse(answer),))
            continue
        whole = parse(answer)
        cut = tuple(parse(part) for part in elements(answer))
        expanded = tuple(item for shape in cut for item in (shape.items if shape.kind == "list" else (shape,)))
        readings += [cut, expanded]
        if whole.kind in ("list", "group"):
            readings.append(whole.items)
    return [reading for reading in readings if len(reading) == count]


def judge(gold: Gold, found: Extracted) -> bool:
    """Whether the extracted answer holds every gold answer, in any order."""
    count = len(gold.answers)
    kinds = gold.types if len(gold.types) == count else ("",) * count
    units = gold.units if len(gold.units) == count else ("",) * count
    wanted = tuple(Shape("text", str(index)) for index in range(count))

    def is_same(gold_index: Shape, answer: Shape) -> bool:
        index = int(gold_index.text)
        text, kind = gold.answers[index], kinds[index]
        return judge_one(text, kind, units[index], answer, _rules(gold, kind), alone=count == 1)

    return any(match_any_order(wanted, reading, is_same) for reading in _readings(found, gold))


def grade(prediction: str, gold: Gold) -> Verdict:
    """Judge a model's whole answer."""
    found = extract(prediction)
    if found is None:
        return Verdict(False, None, "no-answer", NAME, VERSION)
    if len(found.answer) > MAX_ANSWER:
        return Verdict(False, found.answer[:MAX_ANSWER], "wrong", NAME, VERSION)
    right = judge(gold, found)
    reason = "match" if right else "no-answer" if DENIAL.match(found.answer) else "wrong"
    return Verdict(right, found.answer, reason, NAME, VERSION)


def equivalent(a: str, b: str) -> bool:
    """Whether two predictions give the same answer."""
    left, right = extract(a), extract(b)
    if left is None or right is None:
        return False
    return judge(Gold("physics", (left.answer,)), right) or judge(Gold("physics", (right.answer,)), left)
