"""A comparison as a figure: accuracy, paired difference, entropy before and after."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from entmin.report.compare import Row

_BETTER, _WORSE = "#1f6fb4", "#9a5b1f"
"""Colours that a colour-blind reader tells apart and that do not alarm."""


def draw(rows: Sequence[Row], path: Path, title: str) -> None:
    """Write a PNG with three panels, arms from top to bottom."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    many = len({row.task for row in rows}) > 1
    names = [f"{row.task}: {row.label}" if many else row.label for row in rows]
    places = list(range(len(rows)))[::-1]
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(12, 1.4 + 0.45 * len(rows)), sharey=True, layout="constrained"
    )
    _accuracy(left, rows, places)
    _differences(middle, rows, places)
    _entropies(right, rows, places)
    left.set_yticks(places, names)
    for axis in (left, middle, right):
        axis.grid(axis="x", alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
        axis.ticklabel_format(axis="x", useOffset=False)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _accuracy(axis: Any, rows: Sequence[Row], places: list[int]) -> None:
    for row, y in zip(rows, places, strict=True):
        low, high = row.accuracy.low, row.accuracy.high
        if low is not None and high is not None:
            axis.plot([100 * low, 100 * high], [y, y], color="C0", lw=2)
        axis.plot(100 * row.accuracy.value, y, "o", color="C0")
    axis.set_xlabel("accuracy, % (95 % interval)")
    axis.set_xlim(0, min(100, 1.05 * max(axis.get_xlim()[1], 1)))


def _differences(axis: Any, rows: Sequence[Row], places: list[int]) -> None:
    axis.axvline(0, color="0.5", lw=1)
    for row, y in zip(rows, places, strict=True):
        if row.difference is not None:
            d = row.difference
            colour = "0.45" if not row.p_holm < 0.05 else _BETTER if d.difference > 0 else _WORSE
            axis.plot([100 * d.low, 100 * d.high], [y, y], color=colour, lw=2)
            axis.plot(100 * d.difference, y, "o", color=colour)
    axis.set_xlabel(f"points against {rows[0].label} (blue better, brown worse)")


def _entropies(axis: Any, rows: Sequence[Row], places: list[int]) -> None:
    for row, y in zip(rows, places, strict=True):
        if row.entropy_before is not None and row.entropy_after is not None:
            axis.annotate(
                "",
                xy=(row.entropy_after, y),
                xytext=(row.entropy_before, y),
                arrowprops={"arrowstyle": "->", "color": "C2"},
            )
            axis.plot([row.entropy_before, row.entropy_after], [y, y], ".", color="C2")
    axis.set_xlabel("entropy before → after, nats/token")
    axis.set_xlim(left=0)
