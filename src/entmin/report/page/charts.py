"""Figures of the page: matplotlib, made into inline SVG that takes the page's colours.

The page's policy forbids style attributes, so each becomes presentation attributes; and black, which matplotlib writes
for text and axes, becomes ``currentColor``, so that a figure can be read on a light and on a dark page.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from entmin.report.page.document import Chart

_INK, _BLUE, _ORANGE, _GREY = "#000000", "#2a7fc0", "#c87a14", "#8a949e"
_SIZE = (5.6, 3.6)


@dataclass(frozen=True, slots=True)
class Point:
    """An arm as a point with a 95 % interval in accuracy. Accuracies are shares from 0 to 1."""

    label: str
    x: float
    accuracy: float
    low: float
    high: float
    main: bool = False
    """The method that the report is about."""
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


def frontier(points: Sequence[Point], title: str, x_label: str, caption: str) -> Chart:
    """Accuracy against what lies on the x axis, with the band of the plain model's temperatures."""
    figure, axis = _axes()
    line = sorted((p for p in points if p.frontier), key=lambda p: p.x)
    if len(line) > 1:
        xs = [p.x for p in line]
        axis.fill_between(xs, [100 * p.low for p in line], [100 * p.high for p in line], color=_GREY, alpha=0.25, lw=0)
        axis.plot(xs, [100 * p.accuracy for p in line], color=_GREY, lw=1.5)
    for point in points:
        colour = _ORANGE if point.main else _GREY if point.frontier else _BLUE
        below, above = max(0.0, point.accuracy - point.low), max(0.0, point.high - point.accuracy)
        marker = "D" if point.main else "o"
        axis.errorbar(
            [point.x],
            [100 * point.accuracy],
            yerr=[[100 * below], [100 * above]],
            fmt=marker,
            color=colour,
            ms=5,
            lw=1.2,
            capsize=0,
        )
    _label(axis, points)
    axis.set_xlabel(x_label)
    axis.set_ylabel("accuracy, % (95 % interval)")
    _from_zero(axis)
    return Chart(title, caption, svg(figure))


def forest(differences: Sequence[Difference], title: str, x_label: str, caption: str) -> Chart:
    """Differences with intervals, one below the other; filled marks are the planned test."""
    figure, axis = _axes((5.6, 1.1 + 0.36 * len(differences)))
    places = range(len(differences))[::-1]
    axis.axvline(0, color=_INK, lw=1)
    for one, y in zip(differences, places, strict=True):
        colour = _ORANGE if one.primary else _GREY
        axis.plot([100 * one.low, 100 * one.high], [y, y], color=colour, lw=2, solid_capstyle="butt")
        axis.plot([100 * one.value], [y], "o", color=colour, ms=6, mfc=colour if one.primary else "none")
    axis.set_yticks(list(places), [_plain(one.label) for one in differences])
    axis.set_ylim(-0.6, len(differences) - 0.4)
    axis.grid(visible=False, axis="y")
    axis.set_xlabel(x_label)
    return Chart(title, caption, svg(figure))


def lines(
    series: Sequence[tuple[str, Sequence[float], Sequence[float]]], title: str, labels: tuple[str, str], caption: str
) -> Chart:
    """Curves such as those of training: (name, x, y) each."""
    figure, axis = _axes()
    for (name, xs, ys), colour in zip(series, (_BLUE, _ORANGE, _GREY, "#5a9e6f", "#8d6bb0") * 4, strict=False):
        axis.plot(xs, ys, color=colour, lw=1.6, marker="." if len(xs) < 30 else "", label=_plain(name))
    axis.set_xlabel(labels[0])
    axis.set_ylabel(labels[1])
    if len(series) > 1:
        axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    return Chart(title, caption, svg(figure))


def _axes(size: tuple[float, float] = _SIZE) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    axis = figure.add_subplot()
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(alpha=0.25, lw=0.6)
    axis.ticklabel_format(useOffset=False, style="plain")
    return figure, axis


def _from_zero(axis: Any) -> None:
    axis.set_xlim(left=max(0.0, axis.get_xlim()[0]))
    low, high = axis.get_ylim()
    axis.set_ylim(max(0.0, low), min(100.0, high))


def _label(axis: Any, points: Sequence[Point]) -> None:
    """Names beside the points, above or below in turn where they lie close."""
    for i, point in enumerate(sorted(points, key=lambda p: (p.x, p.accuracy))):
        above = i % 2 == 0
        axis.annotate(
            _plain(point.label), (point.x, 100 * point.accuracy), textcoords="offset points",
            xytext=(6, 5 if above else -11), fontsize=8.5, color=_ORANGE if point.main else _INK,
        )  # fmt: skip


def _plain(text: str) -> str:
    """A label that matplotlib does not take for mathematics."""
    return text.replace("$", r"\$")


def svg(figure: Any) -> str:
    """A figure as an SVG element for an HTML page: no style attributes or elements, no ids twice, text as text."""
    import matplotlib

    out = io.StringIO()
    settings = {"svg.fonttype": "none", "font.family": "sans-serif", "svg.hashsalt": "entmin"}
    with matplotlib.rc_context(settings):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>|<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\sstyle="([^"]*)"', _as_attributes, text)
    text = text.replace(_INK, "currentColor")
    return _unique_ids(re.sub(r'\s(?:width|height)="[\d.]+pt"', "", text))


def _as_attributes(found: re.Match[str]) -> str:
    pairs = (pair.partition(":") for pair in found[1].split(";") if ":" in pair)
    kept = {name.strip(): value.strip().replace("'", "") for name, _, value in pairs}
    if font := kept.pop("font", None):
        size = re.search(r"([\d.]+)px", font)
        kept |= {"font-size": size[1] if size else "10", "font-family": "sans-serif"}
    return "".join(f' {name}="{value}"' for name, value in kept.items())


def _unique_ids(text: str) -> str:
    """Ids of several figures on one page must differ, or one figure's clip paths cut another's lines."""
    mark = f"c{hashlib.sha256(text.encode()).hexdigest()[:8]}-"
    return re.sub(r'(\bid="|url\(#|xlink:href="#)', rf"\g<1>{mark}", text)
