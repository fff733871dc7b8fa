r"""The published rule stage of UGPhysics, written from its description: types ignored, exponents unchecked."""

from __future__ import annotations

import math
import re

from entmin.grading.exactly import TooLarge
from entmin.grading.extract import balanced
from entmin.grading.published.values import symbolic_equal, tree_of
from entmin.grading.shapes import elements, plus_minus
from entmin.grading.values import Point, symbols, value

PRECISION = 1e-2
_PHRASES = ("is the ans", "is our ans", "answer is", "answer:", "answer :")
_YES = {"yes", "true", "correct", "是", "对", "正确"}
_NO = {"no", "false", "incorrect", "wrong", "否", "错", "错误"}
_CONSTANTS = (
    r"R_\infty", r"\alpha", r"\hbar", "N_A", "V_m", "m_e", "m_p", "k_B", "G", "R", "e", "h", "c"
)  # fmt: skip
_SCIENTIFIC = re.compile(r"\d[eE][-+]?\d")
_TIMES_TEN = re.compile(r"\\times\s*10\s*\^\s*\{?\s*(-?\d+)\s*\}?")


def extract(text: str) -> str | None:
    """Text after the last "herefore", then its last box, else what follows an answer phrase."""
    text = text.rstrip(" .,\n。")
    if "herefore" in text:
        text = text.rsplit("herefore", maxsplit=1)[1]
    if "oxed{" in text:
        start = text.rindex("oxed{") + 4
        end = balanced(text, start)
        return text[start + 1 : (end or len(text) + 1) - 1].strip()
    for phrase in _PHRASES:
        if phrase in text.lower():
            at = text.lower().rindex(phrase) + len(phrase)
            return text[at:].strip(" :$.\n") or None
    return None


def _clean(text: str) -> str:
    text = re.sub(r"\\(?:left|right|,|;|!|quad)|\\text\{None\}|\$", "", text)
    text = re.sub(r"\\(?:text|mathrm|boldsymbol|mathbf)\s*\{([^{}]*)\}", r"\1", text)
    return re.sub(r"\\[dt]frac", r"\\frac", text).strip(" .")


def _parts(text: str) -> list[str]:
    parts: list[str] = []
    for part in elements(re.sub(r"\\ldots(?![a-z])", ",", _clean(text))):
        both = plus_minus(part)
        parts += list(both) if both else [part]
    return [part.lstrip("+").strip() for part in parts]


def equal(prediction: str, gold: str) -> bool:
    """Whether each gold finds its own answer, in any order, by any of their seven judges."""
    answers, golds = _parts(prediction), _parts(gold)
    if len(answers) != len(golds):
        return False
    for wanted in golds:
        found = next((index for index, answer in enumerate(answers) if _one(answer, wanted)), None)
        if found is None:
            return False
        answers.pop(found)
    return True


def _one(answer: str, gold: str) -> bool:
    if _judges(answer, gold):
        return True
    for constant in _CONSTANTS:
        answer, gold = answer.replace(constant, ""), gold.replace(constant, "")
    return bool(answer.strip()) and _judges(answer.strip(), gold.strip())


def _judges(answer: str, gold: str) -> bool:
    if answer.replace(" ", "").lower() == gold.replace(" ", "").lower():
        return True
    words = answer.strip().lower(), gold.strip().lower()
    if any(set(words) <= side for side in (_YES, _NO)):
        return True
    if all(re.fullmatch(r"[A-H]+", word.upper()) for word in words):
        return sorted(words[0]) == sorted(words[1])
    return _numbers(answer, gold) or _intervals(answer, gold) or _expressions(answer, gold)


def _number(text: str) -> float | None:
    if _SCIENTIFIC.search(text):
        return None  # their parser reads 4.88e23 as 4.88 times the letter e times 23
    tree = tree_of(_TIMES_TEN.sub(r"\\cdot 10^{\1}", re.sub(r"\\?%", "", text)), keep_pi=True)
    if tree is None or symbols(tree):
        return None
    try:
        number = value(tree, Point(1))
        return None if number.imag != 0 else float(str(number.real))
    except (TooLarge, ValueError, OverflowError):
        return None


def _mantissa(number: float) -> float:
    if number == 0 or math.isinf(number):
        return 0.0
    return round(number / 10.0 ** math.floor(math.log10(abs(number))), 2)


def _numbers(answer: str, gold: str) -> bool:
    left, right = _number(answer), _number(gold)
    if left is None or right is None:
        return False
    if left == right:
        return True
    if right == 0 or left == 0:
        return False
    if abs(left - right) <= 1.01 * PRECISION * abs(right):
        return True
    return abs(_mantissa(left) - _mantissa(right)) <= 0.101


def _intervals(answer: str, gold: str) -> bool:
    ends = [(text[:1], text[-1:]) for text in (answer, gold)]
    if ends[0] != ends[1] or ends[0][0] not in "([" or not ends[0][0]:
        return False
    bounds = [text[1:-1].split(",") for text in (answer, gold)]
    return len(bounds[0]) == len(bounds[1]) == 2 and all(_judges(a, b) for a, b in zip(*bounds, strict=True))


def _expressions(answer: str, gold: str) -> bool:
    if any(_SCIENTIFIC.search(text) for text in (answer, gold)):
        return False
    sides = [text.split("=", maxsplit=1)[-1].strip() for text in (answer, gold)]
    return symbolic_equal(*sides)
