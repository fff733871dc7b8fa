"""Numbers with a low and a high end, and how they are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple


class Range(NamedTuple):
    """The low and the high end of an estimate."""

    low: float
    high: float

    def scaled(self, factor: float) -> Range:
        """Both ends times a number."""
        return Range(self.low * factor, self.high * factor)

    def plus(self, other: Range) -> Range:
        """The sum, end by end."""
        return Range(self.low + other.low, self.high + other.high)


def total(parts: list[Range]) -> Range:
    """The sum of ranges, end by end."""
    return Range(sum(part.low for part in parts), sum(part.high for part in parts))


_UNITS = ((86400.0, "days"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"))


def seconds(span: Range) -> str:
    """``4 to 9 min``; ends of different units keep their own."""
    ends = [_in_unit(end) for end in span]
    (low, unit), (high, other) = ends
    if (low, unit) == (high, other):
        return f"{low} {unit}"
    return f"{low} to {high} {unit}" if unit == other else f"{low} {unit} to {high} {other}"


def _in_unit(value: float) -> tuple[str, str]:
    size, name = next((one for one in _UNITS if value >= 2 * one[0] or one[0] <= 1e-3), _UNITS[-1])
    return figures(value / size), name


def figures(value: float) -> str:
    """Two significant figures, and no exponent."""
    return f"{float(f'{value:.2g}'):,.10g}"


def ending(money: Range | None, price: float | None, assumptions: Iterable[str]) -> Iterator[str]:
    """The last lines of an estimate for a person: what it costs where a price is known, and what it assumes."""
    if money is not None:
        yield f"money: {between(money)}, at {figures(price or 0)} per GPU hour"
    yield ""
    yield "assumptions:"
    yield from (f"  {line}" for line in assumptions)


def count(value: float) -> str:
    """A whole number."""
    return f"{value:,.0f}"


def between(span: Range, shown: Callable[[float], str] = figures) -> str:
    """``3.1 to 4``, or one number where both ends look the same."""
    low, high = map(shown, span)
    return low if low == high else f"{low} to {high}"
