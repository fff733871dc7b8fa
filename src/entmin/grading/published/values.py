"""The symbolic step of the published graders, on our own reader: no string is ever evaluated as Python.

Their parsers read less than ours (no mixed numbers, no units, ``i`` and ``e`` are plain letters), so trees are read
from the raw text and letters are taken as letters.
"""

from __future__ import annotations

import math
import re
from typing import Any

from mpmath import mp

from entmin.grading.exactly import TooLarge
from entmin.grading.reader import Tree, Unreadable, read
from entmin.grading.values import Point, symbols, value

RELATIVE = 1e-4
_RENAMED = {"i": "i letter", "e": "e letter", "pi": "pi letter"}


def _letters(tree: Tree, keep_pi: bool) -> Tree:
    if tree[0] == "sym":
        renamed = tree[1] in _RENAMED and not (keep_pi and tree[1] == "pi")
        return ("sym", _RENAMED[tree[1]]) if renamed else tree
    if tree == ("euler",):
        return ("sym", "e letter")
    if tree[0] == "add" and tree[1][0] == "num" and tree[2][0] == "div" and len(tree[2]) == 3:
        # Our reader makes 3\frac{1}{2} a sum; "3 + 1/2" written out reads the same and is rare in answers.
        return ("mul", tree[1], _letters(tree[2], keep_pi))
    return tuple(_letters(part, keep_pi) if isinstance(part, tuple) else part for part in tree)


def tree_of(text: str, *, keep_pi: bool) -> Tree | None:
    """What their parsers would see, or None where they fail."""
    text = re.sub(r"\\[dt]frac", r"\\frac", text.replace("**", "^"))
    text = re.split(r"\.\s", text, maxsplit=1)[0]
    try:
        tree = read(text)
    except Unreadable:
        return None
    plus = re.search(r"\d\s*\+", text)
    return tree if plus else _letters(tree, keep_pi)


def _at(tree: Tree, point: Point) -> Any:
    try:
        return value(tree, point)
    except (Unreadable, TooLarge):
        return None


def symbolic_equal(a: str, b: str, *, keep_pi: bool = True) -> bool:
    """Equal after simplification, or numerically to one part in ten thousand."""
    left, right = tree_of(a, keep_pi=keep_pi), tree_of(b, keep_pi=keep_pi)
    if left is None or right is None:
        return False
    free = symbols(left) | symbols(right)
    points = [Point(1), Point(2), Point(5, "signed")] if free else [Point(1)]
    pairs = [(_at(left, point), _at(right, point)) for point in points]
    if any(x is None or y is None for x, y in pairs):
        return False
    if not free:
        x, y = pairs[0]
        return bool(abs(x - y) <= RELATIVE * max(abs(x), abs(y)))
    if "abs" in str(left) + str(right) and left != right:
        return False  # letters are complex to them: |x| is never simplified to a root
    return all(abs(x - y) <= mp.mpf(10) ** -12 * max(abs(x), abs(y), 1) for x, y in pairs)


def to_float(text: str) -> float | None:
    """Python's own reading of a number after commas are dropped: 1_000, full-width digits and 1e400 included."""
    text = text.replace(",", "")
    if len(text) > 400:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


def lenient_number(prediction: float, gold: float) -> bool:
    """The published leniency: a hundredth and a hundredfold count."""
    return any(math.isclose(prediction, other, rel_tol=RELATIVE) for other in (gold / 100, gold, gold * 100))
