r"""Golds rewritten so that they stay right, and corrupted so that they become wrong: the grader's own exam.

`rewritings` are whole predictions that must grade correct against the gold, `corruptions` whole predictions that must
grade wrong. A corruption that happens to be right (minus zero, one more within a declared tolerance) is left out, and
`named_corruptions` says why. That is decided here from the values of numbers, never by asking the grader.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from entmin.grading.gold import Gold
from entmin.grading.normalize import normalize
from entmin.grading.physics import TOLERANCE, truth
from entmin.grading.reader import Unreadable, read
from entmin.grading.relations import EQUALS, is_name
from entmin.grading.scalars import based, literal
from entmin.grading.shapes import Shape, parse
from entmin.grading.values import Point, TooLarge, exact, symbols, value

Named = tuple[str, str]

_SIMPLE_FRACTION = re.compile(r"\\d?frac\{(-?\d+)\}\{(\d+)\}")
_OTHER_BRACKET = {"(": "[", "[": "(", ")": "]", "]": ")"}
_FLIPPED = {"<": ">", ">": "<", "<=": r"\ge", ">=": r"\le"}
_SIGN = {"<": "<", ">": ">", "<=": r"\le", ">=": r"\ge", "=": "=", "!=": r"\ne"}


def boxed(text: str) -> str:
    """As a model ends its answer."""
    return f"Let us compute step by step.\n\nThe final answer is \\boxed{{{text}}}."


def unboxed(text: str) -> str:
    """The same without a box, in the published few-shot phrasing."""
    return f"Let us compute.\nFinal Answer: The final answer is ${text}$. I hope it is correct."


def _joined(gold: Gold) -> str:
    return ", ".join(answer.replace("$", "") for answer in gold.answers)


def _spelled(text: str) -> Iterator[Named]:
    """Other spellings of the same LaTeX."""
    yield "trailing period", f"{text}."
    if r"\frac" in text:
        yield "dfrac", re.sub(r"\\d?frac", r"\\dfrac", text)
        slash = _SIMPLE_FRACTION.sub(r"\1/\2", text)
        if _SIMPLE_FRACTION.fullmatch(text):
            yield "slash", slash
    if re.search(r"(?<![\\{\[(|^_\s,=<>-])([-+=])(?=[^}])", text) and r"\text" not in text:
        yield "spaces", re.sub(r"(?<![\\{^_eE])\s*([-+=])\s*", r" \1 ", text)
    if text[:1] in "([" and text[-1:] in ")]" and r"\left" not in text and parse(text).kind == "group":
        yield "left right", rf"\left{text[:-1]}\right{text[-1]}"
    if "-" in text and "{-" not in text:
        yield "minus sign", text.replace("-", "−") if "e-" not in text else text
    yield "display style", rf"\displaystyle {text}"


def _number_spelled(text: str, gold: Gold) -> Iterator[Named]:
    number = literal(text)
    if number is None:
        return
    value = number.value
    if re.fullmatch(r"-?[\d.]+[eE][-+]?\d+", text):
        mantissa, _, power = text.lower().partition("e")
        yield "times ten", rf"{mantissa} \times 10^{{{int(power)}}}"
    elif r"\times" in text and (match := re.fullmatch(r"(-?[\d.]+)\s*\\times\s*10\^\{?(-?\d+)\}?", text)):
        yield "e notation", f"{match.group(1)}e{match.group(2)}"
    elif value.denominator == 1 and "." not in text:
        yield "point zero", f"{text}.0"
        if abs(value) >= 1000:
            yield "thousands", f"{int(value):,}"
            yield "braced thousands", f"{int(value):,}".replace(",", "{,}")
    elif 0 < value < 1 and text.startswith("0."):
        yield "leading point", text[1:]
    yield "named", f"x = {text}"
    if gold.kind != "physics":
        yield "text unit", rf"{text} \text{{ units}}"


def _structured(text: str, shape: Shape) -> Iterator[Named]:
    """Rewritings that use what kind of answer it is."""
    items = [item.text for item in shape.items]
    if shape.kind == "list" and len(set(items)) == len(items) and r"\pm" not in text:
        yield "reversed list", ", ".join(reversed(items))
        if all(item.kind == "scalar" for item in shape.items):
            yield "set braces", rf"\{{{', '.join(items)}\}}"
    if shape.kind == "group" and shape.opening == r"\{":
        yield "reversed set", rf"\{{{', '.join(reversed(items))}\}}"
    if shape.kind == "union":
        yield "reversed union", r" \cup ".join(reversed(items))
    if shape.kind == "matrix":
        yield "bmatrix", text.replace("pmatrix", "bmatrix").replace("array}{c", "array}{c")
    if shape.kind == "relation" and shape.operators == ("=",):
        yield "sides swapped", f"{items[1]} = {items[0]}"
    if shape.kind == "relation" and len(items) == 2 and shape.operators[0] in _FLIPPED:
        yield "inequality turned", f"{items[1]} {_SIGN[{'<': '>', '>': '<', '<=': '>=', '>=': '<='}[shape.operators[0]]]} {items[0]}"


def named_rewritings(gold: Gold) -> list[Named]:
    """(name, prediction) pairs that must grade correct."""
    text = _joined(gold)
    found: list[Named] = [("boxed", boxed(text)), ("unboxed", unboxed(text))]
    found.append(("two boxes", f"First \\boxed{{-12345}} was wrong. {boxed(text)}"))
    if gold.kind == "choice":
        letter = gold.answers[0]
        dressed = (f"({letter})", f"**{letter}**", rf"\text{{{letter}}}", f"{letter}. Something", rf"\textbf{{({letter})}}")
        found += [(f"letter {number}", boxed(form)) for number, form in enumerate(dressed)]
        return [*found, ("stated", f"Thus the answer is {letter}."), ("option", f"The correct option is ({letter}).")]
    shape = parse(normalize(text))
    found += [(name, boxed(form)) for name, form in _spelled(text)]
    if len(gold.answers) > 1 and len(set(gold.answers)) == len(gold.answers):
        found.append(("reversed answers", boxed(", ".join(reversed(gold.answers)))))
    elif len(gold.answers) == 1:
        found += [(name, boxed(form)) for name, form in _number_spelled(text, gold)]
        found += [(name, boxed(form)) for name, form in _structured(text, shape)]
    return found


def rewritings(gold: Gold) -> list[str]:
    """Predictions that must grade correct."""
    return [prediction for _, prediction in named_rewritings(gold)]


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


def _corrupted_number(text: str, gold: Gold) -> Iterator[tuple[str, str, str]]:
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


def _corrupted_expression(text: str, gold: Gold) -> Iterator[tuple[str, str, str]]:
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


def _corrupted_group(shape: Shape, gold: Gold) -> Iterator[tuple[str, str, str]]:
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
        yield "order reversed", f"{opening}{joiner.join(reversed(items))}{closing}", _unchanged(items[0], items[-1], gold)
    changed = f"{items[0]} + 7"
    yield "element changed", f"{opening}{joiner.join([changed, *items[1:]])}{closing}", _unchanged(items[0], changed, gold)


def _corrupted_parts(shape: Shape, joiner: str) -> Iterator[tuple[str, str, str]]:
    items = [item.text for item in shape.items]
    yield "element dropped", joiner.join(items[:-1]), ""
    yield "element added", joiner.join([*items, "98765"]), ""
    for name, text, reason in _corrupted(items[0], Gold("math", ("0",))):
        twin = "may be another element" if text in items or name in ("sign flipped", "turned over") else ""
        yield f"element: {name}", joiner.join([text, *items[1:]]), reason or twin


def _corrupted_relation(shape: Shape, gold: Gold) -> Iterator[tuple[str, str, str]]:
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


def _corrupted(text: str, gold: Gold) -> Iterator[tuple[str, str, str]]:
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


def _by_type(text: str, kind: str, gold: Gold) -> Iterator[tuple[str, str, str]]:
    verdict = truth(text) if kind == "TF" else None
    if verdict is not None:
        yield "truth flipped", "No" if verdict else "Yes", ""
    elif kind == "MC" and re.fullmatch(r"[A-Za-z]", text):
        yield "letter rotated", chr((ord(text.upper()) - 64) % 5 + 65), ""
    else:
        yield from _corrupted(text, gold)


def named_corruptions(gold: Gold) -> tuple[list[Named], list[Named]]:
    """(name, prediction) pairs that must grade wrong, and (name, reason) of those left out."""
    made: list[Named] = []
    skipped: list[Named] = []
    if gold.kind == "choice":
        letter = chr((ord(gold.answers[0].strip("()")[0]) - 64) % 5 + 65)
        return [("letter rotated", boxed(letter)), ("stated", f"The answer is ({letter}).")], []
    answers = [answer.replace("$", "") for answer in gold.answers]
    if len(answers) > 1:
        made.append(("answer dropped", boxed(", ".join(answers[:-1]))))
        made.append(("answer added", boxed(", ".join([*answers, "98765"]))))
    kinds = gold.types if len(gold.types) == len(answers) else ("",) * len(answers)
    for name, text, reason in _by_type(answers[0], kinds[0], gold):
        if not reason and len(answers) > 1 and (text in answers or name == "sign flipped"):
            reason = "may be another of the answers"
        if reason:
            skipped.append((name, reason))
        else:
            made.append((name, boxed(", ".join([text, *answers[1:]]))))
    return made, skipped


def corruptions(gold: Gold) -> list[str]:
    """Predictions that must grade wrong."""
    return [prediction for _, prediction in named_corruptions(gold)[0]]
