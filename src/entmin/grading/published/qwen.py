r"""The published rules of Minerva and OlympiadBench (and the harness's GSM8K), written from their description."""

from __future__ import annotations

import re

from entmin.grading.phrases import SMALL_NUMBERS
from entmin.grading.published.values import lenient_number, symbolic_equal, to_float

_UNITS = (
    "degrees?|cm|km|mm|m|kg|g|mg|s|h|hours?|minutes?|seconds?|days?|weeks?|months?|years?|feet|foot|inch(?:es)?|miles?|"
    "mph|dollars?|cents?|units?|square|cubic|meters?|metres?|centimeters?|grams?|kilograms?|liters?|litres?|l|points?|"
    "people|percent|per|by|ratio|ways|students|a|c|d|o|t|gal|ft|yards?|rad|radians?|edges|vertices|games|sides|pm|am"
)
_UNIT = re.compile(rf"(^|\W)(?:{_UNITS})($|\W)")
_NUMBER = re.compile(r"-?\d*\.?\d+")
_WORDS = {word: str(value) for word, value in SMALL_NUMBERS.items() if value <= 12}
_SIMPLE = [
    (re.compile(pattern), by)
    for pattern, by in [
        (r"\\!|\n", ""),
        (r"\\begin\{array\}\{.*?\}", r"\\begin{pmatrix}"),
        (r"\\end\{array\}", r"\\end{pmatrix}"),
        (r"bmatrix", "pmatrix"),
        (r"\\[td]frac", r"\\frac"),
        (r"\\(?:neq)", r"\\ne"),
        (r"\\leq", r"\\le"),
        (r"\\geq", r"\\ge"),
        (r"\\left|\\right", ""),
        (r"\\\{", "{"),
        (r"\\\}", "}"),
    ]
]


def _boxed(text: str) -> str | None:
    at = text.rfind("boxed")
    if at < 0:
        return None
    tail = text[at + 5 :]
    if not tail:
        return ""
    if tail[0] != "{":
        return tail.split("$")[0].strip()
    level = 1
    for index, char in enumerate(tail[1:], start=1):
        level += (char == "{") - (char == "}")
        if level == 0:
            return tail[1:index]
    return tail[1:]


def extract(text: str, *, units: bool = True) -> str:
    """The answer by their order of places, the last number as the last resort; units dropped except for Minerva."""
    boxed = _boxed(text)
    if "final answer is $" in text and "$. I hope" in text:
        found = text.split("final answer is $", 1)[1].split("$. I hope", 1)[0].strip()
    elif boxed is not None:
        found = boxed
    elif "he answer is" in text:
        found = text.split("he answer is")[-1].strip()
    elif "final answer is" in text:
        found = text.split("final answer is")[-1].strip()
    elif "答案是" in text:
        found = text.split("答案是")[1].strip().split("\n\n")[0].strip()
    else:
        numbers = _NUMBER.findall(text.replace(",", ""))
        found = numbers[-1] if numbers else ""
    found = re.sub(r"\n\s*", "", found).removeprefix(":").removesuffix(".").removesuffix("/")
    return strip(found, units=units)


def _without_units(text: str) -> str:
    for _ in range(2):
        shorter = _UNIT.sub(r"\1\2", text)
        if shorter:
            text = shorter
    return text


