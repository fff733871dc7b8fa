r"""Mathematical answers: the published benchmarks' free-form questions.

An answer is extracted, normalised, taken apart and compared; see `compare` and `scalars` for what counts as equal and
``docs/grading.md`` for the decisions. Runs inside a pool child: nothing here is called on a model's text in the
caller's process.
"""

from __future__ import annotations

import re

from entmin.grading.compare import match_any_order, same
from entmin.grading.extract import Extracted, extract
from entmin.grading.gold import Gold
from entmin.grading.normalize import MAX_ANSWER, normalize
from entmin.grading.scalars import Rules, is_number
from entmin.grading.shapes import Shape, elements, is_thousands, parse
from entmin.verdict import Verdict

NAME, VERSION = "math", "1"

_TEXT = re.compile(r"\\(?:text|textrm|textbf|mbox)\s*\{([^{}]*)\}")
_NUMBERS = re.compile(r"(?<![\w.])-?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:/\d+)?")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")


def rules_of(gold: Gold) -> Rules:
    """The comparison rules a gold asks for."""
    return Rules(absolute=gold.tolerance or 0.0, rounded=gold.rounded)


def _alternatives(found: Extracted, gold: Gold) -> list[str]:
    """Texts to try, most literal first."""
    texts = [found.answer]
    if len(found.group) > 1 and len(gold.answers) + gold.answers[0].count(",") > 1:
        texts.insert(0, ", ".join(found.group))
    stripped = _TEXT.sub(lambda m: m.group() if re.search(r"\b(and|or)\b", m.group(1)) else " ", found.answer).strip()
    if stripped and stripped != found.answer:
        texts.append(stripped)
    if found.how != "boxed" or _WORD.search(re.sub(r"\\[a-zA-Z]+", "", found.answer)):
        numbers = _NUMBERS.findall(found.answer)
        if (
            len(numbers) == 1
            and _WORD.search(found.answer)
            and not re.search(r"[\^_=]|\\[a-z]+frac|\\pi", found.answer)
        ):
            texts.append(numbers[0])
    return texts


def _gold_shapes(gold: Gold) -> tuple[Shape, ...]:
    return tuple(parse(normalize(answer)) for answer in gold.answers)


def _readings(text: str, count: int) -> list[tuple[Shape, ...]]:
    """How an answer can be cut into ``count`` pieces."""
    spaced = [part for part in re.split(r",\s+|;\s*", text) if part] if is_spaced(text) else []
    cuts = [elements(text), spaced]
    found = [tuple(item for part in cut for item in _pieces(part)) for cut in cuts if cut]
    whole = parse(text)
    if whole.kind == "list" or (whole.kind == "group" and whole.opening == r"\{"):
        found.append(whole.items)
    if whole.kind == "relation" and len(whole.items) == 2:
        found.extend(_readings(whole.items[1].text, count) if whole.items[1].text != text else [])
    return [reading for reading in found if len(reading) == count]


def is_spaced(text: str) -> bool:
    """Whether thousands separators and list separators can be told apart by their spaces."""
    return bool(re.search(r"\d,\d{3}(?!\d)", text)) and ", " in text


def _pieces(part: str) -> tuple[Shape, ...]:
    shape = parse(part)
    return shape.items if shape.kind == "list" else (shape,)


def judge(gold: Gold, text: str) -> bool:
    """Whether one extracted answer text is right."""
    rules = rules_of(gold)
    shapes = _gold_shapes(gold)
    answer = normalize(text)
    if not answer:
        return False
    if len(shapes) > 1:
        readings = _readings(answer, len(shapes))
        return any(
            match_any_order(shapes, reading, lambda a, b: same(a, b, rules, alone=False)) for reading in readings
        )
    parsed = parse(answer)
    if same(shapes[0], parsed, rules):
        return True
    return is_thousands(answer) and shapes[0].kind == "list" and _as_list(shapes[0], answer, rules)


def _as_list(gold: Shape, answer: str, rules: Rules) -> bool:
    """``1,200`` where the gold is the list 1 and 200."""
    items = tuple(Shape("scalar", part) for part in answer.split(","))
    return match_any_order(gold.items, items, lambda a, b: same(a, b, rules, alone=False))


def grade(prediction: str, gold: Gold) -> Verdict:
    """Judge a model's whole answer."""
    found = extract(prediction)
    if found is None:
        return Verdict(False, None, "no-answer", NAME, VERSION)
    shown = found.answer[:MAX_ANSWER]
    if len(found.answer) > MAX_ANSWER:
        return Verdict(False, shown, "wrong", NAME, VERSION)
    right = any(judge(gold, text) for text in _alternatives(found, gold))
    return Verdict(right, shown, "match" if right else "wrong", NAME, VERSION)


def equivalent(a: str, b: str) -> bool:
    """Whether two predictions give the same answer, whichever is taken as the gold."""
    left, right = extract(a), extract(b)
    if left is None or right is None:
        return False
    golds = [Gold("math", (found.answer,)) for found in (left, right)]
    return judge(golds[0], right.answer) or judge(golds[1], left.answer)


__all__ = ["NAME", "VERSION", "equivalent", "grade", "is_number", "judge", "rules_of"]
