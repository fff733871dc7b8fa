"""Words that carry values: numbers in words (English and Chinese), scales, yes and no."""

from __future__ import annotations

import re
from fractions import Fraction

SCALES = {
    "dozen": 12, "hundred": 100, "thousand": 1_000, "million": 10**6, "billion": 10**9, "trillion": 10**12,
    "lakh": 10**5, "crore": 10**7, "mn": 10**6, "bn": 10**9,
    "百万": 10**6, "千万": 10**7, "万": 10**4, "亿": 10**8, "千(?![克米瓦])": 1_000, "百(?!分)": 100,
}  # fmt: skip
"""Words that multiply the number before them, as patterns."""
FACTORS = {word: str(value) for word, value in SCALES.items()} | {
    f"{word}th": rf"\frac{{1}}{{{SCALES.get(word, 10)}}}"
    for word in ("ten", "hundred", "thousand", "million", "billion")
}
"""As LaTeX, the parts among them."""
PART_BEFORE = frozenset(
    "not no never neither nor without than under below above least most minus times negative root log logarithm ln sin "
    "cos tan sine cosine tangent half third quarter double triple twice thrice cube square power exponent factorial "
    "multiplied inverse reciprocal opposite if maybe perhaps possibly wait almost nearly between wrong plus over isn't "
    "aren't wasn't doesn't don't cannot can't 不 不是 没有 负 减 加 乘 除".split()
)
"""Words that make the number behind them part of something else, or deny it."""
PART_AFTER = frozenset(
    "not never than least most minus plus negative squared cubed factorial mod modulo divided multiplied raised if "
    "maybe perhaps possibly wait but except wrong incorrect choose half third thirds root or".split()
)
"""The same for the number before them."""

CHINESE_BEFORE = re.compile(r"(?:[不没负减乘加非]|零下|[小大少多]于|至[少多]|超过|根号|平方|除以)[^，。,]{0,3}$")
CHINESE_AFTER = re.compile(r"^[^，。,.]{0,5}(?:[半余几以的]|多$|次方|阶乘|折)")

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
SMALL_NUMBERS = {word: value for value, word in enumerate(_ONES)} | {word: 10 * n for n, word in enumerate(_TENS, 2)}
_PARTS = {"half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7,
          "eighth": 8, "ninth": 9, "tenth": 10, "hundredth": 100}  # fmt: skip
_PARTS |= {f"{word}s": value for word, value in _PARTS.items() if word[:4] != "half"} | {"halfs": 2}
_NO_UNITS = PART_AFTER | PART_BEFORE - {"square"} | set(_PARTS) | set(SCALES) | {"and", "of"}
_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_POWERS = {"十": 10, "百": 100, "千": 1_000, "万": 10_000, "亿": 100_000_000}
_CHINESE = re.compile(r"负?[零〇一二两三四五六七八九十百千万亿]+")
_TRUE = {"yes", "true", "correct", "right", "y", "t", "是", "对", "正确", "真", "是的", "对的", "成立"}
_FALSE = {
    "no", "false", "incorrect", "wrong", "n", "f", "否", "错", "错误", "不", "假", "不是", "不对", "不正确", "不成立",
}  # fmt: skip
_DRESS = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox)\b|\\[,;! ]|[{}$*()\\~]")


def undressed(text: str) -> str:
    """Without LaTeX's text commands, braces, dollar signs and Markdown stars; lower case, single spaces."""
    return re.sub(r"\s+", " ", _DRESS.sub(" ", text)).strip().casefold()


def truth(text: str) -> bool | None:
    """Yes and no, true and false, in English and Chinese; a reason after a comma or period aside."""
    word = re.split(r"[,.;，。；:：]|\s", undressed(text), maxsplit=1)[0]
    return True if word in _TRUE else False if word in _FALSE else None


def truth_word(text: str) -> bool | None:
    """As `truth`, of a text that is nothing but the word, written out."""
    word = undressed(text).rstrip(".。")
    return truth(word) if word in _TRUE | _FALSE and (len(word) > 1 or not word.isascii()) else None


def _cardinal(words: list[str]) -> int | None:
    total = current = 0
    seen = False
    for word in words:
        if word in SMALL_NUMBERS:
            current, seen = current + SMALL_NUMBERS[word], True
        elif word == "hundred" and (seen or word == words[0]):
            current, seen = (current or 1) * 100, True
        elif word in SCALES and seen:
            total, current = total + current * SCALES[word], 0
        elif word != "and" or not seen:
            return None
    return total + current if seen else None


