"""The second opinion for what our reader does not know: integrals, sums, limits, logic, matrices with factors.

math-verify's own parser (a grammar; no Python is evaluated) and its `verify` decide, without their clocks: the pool
limits the processor time of a whole grading. Its lower-casing of letters is undone by spelling letters apart first.
"""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from typing import Any

_MAX_CHARS = 600
_WORTH_PARSING = re.compile(r"\d|\\[a-zA-Z]+|[=^_]")
_POWER_TOWER = re.compile(r"\^\s*\{?[^{}]*\^\s*\{?[^{}]*\^|\d{4,}\s*!|\^\s*\{?\s*\d{4,}|!\s*!")
_PROSE = re.compile(r"[A-Za-z]{3,}\s+[A-Za-z]{2,}\s+[A-Za-z]{2,}|__|[;:]|\bimport\b|\bopen\b")


@lru_cache(maxsize=256)
def _parse(text: str) -> Any:
    from latex2sympy2_extended.latex2sympy2 import ConversionConfig, NormalizationConfig, latex2sympy, normalize_latex

    config = NormalizationConfig(
        basic_latex=True, units=False, malformed_operators=True, nits=False, boxed="none", equations=False
    )
    return latex2sympy(
        normalize_latex(text, config), is_real=False, conversion_config=ConversionConfig(lowercase_symbols=False)
    )


def worth_asking(text: str) -> bool:
    """Whether a text is short, mathematical and harmless enough to parse with a grammar."""
    return (
        0 < len(text) <= _MAX_CHARS
        and bool(_WORTH_PARSING.search(text))
        and not _POWER_TOWER.search(text)
        and not _PROSE.search(text)
    )


def same(gold: str, answer: str) -> bool:
    """math-verify's verdict on two expressions; False where either cannot be parsed."""
    if not (worth_asking(gold) and worth_asking(answer)):
        return False
    from math_verify.grader import verify

    logging.getLogger("math_verify.grader").setLevel(logging.ERROR)
    try:
        left, right = _parse(gold), _parse(answer)
    except Exception:  # a grammar's border: whatever it cannot read is no match
        return False
    if not verify(left, right, timeout_seconds=None, float_rounding=10):
        return False
    # What equals its own negative was read as nothing (a zero, a dropped integral): that is no agreement.
    return not _is_expression(right) or not verify(left, -right, timeout_seconds=None, float_rounding=10)


def _is_expression(parsed: Any) -> bool:
    from sympy import Expr

    return isinstance(parsed, Expr)


def warm() -> None:
    """Import the libraries and build their tables, outside any request's clock."""
    same(r"\int_0^1 x dx", r"\frac{1}{2}")