def strip(text: str, *, units: bool = True) -> str:
    """Their ``strip_string``."""
    text = text.strip().rstrip(".")
    for pattern, by in _SIMPLE:
        text = pattern.sub(by, text)
    trailing = re.sub(r"\\text\{.*?\}$", "", text).strip()
    text = trailing or text
    text = _without_units(text) if units else text
    text = re.sub(r"\^\s*\{?\\circ\}?", "", text).replace(r"\$", "").replace("$", "")
    text = text.replace(r"\(", "").replace(r"\)", "")
    text = _WORDS.get(text.strip().lower(), text)
    text = re.sub(r"\\text\{(.*?)\}", r"\1", text)
    for prefix in ("x=", "y=", "z=", r"x\in", r"y\in", r"z\in", r"x\to", r"y\to", r"z\to"):
        text = text.replace(prefix, "")
    text = text.replace(r"\emptyset", "{}").replace(r"\%", "").replace("%", "")
    text = re.sub(r"(^|[ {])\.(?=\d)", r"\g<1>0.", text)
    text = re.sub(r"\\math(?:bf|rm|it)|\\textbf|\\mbox\{.*?\}|and", "", text)
    text = re.sub(r"(?<!\d)(\d+)\.0*(?=\D|$)", r"\1", text)
    if text.count("=") == 1 and len(text.split("=")[0].strip()) <= 2:
        text = text.split("=")[1]
    text = re.sub(r"\\sqrt(\w)", r"\\sqrt{\1}", text.replace(" ", ""))
    text = re.sub(r"\\frac(\d)(\d)", r"\\frac{\1}{\2}", text)
    return re.sub(r"^(-?\d+)/(\d+)$", r"\\frac{\1}{\2}", text)


def _letters(text: str) -> str:
    found = re.findall(r"\b[A-E]\b", text.upper().replace("_", " "))
    return found[-1] if found else text


def equal(prediction: str, gold: str) -> bool:
    """Their ``math_equal``."""
    if prediction.strip().lower() == gold.strip().lower():
        return True
    if gold in ("A", "B", "C", "D", "E") and _letters(prediction) == gold:
        return True
    left, right = _number(prediction), _number(gold)
    if left is not None and right is not None:
        return lenient_number(left, right)
    if not prediction:
        return False
    bare = [re.sub(r"[\[\](){}]", "", text).lower() for text in (prediction, gold)]
    if bare[0] == bare[1]:
        return True
    return _tuples(prediction, gold) or _matrices(prediction, gold) or _equations(prediction, gold)


def _number(text: str) -> float | None:
    percent = text.endswith("%")
    number = to_float(text.rstrip("%\\"))
    return number / 100 if number is not None and percent else number


def _tuples(prediction: str, gold: str) -> bool:
    if not all(re.fullmatch(r"(\(|\[).+(\)|\])", text) for text in (prediction, gold)):
        return False
    parts = [text[1:-1].split(",") for text in (prediction, gold)]
    return len(parts[0]) == len(parts[1]) > 1 and all(equal(a, b) for a, b in zip(*parts, strict=True))


def _matrices(prediction: str, gold: str) -> bool:
    opening, closing = r"\begin{pmatrix}", r"\end{pmatrix}"
    if not all(text.startswith(opening) and text.endswith(closing) for text in (prediction, gold)):
        return False
    cells = [re.split(r"\\\\|&", text[len(opening) : -len(closing)]) for text in (prediction, gold)]
    return len(cells[0]) == len(cells[1]) and all(equal(a, b) for a, b in zip(*cells, strict=True))


def _equations(prediction: str, gold: str) -> bool:
    counts = prediction.count("="), gold.count("=")
    if counts == (1, 1):
        differences = [f"({left})-({right})" for left, right in (t.split("=") for t in (prediction, gold))]
        return any(symbolic_equal(differences[0], f"{sign}({differences[1]})", keep_pi=False) for sign in ("", "-"))
    for one, other, count in ((prediction, gold, counts), (gold, prediction, counts[::-1])):
        if count == (1, 0) and len(one.split("=")[0].strip()) <= 2:
            return equal(one.split("=")[1], other)
    return _inequality(prediction) == _inequality(gold) is not None or _symbolic(prediction, gold)


def _inequality(text: str) -> tuple[str, str] | None:
    """(smaller, larger) of a single strict inequality."""
    parts = re.split(r"([<>])", text)
    if len(parts) != 3:
        return None
    return (parts[0], parts[2]) if parts[1] == "<" else (parts[2], parts[0])


def _symbolic(prediction: str, gold: str) -> bool:
    if prediction.startswith("0x") or prediction == "True":
        return False
    # Their LaTeX parsers stop at a subscript after digits, so every base reads alike.
    return symbolic_equal(*(re.sub(r"(?<=\d)_.*$", "", text) for text in (prediction, gold)), keep_pi=False)