def _english(words: list[str]) -> Fraction | None:
    whole = _cardinal(words)
    if whole is not None:
        return Fraction(whole) if words[-1] != "and" else None
    if (
        words[-1] in SCALES
        and (scaled := _english([word for word in words[:-1] if word != "a"] or ["one"])) is not None
    ):
        return scaled * SCALES[words[-1]]
    if words[-1] not in _PARTS:
        return None
    part, rest = _PARTS[words[-1]], words[:-1]
    if "and" in rest and (base := _cardinal(rest[: rest.index("and")])) is not None:
        count = _cardinal(rest[rest.index("and") + 1 :]) or (1 if rest[-1] in ("a", "and") else None)
        return base + Fraction(count, part) if count else None
    top = 1 if rest in ([], ["a"]) else _cardinal(rest)
    return Fraction(top, part) if top is not None and (rest or part == 2) else None


def chinese_number(text: str) -> int | None:
    """The value of a number in Chinese signs."""
    if not _CHINESE.fullmatch(text):
        return None
    total = section = digit = 0
    for char in text.lstrip("负"):
        if char in _DIGITS:
            digit = digit * 10 + _DIGITS[char] if digit and char in "零〇" else _DIGITS[char]
        elif char in "万亿":
            total, section, digit = (total + section + digit or 1) * _POWERS[char], 0, 0
        else:
            section, digit = section + (digit or 1) * _POWERS[char], 0
    value = total + section + digit
    return -value if text[0] == "负" else value


def _latex(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    return f"{'-' if value < 0 else ''}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def number_words(text: str) -> str | None:
    r"""``twenty-five`` as ``25``, ``two thirds of`` nothing, ``二分之一`` as ``\frac{1}{2}``; a unit behind is kept."""
    bare = undressed(text).rstrip(".。")
    if not bare or len(bare) > 120 or bare[0].isdigit():
        return None
    bottom, divided, top = bare.partition("分之")
    if divided:
        over, under = chinese_number(top), 100 if bottom == "百" else chinese_number(bottom.lstrip("负"))
        return _latex(Fraction(-over if bottom[0] == "负" else over, under)) if over is not None and under else None
    head = _CHINESE.match(bare)
    if head and len(bare) - head.end() <= 2:
        value = chinese_number(head.group())
        return None if value is None else f"{value} {bare[head.end() :]}".strip()
    words = re.findall(r"[a-z]+|[^a-z\s-]", bare)
    sign = -1 if words[:1] in (["minus"], ["negative"]) else 1
    words = words[1:] if sign < 0 else words
    if not words or (words[0] not in SMALL_NUMBERS and words[0] not in (*_PARTS, "a", "hundred")):
        return None
    for cut in range(len(words), 0, -1):
        found = _english(words[:cut])
        if found is not None:
            rest = words[cut:]
            if set(rest) & _NO_UNITS or not all(word.isalpha() for word in rest):
                return None
            return f"{_latex(sign * found)} {' '.join(rest)}".strip()
    return None


_PART = re.compile(r"\s*(?:,|and)?\s*(\d+(?:\.\d+)?)\s*([a-z]+)\.?")
_WHOLE = {
    "d": 86_400, "h": 3_600, "min": 60, "s": 1, "ft": 12, "in": 1, "m": 100, "cm": 1, "lb": 16, "oz": 1, "km": 100_000,
}  # fmt: skip
_NAMES = {
    "day": "d", "hour": "h", "hr": "h", "minute": "min", "second": "s", "sec": "s", "feet": "ft", "foot": "ft",
    "inch": "in", "inche": "in", "pound": "lb", "ounce": "oz", "meter": "m", "metre": "m", "centimeter": "cm",
}  # fmt: skip


def compound(text: str) -> str | None:
    """``2 hours 30 minutes`` and ``2 h and 30 min`` as one number of the smaller unit; None for anything else."""
    bare = undressed(text)
    parts = _PART.findall(bare)
    if len(parts) < 2 or _PART.sub("", bare).strip(" ."):
        return None
    singular = [name.removesuffix("s") or name for _, name in parts]
    names = [_NAMES.get(name, name) for name in singular]
    if any(name not in _WHOLE for name in names) or sorted(names, key=lambda n: -_WHOLE[n]) != names:
        return None
    total = sum((Fraction(number) * _WHOLE[name] for (number, _), name in zip(parts, names, strict=True)), Fraction(0))
    return f"{_latex(total / _WHOLE[names[-1]])} \\text{{ {names[-1]}}}"
