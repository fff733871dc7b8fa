"""Rational values, exactly, with sizes bounded before anything is computed."""

from __future__ import annotations

import math
from fractions import Fraction

from entmin.grading.reader import Tree

_MAX_BITS = 400_000
MAX_FACTORIAL = 3_000


class TooLarge(ArithmeticError):
    """The value cannot be computed within the bounds."""


def exact(tree: Tree) -> Fraction | None:
    """The rational value of a tree without symbols, or None where it has none we can tell."""
    head = tree[0]
    if head == "num":
        value: Fraction = tree[1]
        return value
    if head in ("add", "mul", "div", "neg", "pow"):
        parts = [exact(part) for part in tree[1:]]
        if any(part is None for part in parts):
            return None
        return _exact_operation(head, [part for part in parts if part is not None])
    if head == "deg":
        return exact(tree[1])
    if head == "fun":
        return _exact_function(tree)
    return None


def _exact_operation(head: str, parts: list[Fraction]) -> Fraction | None:
    if head == "neg":
        return -parts[0]
    left, right = parts
    if head == "add":
        return left + right
    if head == "mul":
        return left * right
    if head == "div":
        return left / right if right else None
    return _exact_power(left, right)


def _exact_power(base: Fraction, exponent: Fraction) -> Fraction | None:
    if exponent.denominator != 1:
        root = _exact_root(base, exponent.denominator)
        return None if root is None else _exact_power(root, Fraction(exponent.numerator))
    if base == 0:
        return Fraction(0) if exponent > 0 else (Fraction(1) if exponent == 0 else None)
    bits = max(abs(base.numerator).bit_length(), base.denominator.bit_length())
    if abs(base) != 1 and bits * abs(exponent.numerator) > _MAX_BITS:
        raise TooLarge("power")
    if abs(base) == 1:
        return base if exponent.numerator % 2 else Fraction(1)
    return base**exponent.numerator


def _exact_root(base: Fraction, degree: int) -> Fraction | None:
    """The rational root of a non-negative rational, if it has one."""
    if base < 0 or degree > 64 or base.numerator.bit_length() > 2_000 or base.denominator.bit_length() > 2_000:
        return None
    parts = [_integer_root(part, degree) for part in (base.numerator, base.denominator)]
    return None if None in parts else Fraction(parts[0] or 0, parts[1] or 1)


def _integer_root(value: int, degree: int) -> int | None:
    low, high = 0, 1 << (value.bit_length() // degree + 1)
    while low < high:
        middle = (low + high) // 2
        if middle**degree < value:
            low = middle + 1
        else:
            high = middle
    return low if low**degree == value else None


def _exact_function(tree: Tree) -> Fraction | None:
    values = [exact(part) for part in tree[2:]]
    if any(value is None for value in values):
        return None
    value = values[0] or Fraction(0)
    name = tree[1]
    if name == "abs":
        return abs(value)
    if name == "floor":
        return Fraction(value.numerator // value.denominator)
    if name == "ceiling":
        return Fraction(-(-value.numerator // value.denominator))
    if name in ("factorial", "binomial") and value.denominator == 1 and value >= 0:
        if value > MAX_FACTORIAL:
            raise TooLarge(name)
        return _exact_combinatorial(name, int(value), values)
    return None


def _exact_combinatorial(name: str, n: int, values: list[Fraction | None]) -> Fraction | None:
    if name == "factorial":
        return Fraction(math.factorial(n))
    k = values[1]
    return Fraction(math.comb(n, int(k))) if k is not None and k.denominator == 1 and k >= 0 else None
