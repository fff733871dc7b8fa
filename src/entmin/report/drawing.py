"""What all figures share: colours that do not alarm, axes that say what they show, names beside the data.

Better, worse and undecided differ in lightness as well as in hue, so that they are told apart without colour vision
and on light and dark ground. No axis has an offset, steps are whole numbers, and legends stand outside the data.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from entmin.errors import EntminError, first_line

INK, GREY = "#000000", "#8a949e"
BETTER, WORSE, POINT = "#2a7fc0", "#b5722a", "#2a7fc0"
SERIES = ("#2a7fc0", "#c87a14", "#5a9e6f", "#8d6bb0", GREY, "#b0566b")
_STYLES = ("-", "--", ":", "-.")
COLOURS_MEAN = "blue better, brown worse, grey not shown"
_PLACES = tuple(
    (right, up, side) for up in (5, -11, 16, -22, 27, -33, 38, -44, 49) for right, side in ((6, "left"), (-6, "right"))
)
"""Where a name may stand: points right of and above its mark, and which end of it is there."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its interval, on a line of its own."""

    label: str
    value: float
    low: float | None
    high: float | None
    colour: str = POINT
    filled: bool = True
    """Whether the mark is filled."""
    marker: str = "o"


@dataclass(frozen=True, slots=True)
class Series:
    """A curve, perhaps with a band; `low` and `high` belong to the same places as `ys`."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()


def require_drawing() -> None:
    """Load what draws figures and pages, before hours of work and not after them.

    Raises:
        EntminError: it cannot be loaded.
    """
    try:
        import_module("matplotlib").use("Agg")
        import_module("matplotlib.pyplot")
        import_module("jinja2")
    except Exception as error:  # a backend of the environment, an unreadable configuration, a broken installation
        raise EntminError(
            f"figures cannot be drawn ({type(error).__name__}: {first_line(error)}), so nothing was computed: look at "
            "the variable MPLBACKEND, at matplotlibrc, and at the installation of matplotlib"
        ) from error


def plain(text: str) -> str:
    """A label that matplotlib does not take for mathematics."""
    return text.replace("$", r"\$")


def folded(label: str, width: int) -> str:
    """The label on several lines of at most `width` characters, broken before the parts of a mode where that does."""
    lines = [""]
    for part in re.split(r"(?=[+@]|:(?! ))|(?<= )", label):
        if lines[-1] and len(lines[-1]) + len(part.rstrip()) > width:
            lines.append("")
        lines[-1] += part
        while len(lines[-1].rstrip()) > width:
            lines[-1:] = [lines[-1][:width], lines[-1][width:]]
    return "\n".join(line.rstrip() for line in lines)


def tidy(axis: Any) -> None:
    """No box, a faint grid, plain numbers on the axes."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(alpha=0.25, lw=0.6)
    axis.ticklabel_format(useOffset=False, style="plain")
    axis.tick_params(labelsize=9)
    axis.xaxis.label.set_size(9)
    axis.yaxis.label.set_size(9)


def draw_intervals(axis: Any, found: Sequence[Interval]) -> None:
    """One below the other, names on the left."""
    places = list(range(len(found)))[::-1]
    for one, y in zip(found, places, strict=True):
        if one.low is not None and one.high is not None:
            axis.plot([one.low, one.high], [y, y], color=one.colour, lw=2, solid_capstyle="butt")
        axis.plot([one.value], [y], one.marker, color=one.colour, ms=6, mfc=one.colour if one.filled else "none")
    axis.set_yticks(places, [plain(folded(one.label, 24)) for one in found])
    axis.set_ylim(-0.6, len(found) - 0.4)
    axis.grid(visible=False, axis="y")


def draw_series(axis: Any, series: Sequence[Series], floor: float | None = None) -> None:
    """Curves over training steps; a floor is where the axis begins if no curve goes below it."""
    from matplotlib.ticker import MaxNLocator

    for number, one in enumerate(series):
        colour, style = SERIES[number % len(SERIES)], _STYLES[number // len(SERIES) % len(_STYLES)]
        marker = "." if len(one.xs) < 30 else ""
        axis.plot(one.xs, one.ys, color=colour, ls=style, lw=1.6, marker=marker, label=plain(one.name))
        bounds = zip(one.xs, one.low, one.high, strict=False)
        known = [(x, low, high) for x, low, high in bounds if low is not None and high is not None]
        if known:
            axis.fill_between(*zip(*known, strict=True), color=colour, alpha=0.15, lw=0)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    top = axis.dataLim.ymax
    if floor is not None and floor <= axis.dataLim.ymin:
        axis.set_ylim(floor, top + 0.05 * (top - floor) if top > floor else floor + 1)


def name_points(figure: Any, axis: Any, points: Sequence[tuple[str, float, float]]) -> None:
    """Names beside points (name, x, y), each at the first place where it lies on no other name and no point."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.transforms import Bbox

    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()  # the layout decides where a point lies
    marks = axis.transData.transform([(x, y) for _, x, y in points]) if points else []
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in marks]
    for name, x, y in points:
        at = {"xy": (x, y), "xytext": _PLACES[0][:2], "textcoords": "offset points"}
        text = axis.annotate(plain(name), **at, fontsize=8.5, color=INK)
        text.set_in_layout(False)  # a long name must not make the axes narrow
        tried = []
        for number, (right, up, side) in enumerate(_PLACES):
            text.set_position((right, up))
            text.set_ha(side)
            box = text.get_window_extent(renderer)
            outside = box.x0 < axis.bbox.x0 or box.x1 > figure.bbox.x1 or box.y0 < axis.bbox.y0
            tried.append((10 * outside + sum(box.overlaps(other) for other in taken), number, box))
        _, best, box = min(tried, key=lambda one: one[:2])
        text.set_position(_PLACES[best][:2])
        text.set_ha(_PLACES[best][2])
        taken.append(box)
