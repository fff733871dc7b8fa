"""Figures of the page: matplotlib, made into inline SVG that takes the page's colours.

The page's policy forbids style attributes, so each becomes presentation attributes; and black, which matplotlib writes
for text and axes, becomes ``currentColor``, so that a figure can be read on a light and on a dark page.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from entmin.report.drawing import (
    COLOURS_MEAN,
    GREY,
    INK,
    POINT,
    Interval,
    Series,
    draw_intervals,
    draw_series,
    name_points,
    tidy,
)  # fmt: skip
from entmin.report.figure import difference_colour
from entmin.report.page.document import Chart

_WIDTH = 4.8
"""Inches, so that letters can be read where a phone shows the figure."""


@dataclass(frozen=True, slots=True)
class Point:
    """An arm as a point with a 95 % interval in accuracy. Accuracies are shares from 0 to 1."""

    label: str
    x: float
    accuracy: float
    low: float
    high: float
    main: bool = False
    """The method that the report is about, or the baseline."""
    frontier: bool = False
    """A temperature of the plain model: the frontier is drawn through these."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A paired difference in accuracy with its interval; shares."""

    label: str
    value: float
    low: float
    high: float
    primary: bool = True
    """Part of the test that was planned; others are exploratory."""
    shown: bool | None = None
    """Whether it is significant; None where the interval decides."""

    def interval(self) -> Interval:
        """In points, coloured by what it shows."""
        shown = self.low > 0 or self.high < 0 if self.shown is None else self.shown
        colour = difference_colour(self.value, shown=shown)
        return Interval(self.label, 100 * self.value, 100 * self.low, 100 * self.high, colour, self.primary)


def frontier(
    points: Sequence[Point], title: str, x_label: str, caption: str, y_label: str = "accuracy, % (95 % interval)"
) -> Chart:
    """Accuracy against what lies on the x axis, with the band of the plain model's temperatures."""
    figure, axis = _axes()
    line = sorted((p for p in points if p.frontier), key=lambda p: p.x)
    if len(line) > 1:
        xs = [p.x for p in line]
        axis.fill_between(xs, [100 * p.low for p in line], [100 * p.high for p in line], color=GREY, alpha=0.25, lw=0)
        axis.plot(xs, [100 * p.accuracy for p in line], color=GREY, lw=1.5)
    for point in points:
        colour = INK if point.main else GREY if point.frontier else POINT
        below, above = max(0.0, point.accuracy - point.low), max(0.0, point.high - point.accuracy)
        axis.errorbar(
            [point.x], [100 * point.accuracy], yerr=[[100 * below], [100 * above]],
            fmt="D" if point.main else "o", color=colour, ms=5, lw=1.2, capsize=0,
        )  # fmt: skip
    axis.set_xlabel(x_label)
    axis.set_ylabel(y_label)
    _from_zero(axis)
    in_order = sorted(points, key=lambda p: (not p.main, p.x, p.accuracy))
    name_points(figure, axis, [(p.label, p.x, 100 * p.accuracy) for p in in_order])
    return Chart(title, caption, svg(figure))


def forest(differences: Sequence[Difference], title: str, x_label: str, caption: str) -> Chart:
    """Differences with intervals, one below the other; filled marks are the planned test."""
    shown = intervals([one.interval() for one in differences], title, x_label, caption, zero=True)
    return Chart(title, f"{shown.caption} {COLOURS_MEAN.capitalize()}.", shown.svg)


def intervals(found: Sequence[Interval], title: str, x_label: str, caption: str, *, zero: bool = False) -> Chart:
    """Values with intervals, one below the other.

    Args:
        found: from top to bottom.
        title: of the figure.
        x_label: what the values are, with their unit.
        caption: what to read from it.
        zero: draw the line at 0; else the axis begins there.
    """
    figure, axis = _axes(1.0 + 0.32 * len(found))
    if zero:
        axis.axvline(0, color=INK, lw=1)
    draw_intervals(axis, found)
    if not zero:
        axis.set_xlim(left=0)
    axis.set_xlabel(x_label)
    return Chart(title, caption, svg(figure))


def curves(
    series: Sequence[Series], title: str, labels: tuple[str, str], caption: str, floor: float | None = None,
    marked: Sequence[float] = (),
) -> Chart:  # fmt: skip
    """Curves with bands over training steps, and dashed lines at steps that are marked."""
    figure, axis = _axes(2.4)
    draw_series(axis, series, floor)
    for step in marked:
        axis.axvline(step, color=GREY, lw=1, ls="--")
    axis.set_xlabel(labels[0])
    axis.set_ylabel(labels[1])
    if len(series) > 1:
        figure.legend(*axis.get_legend_handles_labels(), loc="outside upper left", ncols=3, fontsize=9, frameon=False)
    return Chart(title, caption, svg(figure))


def _axes(height: float = 3.2) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    axis = figure.add_subplot()
    tidy(axis)
    return figure, axis


def _from_zero(axis: Any) -> None:
    left, right = axis.get_xlim()
    axis.set_xlim(max(-0.02 * right, left), right)
    low, high = axis.get_ylim()
    axis.set_ylim(max(0.0, low), min(100.0, high))


def svg(figure: Any) -> str:
    """A figure as an SVG element for an HTML page: no style attributes or elements, text as text."""
    import matplotlib

    out = io.StringIO()
    settings = {"svg.fonttype": "none", "font.family": "sans-serif", "svg.hashsalt": "entmin"}
    with matplotlib.rc_context(settings):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>|<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\sstyle="([^"]*)"', _as_attributes, text)
    text = text.replace(INK, "currentColor")
    return re.sub(r'\s(?:width|height)="[\d.]+pt"', "", text)


def _as_attributes(found: re.Match[str]) -> str:
    pairs = (pair.partition(":") for pair in found[1].split(";") if ":" in pair)
    kept = {name.strip(): value.strip().replace("'", "") for name, _, value in pairs}
    if font := kept.pop("font", None):
        size = re.search(r"([\d.]+)px", font)
        kept |= {"font-size": size[1] if size else "10", "font-family": "sans-serif"}
    return "".join(f' {name}="{value}"' for name, value in kept.items())
