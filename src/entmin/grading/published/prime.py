r"""The published rules of MATH-500, AMC and AIME, from their description, leniencies and blind spots included."""

from __future__ import annotations

import math
import re

from entmin.grading.extract import balanced
from entmin.grading.published.values import lenient_number, symbolic_equal, to_float

_MARKERS = ("the answer is: ", "answer:\n", "answer: ")
_BOX = re.compile(r"\\(?:boxed|fbox)")
_PRODUCT = re.compile(r"[\d.+\-*/() ]+")
_MAX = 1000


def extract(text: str, *, contest: bool) -> str:
    """The answer by their markers and the last balanced box; the whole text when there is neither."""
    for marker in _MARKERS[1:] if contest else _MARKERS:
        at = text.lower().rfind(marker)
        if at >= 0:
            text = text[at + len(marker) :]
    boxes = list(_BOX.finditer(text))
    if boxes:
        brace = text.find("{", boxes[-1].end())
        end = balanced(text, brace) if brace >= 0 else None
        if end is not None:
            text = text[brace + 1 : end - 1].strip()
    if contest:
        # Their call strips a *set of characters*, not the phrase.
        text = text.strip("The final answer is ").strip(". I hope it is correct.")  # noqa: B005
    return text


def _pi(text: str, pi: float) -> str:
    if r"\pi" not in text:
        return text
    at = text.find(r"\pi")
    text = text.replace(r"\pi", f"*{pi}" if at > 0 and text[at - 1].isdigit() else f"1*{pi}")
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*\*\s*(\d+\.\d+)", text)
    return str(float(match.group(1)) * float(match.group(2))) if match else text


def _normalised(text: str, pi: float) -> str:
    if re.match(r"\$\d", text):
        text = text[1:]
    match = re.fullmatch(r"(-?[\d.]+)\\?%", text)
    text = match.group(1) if match else text
    if "_" in text:
        number = to_float(text.split("_", maxsplit=1)[0])
        if number is None or math.isinf(number):
            raise ValueError("their base handling fails here, which counts as wrong")
        text = str(int(number))
    return _pi(text, pi)


def _number(text: str) -> float | None:
    hexadecimal = re.fullmatch(r"0[xX][0-9a-fA-F]{1,12}", text)
    if hexadecimal:
        return float(int(text, 16))
    if text == "True":
        return 1.0
    return to_float(text.replace("{,}", ","))


def _elements(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def equal(prediction: str, gold: str) -> bool:
    """Their ``math_equal``."""
    if r"\pi" in prediction or r"\pi" in gold:
        return any(_equal(prediction, gold, pi) for pi in (math.pi, 3.14))
    return _equal(prediction, gold, math.pi)


def _equal(prediction: str, gold: str, pi: float) -> bool:
    try:
        prediction, gold = _normalised(prediction, pi)[:_MAX], _normalised(gold, pi)
    except ValueError:
        return False
    if prediction.strip().lower() == gold.strip().lower() or prediction.replace(" ", "") == gold.replace(" ", ""):
        return True
    left, right = _number(prediction), _number(gold)
    if left is not None and right is not None:
        return lenient_number(left, right)
    bare = [re.sub(r"[{}()]", "", text).strip().lower() for text in (prediction, gold)]
    if bare[0] == bare[1]:
        return True
    return _brackets(prediction, gold, pi) or _symbolic(prediction, gold)


def _brackets(prediction: str, gold: str, pi: float) -> bool:
    if not prediction or not gold or r"\begin" in prediction + gold:
        return False
    ends = [(text[0], text[-1]) for text in (prediction, gold)]
    if ends[0] == ends[1] and ends[0][0] in "([" and ends[0][1] in ")]":
        prediction, gold = prediction[1:-1], gold[1:-1]
    parts = _elements(prediction), _elements(gold)
    if len(parts[0]) < 2 or len(parts[0]) != len(parts[1]):
        return False
    return all(_equal(a, b, pi) for a, b in zip(*parts, strict=True))


def _symbolic(prediction: str, gold: str) -> bool:
    if any(re.search(r"\\log_|\\left|\\text|[<>=]|\d\s+\d", text) for text in (prediction, gold)):
        return False
    return symbolic_equal(prediction, gold)
