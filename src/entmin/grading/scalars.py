r"""Whether two single values are the same: numbers, expressions, percentages, numbers in a base, words.

Approximation is one-sided and explicit. Against an exact gold (``\frac{1}{3}``, ``12\pi``) a decimal counts when it has
at least four significant digits and is the gold correctly rounded to the digits written; against a whole number or a
decimal it must be that number. A gold marked ``rounded`` (a measured value) also accepts answers that round to it, and
a declared tolerance accepts what lies within it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from mpmath import mp, mpf

from entmin.grading import symbolic
from entmin.grading.exactly import TooLarge, exact
from entmin.grading.normalize import depth, plain, spelled, unwrap_text
from entmin.grading.reader import MAX_DEPTH, Tree, Unreadable, read
from entmin.grading.units import scaled, strip_units
from entmin.grading.values import DIGITS, Point, close, equal, symbols, value

_DECIMAL = re.compile(
    r"(?P<sign>[-+]?)\s*(?P<digits>\d+\.?\d*|\.\d+)"
    r"(?:[eE](?P<e>[-+]?\d{1,4})|\s*(?:\\times|\\cdot|\*|x)\s*10\s*\^\s*\{?\s*(?P<ten>[-+]?\d{1,4})\s*\}?)?"
)
_BASED = re.compile(r"\(?(?P<digits>[0-9A-Fa-f.]+)\)?_\s*\{?\s*(?:\\text\s*\{)?\s*(?P<base>\d{1,2}|[a-z]+)\s*\}?\s*\}?")
_BASES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
          "eleven": 11, "twelve": 12, "sixteen": 16, "bin": 2, "oct": 8, "hex": 16}  # fmt: skip
_PERCENT = re.compile(r"\s*(?:\\?%|(?:\\text\s*\{\s*)?\b(?:percent|per cent|pct)\b\s*\}?)\s*$")
_ABBREVIATIONS = {"k": 3, "m": 6, "b": 9, "bn": 9, "mn": 6}
_ABBREVIATED = re.compile(r"(?P<number>-?\d[\d,]*(?:\.\d+)?)(?:\\(?:text|mathrm)\{)?(?P<scale>[kKMB]|bn|mn)\}?")
_IN_WORDS = re.compile(r"[-+\d.]+ ?[a-z]{3,}(?: [a-z]+)*")
_SIDE_BY_SIDE = re.compile(r"(?:^|[\s+\-*/(,=])\d+(?:\.\d+)?\s+\d")
_EXACT_DIGITS = 4
_ROUNDED_PLACES = 7


@dataclass(frozen=True, slots=True)
class Rules:
    """How strictly values are compared."""

    physics: bool = False
    relative: float = 0.0
    """Accepted relative deviation of numbers."""
    absolute: float = 0.0
    """Accepted absolute deviation of numbers."""
    rounded: bool = False
    """The gold is a measured or rounded value."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A decimal as written."""

    value: Fraction
    digits: int
    """Significant digits."""
    half: Fraction
    """Half a unit of the last place."""


def literal(text: str) -> Literal | None:
    """A decimal or scientific literal, or None where the text is anything else."""
    match = _DECIMAL.fullmatch(text.strip())
    if match is None or len(text) > 60:
        return None
    power = Fraction(10) ** int(match.group("e") or match.group("ten") or 0)
    digits = match.group("digits")
    places = len(digits.partition(".")[2])
    significant = digits.replace(".", "").lstrip("0")
    sign = -1 if match.group("sign") == "-" else 1
    return Literal(sign * Fraction(digits) * power, len(significant), power / (2 * Fraction(10) ** places))


def based(text: str) -> tuple[str, int] | None:
    r"""(digits, base) of ``4210_{5}``."""
    match = _BASED.fullmatch(text.strip())
    if match is None or not match.group("digits")[0].isdigit():
        return None
    base = match.group("base")
    number = int(base) if base.isdigit() else _BASES.get(base, 0)
    return (match.group("digits").upper(), number) if number else None


def _same_base(gold: str, answer: str) -> bool | None:
    left, right = based(gold), based(answer)
    if left and right:
        return left == right
    if left or right:
        digits, other = (left or right or ("", 0))[0], (answer if left else gold)
        return digits == re.sub(r"[\s,]", "", other).upper()
    return None


def split_percent(text: str) -> tuple[str, bool]:
    """(text without its percent sign, whether it had one)."""
    core = _PERCENT.sub("", text)
    return (core, True) if core != text and core.strip() else (text, False)


def is_number(text: str) -> bool:
    """Whether the text is a value without free letters."""
    try:
        return not symbols(read(text)) - {"e"}
    except Unreadable:
        return False


def same(gold: str, answer: str, rules: Rules) -> bool:
    """Whether an answer is the gold value."""
    if re.sub(r"\s", "", gold) == re.sub(r"\s", "", answer):
        return True
    in_base = _same_base(gold, answer)
    if in_base is not None:
        return in_base
    gold, gold_percent = split_percent(gold)
    answer, percent = split_percent(answer)
    if gold_percent == percent:
        return _same_value(gold, answer, rules)
    hundredth = replace(rules, absolute=rules.absolute / 100)
    if gold_percent:
        return _same_value(gold, answer, rules) or _same_value(f"({gold})/100", answer, hundredth)
    return _same_value(gold, f"({answer})/100", rules) or (_at_least_one(gold) and _same_value(gold, answer, rules))


