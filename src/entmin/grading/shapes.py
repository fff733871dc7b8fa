r"""The outer form of an answer: number, tuple, interval, set, list, union, relation, matrix or words.

Only the skeleton is read here, by counting brackets; what lies between the commas stays text. ``(1,2)`` is both a
point and an open interval, so brackets are kept as written and compared as written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from entmin.grading.phrases import number_words

Kind = Literal["scalar", "group", "list", "union", "relation", "matrix", "text"]

_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|.", re.DOTALL)
_OPEN = {"(", "[", "{", r"\{", r"\langle", r"\lfloor", r"\lceil", r"\begin"}
_CLOSE = {")", "]", "}", r"\}", r"\rangle", r"\rfloor", r"\rceil", r"\end"}
_RELATIONS = {
    "=": "=", "<": "<", ">": ">", r"\le": "<=", r"\ge": ">=", r"\ne": "!=", r"\approx": "~", r"\simeq": "~",
    r"\sim": "~", r"\equiv": "==", r"\to": "->", r"\rightarrow": "->", r"\Rightarrow": "=>", r"\propto": "~~",
    r"\implies": "=>", r"\in": "in", r"\cong": "~~", r"\Longrightarrow": "=>",
}  # fmt: skip
_THOUSANDS = re.compile(r"[-+]?\s?(?!0,)\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_JOINERS = re.compile(
    r"\\(?:text|textrm|mathrm|mbox)\s*\{\s*,?\s*(?:and|or|und|oder|et|ou|和|或)\s*\}|(?<![A-Za-z\\])(?:and|or|und|oder|et|ou)(?![A-Za-z]|[^{}\\]*[A-Za-z]{2}[^{}\\]*\})|[和或及与]"
    r"|(?<=\d)or(?=[A-Z])|\\(?:lor|vee|land|wedge)(?![a-z])"
)
_MATRIX = re.compile(r"^\\begin\{pmatrix\}(.*)\\end\{pmatrix\}(?:\^\s*\{?\s*(?:T|\\top|\\intercal)\s*\}?)?$", re.DOTALL)
_WORDS = re.compile(r"[^\W\d_]{2,}(?:[\s'-]+[^\W\d_]+)*\.?")


@dataclass(frozen=True, slots=True)
class Shape:
    """An answer taken apart one level."""

    kind: Kind
    text: str
    items: tuple[Shape, ...] = ()
    opening: str = ""
    closing: str = ""
    operators: tuple[str, ...] = ()
    """Of a relation: one between each two items."""


def tokens(text: str) -> list[str]:
    """Commands and characters, nothing dropped."""
    return _TOKEN.findall(text)


def split(text: str, separators: set[str]) -> tuple[list[str], list[str]]:
    """Parts and separators found outside all brackets."""
    parts, found, level = [""], [], 0
    for token in tokens(text):
        if token in _OPEN:
            level += 1
        elif token in _CLOSE:
            level -= 1
        if level == 0 and token in separators:
            found.append(token)
            parts.append("")
        else:
            parts[-1] += token
    return [part.strip() for part in parts], found


def enclosed(text: str) -> tuple[str, str, str] | None:
    """(opening, inside, closing) when one pair of brackets encloses the whole text."""
    found = tokens(text)
    if len(found) < 2 or found[0] not in _OPEN - {r"\begin"} or found[-1] not in _CLOSE - {r"\end"}:
        return None
    level = 0
    for index, token in enumerate(found):
        level += (token in _OPEN) - (token in _CLOSE)
        if level == 0 and index < len(found) - 1:
            return None
    return found[0], "".join(found[1:-1]).strip(), found[-1]


def _relation(text: str) -> Shape | None:
    parts, found = split(text, set(_RELATIONS))
    if not found:
        return None
    if len(found) == 1 and _RELATIONS[found[0]] == "in" and parts[1]:
        return parse(parts[1])
    if not all(parts):
        return None
    operators = tuple(_RELATIONS[token] for token in found)
    return Shape("relation", text, tuple(Shape("scalar", part) for part in parts), operators=operators)


def _ratio(text: str) -> Shape | None:
    """``3 : 4``, one number after the other; a clock time reads the same and is compared the same."""
    parts, found = split(text, {":"})
    if not found or not all(re.search(r"[\dA-Za-z]", part) for part in parts):
        return None
    return Shape("group", text, tuple(Shape("scalar", part) for part in parts), ":", ":")


def _group(text: str) -> Shape | None:
    bracket = enclosed(text)
    if bracket is None:
        return None
    opening, inside, closing = bracket
    if opening == "{" and closing == "}":
        return parse(inside)
    parts, _ = split(inside, {",", ";"})
    if len(parts) == 1 and opening != r"\{":
        if opening == "(" and (parse(inside).kind in ("relation", "group", "text", "matrix")):
            return parse(inside)
        return None
    both = plus_minus(text) if opening == "(" else None
    if both:
        return Shape("list", text, tuple(parse(part) for part in both))
    items = tuple(item for part in parts if part for item in _expanded(parse(part)))
    return Shape("group", text, items, opening, closing)


def _expanded(item: Shape) -> tuple[Shape, ...]:
    r"""A ``\pm`` inside a set or list stands for two elements."""
    return item.items if item.kind == "list" else (item,)


def _matrix(text: str) -> Shape | None:
    match = _MATRIX.match(text)
    if match is None or r"\begin" in match.group(1):
        return None
    rows = [row for row in re.split(r"\\\\(?:\[[^\]]*\])?", match.group(1)) if row.strip()]
    cells = tuple(
        Shape("group", row, tuple(Shape("scalar", cell.strip()) for cell in split(row, {"&"})[0])) for row in rows
    )
    return Shape("matrix", text, cells)


def plus_minus(text: str) -> tuple[str, str] | None:
    r"""Both readings of ``a \pm b`` (``\mp`` moves the other way), or None."""
    if not re.search(r"\\(?:pm|mp)(?![a-z])", text):
        return None
    upper = re.sub(r"\\mp(?![a-z])", "-", re.sub(r"\\pm(?![a-z])", "+", text))
    lower = re.sub(r"\\mp(?![a-z])", "+", re.sub(r"\\pm(?![a-z])", "-", text))
    return upper.strip().removeprefix("+").strip(), lower


def is_thousands(text: str) -> bool:
    """Whether commas can be read as thousands separators."""
    return bool(_THOUSANDS.fullmatch(text))


def elements(text: str) -> list[str]:
    """The parts of a list as written: separated by commas, semicolons, "and", "or"."""
    marked = _JOINERS.sub(",", text)
    parts, _ = split(marked, {",", ";"})
    return [part for part in parts if part]


def parse(text: str) -> Shape:
    """The skeleton of a normalised answer. Never fails: what is nothing else is a scalar or text."""
    text = text.strip()
    if is_thousands(text):
        return Shape("scalar", text.replace(",", ""))
    parts = elements(text)
    if len(parts) > 1:
        items = tuple(item for part in parts for item in _expanded(parse(part)))
        return Shape("list", text, items)
    text = parts[0] if parts else text
    for attempt in (_matrix, _union, _relation, _ratio, _group):
        shape = attempt(text)
        if shape is not None:
            return shape
    both = plus_minus(text)
    if both:
        return Shape("list", text, tuple(parse(part) for part in both))
    number = number_words(text) if is_words(text) else text
    return Shape("scalar", number) if number else Shape("text", text)


def _union(text: str) -> Shape | None:
    parts, found = split(text, {r"\cup"})
    if not found or not all(parts):
        return None
    if "=" not in parts[0] and re.match(r"^[A-Za-z]\s*\\in(?![a-z])", parts[0]):
        parts[0] = re.sub(r"^[A-Za-z]\s*\\in(?![a-z])\s*", "", parts[0])
    return Shape("union", text, tuple(parse(part) for part in parts))


def is_words(text: str) -> bool:
    r"""Plain words (a name, a direction, a day), possibly inside ``\\text{}``."""
    inner = re.sub(r"\\(?:text|textrm|textbf|textit|mathrm|mbox)\s*\{([^{}]*)\}", r"\1", text).strip()
    return bool(_WORDS.fullmatch(inner)) and not inner.startswith("\\")
