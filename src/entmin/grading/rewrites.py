r"""Golds rewritten so that they stay right, and corrupted so that they become wrong: the grader's own exam.

`rewritings` are whole predictions that must grade correct against the gold, `corruptions` whole predictions that must
grade wrong. A corruption that happens to be right (minus zero, one more within a declared tolerance) is left out, and
`named_corruptions` says why. That is decided here from the values of numbers, never by asking the grader.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from entmin.grading.corruptions import changes
from entmin.grading.gold import Gold
from entmin.grading.normalize import normalize
from entmin.grading.scalars import literal
from entmin.grading.shapes import Shape, parse

Named = tuple[str, str]

_SIMPLE_FRACTION = re.compile(r"\\d?frac\{(-?\d+)\}\{(\d+)\}")
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
        yield (
            "inequality turned",
            f"{items[1]} {_SIGN[{'<': '>', '>': '<', '<=': '>=', '>=': '<='}[shape.operators[0]]]} {items[0]}",
        )


def named_rewritings(gold: Gold) -> list[Named]:
    """(name, prediction) pairs that must grade correct."""
    text = _joined(gold)
    found: list[Named] = [("boxed", boxed(text)), ("unboxed", unboxed(text))]
    found.append(("two boxes", f"First \\boxed{{-12345}} was wrong. {boxed(text)}"))
    if gold.kind == "choice":
        letter = gold.answers[0]
        dressed = (
            f"({letter})",
            f"**{letter}**",
            rf"\text{{{letter}}}",
            f"{letter}. Something",
            rf"\textbf{{({letter})}}",
        )
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
    for name, text, reason in changes(answers[0], kinds[0], gold):
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
