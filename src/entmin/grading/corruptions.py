"""Ways of making one answer wrong, each with the reason why it may have stayed right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from entmin.grading.exactly import TooLarge, exact
from entmin.grading.gold import Gold
from entmin.grading.normalize import normalize
from entmin.grading.phrases import truth
from entmin.grading.physics import TOLERANCE
from entmin.grading.reader import Unreadable, read
from entmin.grading.relations import EQUALS, is_name
from entmin.grading.scalars import based, literal
from entmin.grading.shapes import Shape, parse
from entmin.grading.values import Point, symbols, value

Change = tuple[str, str, str]
"""(name, changed text, reason why it is still right or nothing)."""

_SIMPLE_FRACTION = re.compile(r"\\d?frac\{(-?\d+)\}\{(\d+)\}")
_OTHER_BRACKET = {"(": "[", "[": "(", ")": "]", "]": ")"}
_FLIPPED = {"<": ">", ">": "<", "<=": r"\ge", ">=": r"\le"}
_SIGN = {"<": "<", ">": ">", "<=": r"\le", ">=": r"\ge", "=": "=", "!=": r"\ne"}


def _close(a: Fraction, b: Fraction, gold: Gold) -> str:
    """Why two numbers count as equal under the gold's declared tolerance, or nothing."""
    if a == b:
        return "same value"
    if gold.kind == "physics" and abs(a - b) <= Fraction(gold.tolerance or TOLERANCE) * max(abs(a), abs(b)):
        return "within the declared tolerance"
    if gold.tolerance and abs(a - b) <= Fraction(gold.tolerance):
        return "within the declared tolerance"
    return ""


