"""What a tree is worth: exactly where it is rational, else to 30 digits, symbols at fixed points.

Two expressions are equal when they agree at every test point. The points are derived from the symbols' names, so the
verdict is the same on every machine and in every run. Sizes are bounded before anything is computed: a power tower or
the factorial of a large number raises `TooLarge` in microseconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from mpmath import mp, mpc, mpf

from entmin.grading.exactly import MAX_FACTORIAL, TooLarge, exact
from entmin.grading.reader import Tree, Unreadable

_MAX_EXPONENT = 1_000_000
DIGITS = 30
_SMALL = 1e-15
_LOOSE = 1e-17


@dataclass(frozen=True, slots=True)
class Point:
    """How symbols get their values."""

    seed: int
    style: str = "positive"
    """``positive`` reals, ``signed`` reals, ``wide`` positive reals of all sizes, or ``whole`` numbers."""

    def value(self, name: str) -> Any:
        """The value of one symbol: a fixed irrational-looking real, or a whole number."""
        digest = hashlib.blake2b(f"{self.seed}/{name}".encode(), digest_size=8).digest()
        number = int.from_bytes(digest, "big")
        if self.style == "whole":
            return mpf(7 + number % 23)
        real = mpf(number) / 2**64 * 2 + mpf(2) / 5
        if self.style == "wide":
            return mpf(10) ** (4 * real - 6)
        return -real if self.style == "signed" and number % 2 else real


def _power(base: Any, exponent: Any) -> Any:
    if base == 0:
        if mp.re(exponent) > 0:
            return mpf(0)
        if exponent == 0:
            return mpf(1)
        raise Unreadable("division by zero")
    if abs(exponent) * abs(mp.log(abs(base))) > _MAX_EXPONENT:
        raise TooLarge("power")
    return mp.power(base, exponent)


def _safe_exp(value: Any) -> Any:
    if abs(value) > _MAX_EXPONENT:
        raise TooLarge("exp")
    return mp.exp(value)


def _factorial(value: Any) -> Any:
    if abs(value) > MAX_FACTORIAL:
        raise TooLarge("factorial")
    return mp.gamma(value + 1)


def _binomial(n: Any, k: Any) -> Any:
    if max(abs(n), abs(k)) > MAX_FACTORIAL:
        raise TooLarge("binomial")
    return mp.binomial(n, k)


def _real(value: Any) -> Any:
    if isinstance(value, mpc):
        if value.imag != 0:
            raise Unreadable("rounding of a complex number")
        return value.real
    return value


_CALLS: dict[str, Callable[..., Any]] = {
    "sin": mp.sin, "cos": mp.cos, "tan": mp.tan, "cot": mp.cot, "sec": mp.sec, "csc": mp.csc, "arcsin": mp.asin,
    "arccos": mp.acos, "arctan": mp.atan, "arccot": mp.acot, "sinh": mp.sinh, "cosh": mp.cosh, "tanh": mp.tanh,
    "coth": mp.coth, "sech": mp.sech, "csch": mp.csch, "arctanh": mp.atanh, "arcsinh": mp.asinh, "arccosh": mp.acosh,
    "ln": mp.log, "log": mp.log, "lg": mp.log10, "exp": _safe_exp, "sqrt": mp.sqrt, "abs": abs,
    "floor": lambda x: mp.floor(_real(x)), "ceiling": lambda x: mp.ceil(_real(x)), "factorial": _factorial,
    "binomial": _binomial,
}  # fmt: skip
_TRIGONOMETRIC = {"sin", "cos", "tan", "cot", "sec", "csc", "exp"}
_LARGE_ARGUMENT = 10**12


def _call(tree: Tree, point: Point, physics: bool) -> Any:
    name = tree[1]
    if name not in _CALLS:
        raise Unreadable(f"unknown function {name[:20]}")
    degrees = name in _TRIGONOMETRIC
    values = [_value(part, point, physics, degrees) for part in tree[2:]]
    if abs(values[0]) > _LARGE_ARGUMENT and name not in ("abs", "ln", "log", "lg", "sqrt", "floor", "ceiling"):
        raise TooLarge(name)
    return _CALLS[name](*values)


def _symbol(name: str, point: Point, physics: bool) -> Any:
    if name == "pi":
        return +mp.pi
    if name == "hbar":
        return point.value("h") / (2 * mp.pi)
    if name in ("i", "imath"):
        return mpc(0, 1)
    if name == "e" and not physics:
        return +mp.e
    return point.value(name)


def _value(tree: Tree, point: Point, physics: bool, degrees: bool = False) -> Any:
    head = tree[0]
    if head == "num":
        return mpf(tree[1].numerator) / tree[1].denominator
    if head == "sym":
        return _symbol(tree[1], point, physics)
    if head == "euler":
        return +mp.e
    if head == "fun":
        return _call(tree, point, physics)
    if head == "deg":
        inner = _value(tree[1], point, physics)
        return inner * mp.pi / 180 if degrees else inner
    values = [_value(part, point, physics, degrees) for part in tree[1:]]
    if head == "add":
        return values[0] + values[1]
    if head == "neg":
        return -values[0]
    if head == "mul":
        return values[0] * values[1]
    if head == "div":
        if values[1] == 0:
            raise Unreadable("division by zero")
        return values[0] / values[1]
    return _power(values[0], values[1])


def value(tree: Tree, point: Point, *, physics: bool = False, digits: int = DIGITS) -> Any:
    """The value at one point, to 30 digits.

    Raises:
        TooLarge: it is out of bounds.
        Unreadable: it is undefined there.
    """
    with mp.workdps(digits):
        try:
            return _value(tree, point, physics)
        except (ValueError, ZeroDivisionError, OverflowError, TypeError) as error:
            if isinstance(error, Unreadable):
                raise
            raise Unreadable(str(error)[:60]) from error


def symbols(tree: Tree) -> set[str]:
    """Names of the free symbols (constants excluded)."""
    if tree[0] == "sym":
        return set() if tree[1] in ("pi", "i", "imath") else {tree[1]}
    found: set[str] = set()
    for part in tree[1:]:
        if isinstance(part, tuple):
            found |= symbols(part)
    return found


def close(a: Any, b: Any, tolerance: float = 1e-18) -> bool:
    """Relative equality, at every size: 1e-34 and 1e-33 are as far apart as 1 and 10."""
    return bool(abs(a - b) <= tolerance * max(abs(a), abs(b)))


def _has_discrete(tree: Tree) -> bool:
    if tree[0] == "fun" and tree[1] in ("floor", "ceiling", "factorial", "binomial"):
        return True
    if tree[0] == "pow" and tree[1][0] == "neg":
        return True
    return any(isinstance(part, tuple) and _has_discrete(part) for part in tree[1:])


def equal(a: Tree, b: Tree, *, physics: bool = False, tolerance: float = 1e-18) -> bool:
    """Whether two trees are the same function of their symbols.

    Raises:
        TooLarge, Unreadable: as `value`.
    """
    if a == b:
        return True
    left, right = exact(a), exact(b)
    if left is not None and right is not None:
        gap = abs(left - right)
        return left == right or (tolerance > _LOOSE and gap <= Fraction(tolerance) * max(abs(left), abs(right)))
    points = [Point(1), Point(2)]
    if tolerance > _LOOSE and symbols(a):
        points += [Point(seed, "wide") for seed in range(21, 25)]
    if _agree(a, b, points, physics, tolerance):
        if symbols(a) and _vanishes(a, points[:2], physics):
            raise Unreadable("identically zero when its letters commute")
        return not symbols(a) or _agree_where_real(a, b, physics, tolerance)
    if symbols(a) and (_has_discrete(a) or _has_discrete(b)):
        whole = [Point(seed, "whole") for seed in range(3, 7)]
        # Powers and factorials of whole numbers are large: 210 digits keep a "+ 1" visible.
        return _agree(a, b, whole, physics, tolerance if tolerance > _LOOSE else 1e-150, 7 * DIGITS)
    return False


def _vanishes(tree: Tree, points: list[Point], physics: bool) -> bool:
    return all(abs(value(tree, point, physics=physics)) < _SMALL**2 for point in points)


def _agree(a: Tree, b: Tree, points: list[Point], physics: bool, tolerance: float, digits: int = DIGITS) -> bool:
    return all(_agree_at(a, b, point, physics, tolerance, digits) for point in points)


def _agree_at(a: Tree, b: Tree, point: Point, physics: bool, tolerance: float, digits: int) -> bool:
    left, right = (value(tree, point, physics=physics, digits=digits) for tree in (a, b))
    with mp.workdps(digits):
        if close(left, right, tolerance):
            return True
    if max(abs(left), abs(right)) > _SMALL and min(abs(left), abs(right)) > 0:
        return False
    # Small values, or a zero: real, or what cancellation left over? More digits tell.
    left, right = (value(tree, point, physics=physics, digits=3 * DIGITS) for tree in (a, b))
    return close(left, right, tolerance) or bool(max(abs(left), abs(right)) < mpf(10) ** -(2 * DIGITS + 15))


def _agree_where_real(a: Tree, b: Tree, physics: bool, tolerance: float) -> bool:
    """At points of both signs, wherever both are real there: tells |x| from x, not ln(ab) from ln a + ln b."""
    if physics:
        return True
    for seed in (11, 12, 13):
        point = Point(seed, "signed")
        try:
            left, right = value(a, point), value(b, point)
        except Unreadable:
            continue
        if mp.im(left) == 0 and mp.im(right) == 0 and not close(left, right, tolerance):
            return False
    return True