def _at_least_one(gold: str) -> bool:
    number = literal(gold)
    return number is None or abs(number.value) >= 1


def _clean(gold: str, answer: str, rules: Rules) -> tuple[str, str]:
    """Both without units: bare letters and words are units only next to a purely numeric gold."""
    gold = strip_units(scaled(gold), bare=False)[0] if not rules.physics else gold
    if _IN_WORDS.fullmatch(gold):
        gold = strip_units(gold, bare=True)[0]
    numeric = is_number(gold)
    answer = _thousands(gold, answer) if numeric and not rules.physics else answer
    return gold, strip_units(answer, bare=numeric)[0] if numeric or not _readable(answer, rules) else answer


def _thousands(gold: str, answer: str) -> str:
    """``3k`` and ``2.5M`` scaled; ``3K`` where the gold says that it is no temperature."""
    match = _ABBREVIATED.fullmatch(answer)
    if match is None:
        return answer
    number, wanted = literal(match["number"].replace(",", "")), literal(gold)
    known = number is not None and wanted is not None and abs(number.value) < 1000 <= abs(wanted.value)
    if match["scale"] == "K" and not known:
        return answer
    return f"{match['number']} \\cdot 10^{{{_ABBREVIATIONS[match['scale'].lower()]}}}"


def _readable(text: str, rules: Rules) -> bool:
    try:
        read(text, physics=rules.physics)
    except Unreadable:
        return False
    return r"\text" not in text


def _same_value(gold: str, answer: str, rules: Rules) -> bool:
    gold, answer = _clean(gold, answer, rules)
    if re.sub(r"\s", "", gold) == re.sub(r"\s", "", answer):
        return True
    write = spelled if rules.physics else plain
    if write(unwrap_text(gold)) == write(unwrap_text(answer)) and re.search(r"[a-z]{3}", plain(gold)):
        return True
    if _SIDE_BY_SIDE.search(re.sub(r"\\(?:frac|binom)\s*\d\s*\d", "", answer)):
        return False  # two numbers are no product
    try:
        left, right = read(gold, physics=rules.physics), read(answer, physics=rules.physics)
        return _trees(gold, left, answer, right, rules)
    except TooLarge:
        return False
    except Unreadable:
        if max(depth(gold), depth(answer)) > MAX_DEPTH // 2:
            return False
        return symbolic.same(gold, answer)


def _trees(gold: str, left: Tree, answer: str, right: Tree, rules: Rules) -> bool:
    if equal(left, right, physics=rules.physics):
        return True
    if symbols(left) - {"e"} or symbols(right) - {"e"}:
        return bool(rules.relative and _decimal_coefficients(left, right) and _near_everywhere(left, right, rules))
    return _near(gold, left, answer, right, rules)


def _decimal_coefficients(*trees: Tree) -> bool:
    return any(_has_decimal(tree) for tree in trees)


def _has_decimal(tree: Tree) -> bool:
    if tree[0] == "num":
        return bool(tree[1].denominator != 1)
    return any(isinstance(part, tuple) and _has_decimal(part) for part in tree[1:])


def _near_everywhere(left: Tree, right: Tree, rules: Rules) -> bool:
    return equal(left, right, physics=rules.physics, tolerance=rules.relative)


def _number(tree: Tree, rules: Rules) -> Any:
    return value(tree, Point(1), physics=rules.physics)


def _near(gold: str, left: Tree, answer: str, right: Tree, rules: Rules) -> bool:
    """Approximate equality of two pure numbers, where the rules or the digits written allow it."""
    a, b = _number(left, rules), _number(right, rules)
    if rules.relative and close(a, b, rules.relative) and a != 0:
        return True
    if rules.absolute and abs(a - b) <= rules.absolute * (1 + 1e-9):
        return True
    stated, written = literal(gold), literal(answer)
    if stated is not None:
        # With so many places a gold is itself a rounded value, whatever it is declared to be.
        long = stated.digits >= _ROUNDED_PLACES and stated.half * 2 <= Fraction(10) ** -_ROUNDED_PLACES
        exactly_written = long and written is None
        return (rules.rounded or exactly_written) and _rounds_to(b, stated, at_least=2)
    rational = exact(left)
    if rational is not None and rational.denominator == 1:
        return False
    return written is not None and _rounds_to(a, written, at_least=_EXACT_DIGITS)


def _rounds_to(number: Any, written: Literal, at_least: int) -> bool:
    """Whether a number, rounded to the digits of a literal, is that literal."""
    if written.digits < at_least or written.half >= abs(written.value):
        return False
    with mp.workdps(DIGITS):
        gap = abs(number - mpf(written.value.numerator) / written.value.denominator)
    return bool(gap <= float(written.half) * (1 + 1e-9))