def _write(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    scaled, places = value, 0
    while scaled.denominator != 1 and places < 80:
        scaled, places = scaled * 10, places + 1
    digits = str(abs(scaled.numerator)).rjust(places + 1, "0")
    return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def _corrupted_number(text: str, gold: Gold) -> Iterator[Change]:
    """(name, text, reason to skip) for a literal."""
    number = literal(text)
    assert number is not None
    stated = number.value
    changed = {
        "sign flipped": -stated,
        "times ten": stated * 10,
        "times hundred": stated * 100,
        "over hundred": stated / 100,
        "plus one": stated + 1,
        "last digit": stated + 2 * number.half,
        "rounding noise": stated + (Fraction(1, 20) if stated.denominator == 1 and abs(stated) > 99 else stated / 20),
    }
    for name, other in changed.items():
        reason = _close(stated, other, gold)
        if gold.rounded and abs(other - stated) <= number.half:
            reason = "rounds to the gold"
        # 0.42 against 42 %: the same value, rightly accepted.
        if not reason and "%" in text and name in ("over hundred", "times hundred"):
            reason = "a percentage as a fraction"
        yield name, _write(other), reason


def _rational(text: str) -> Fraction | None:
    """The value of a pure number, irrational ones to 15 digits."""
    try:
        tree = read(normalize(text))
        number = None if symbols(tree) else value(tree, Point(1))
        return exact(tree) if number is None or number.imag else exact(tree) or Fraction(float(number.real))
    except (Unreadable, TooLarge):
        return None


def _unchanged(before: str, after: str, gold: Gold) -> str:
    """Why a changed part is still right, or nothing."""
    if re.search(r"\\(?:infty|ldots|cdots)", before):
        return "an infinity is not changed by arithmetic"
    left, right = _rational(before), _rational(after)
    return _close(left, right, gold) if left is not None and right is not None else ""


def _corrupted_expression(text: str, gold: Gold) -> Iterator[Change]:
    fixed = "an infinity is not changed by arithmetic" if re.search(r"\\(infty|ldots|cdots)", text) else ""
    number = _rational(text)
    if number == 0:
        fixed = "zero is not changed by a factor"
    yield "sign flipped", rf"-\left({text}\right)", fixed or ("both signs are in the gold" if r"\pm" in text else "")
    yield "times ten", rf"10 \left({text}\right)", fixed
    yield "over hundred", rf"\frac{{{text}}}{{100}}", fixed
    yield "plus one", f"{text} + 1", _close(number, number + 1, gold) if number is not None else fixed
    match = _SIMPLE_FRACTION.fullmatch(text)
    if match and abs(int(match.group(1))) != int(match.group(2)) and int(match.group(1)):
        yield "turned over", rf"\frac{{{match.group(2)}}}{{{match.group(1)}}}", ""


def _corrupted_group(shape: Shape, gold: Gold) -> Iterator[Change]:
    items = [item.text for item in shape.items]
    opening, closing, joiner = shape.opening, shape.closing, ", "
    if opening == ":":
        opening, closing, joiner = "", "", " : "
    if len(items) > 1 and opening:
        yield "element dropped", f"{opening}{joiner.join(items[:-1])}{closing}", ""
    yield "element added", f"{opening}{joiner.join([*items, '98765'])}{closing}", ""
    if opening in _OTHER_BRACKET and closing in _OTHER_BRACKET:
        yield "left bracket swapped", f"{_OTHER_BRACKET[opening]}{joiner.join(items)}{closing}", ""
        yield "right bracket swapped", f"{opening}{joiner.join(items)}{_OTHER_BRACKET[closing]}", ""
    if opening != r"\{" and items != items[::-1] and len(items) > 1:
        yield (
            "order reversed",
            f"{opening}{joiner.join(reversed(items))}{closing}",
            _unchanged(items[0], items[-1], gold),
        )
    changed = f"{items[0]} + 7"
    yield (
        "element changed",
        f"{opening}{joiner.join([changed, *items[1:]])}{closing}",
        _unchanged(items[0], changed, gold),
    )


def _corrupted_parts(shape: Shape, joiner: str) -> Iterator[Change]:
    items = [item.text for item in shape.items]
    yield "element dropped", joiner.join(items[:-1]), ""
    yield "element added", joiner.join([*items, "98765"]), ""
    for name, text, reason in _corrupted(items[0], Gold("math", ("0",))):
        twin = "may be another element" if text in items or name in ("sign flipped", "turned over") else ""
        yield f"element: {name}", joiner.join([text, *items[1:]]), reason or twin


def _corrupted_relation(shape: Shape, gold: Gold) -> Iterator[Change]:
    items, text = [item.text for item in shape.items], shape.text
    signs = [_SIGN.get(operator, "=") for operator in shape.operators]
    plus = [*items[:-1], f"{items[-1]} + 7"]
    sides = [side for pair in zip(plus, [*signs, ""], strict=True) for side in pair]
    yield "right side changed", " ".join(sides).strip(), _unchanged(items[-1], plus[-1], gold)
    if len(items) == 2 and shape.operators[0] in _FLIPPED:
        yield "inequality flipped", f"{items[0]} {_FLIPPED[shape.operators[0]]} {items[1]}", ""
    negatable = items[-1].strip() != "0" and r"\pm" not in text and r"\infty" not in items[-1]
    if len(items) == 2 and shape.operators[0] in EQUALS and is_name(items[0]) and negatable:
        yield "right side negated", rf"{items[0]} = -\left({items[1]}\right)", ""


def _corrupted(text: str, gold: Gold) -> Iterator[Change]:
    """(name, corrupted text, reason to skip or nothing) for one answer."""
    in_base = based(normalize(text))
    if in_base:
        yield "base changed", f"{in_base[0]}_{{{in_base[1] + 2}}}", ""
        yield "digits changed", f"{in_base[0]}0_{{{in_base[1]}}}", ""
        return
    if literal(text.rstrip("%\\ ")) is not None and "%" not in text:
        yield from _corrupted_number(text, gold)
        return
    shape = parse(normalize(text))
    if shape.kind == "group" and shape.items:
        yield from _corrupted_group(shape, gold)
    elif shape.kind in ("list", "union"):
        yield from _corrupted_parts(shape, ", " if shape.kind == "list" else r" \cup ")
    elif shape.kind == "relation":
        yield from _corrupted_relation(shape, gold)
    elif shape.kind == "text":
        yield "other word", "Zebra", ""
    elif shape.kind == "matrix":
        yield "entry changed", text.replace(r"\end{", r"+7\end{", 1), ""
    else:
        yield from _corrupted_expression(text, gold)


def changes(text: str, kind: str, gold: Gold) -> Iterator[Change]:
    """All ways of making one answer of a declared type wrong."""
    verdict = truth(text) if kind == "TF" else None
    if verdict is not None:
        yield "truth flipped", "No" if verdict else "Yes", ""
    elif kind == "MC" and re.fullmatch(r"[A-Za-z]", text):
        yield "letter rotated", chr((ord(text.upper()) - 64) % 5 + 65), ""
    else:
        yield from _corrupted(text, gold)
