"""A comparison as a figure: accuracy, paired difference, entropy before and after."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entmin.durable import private_files
from entmin.report.drawing import BETTER, COLOURS_MEAN, GREY, WORSE, Interval, draw_intervals, tidy
from entmin.report.table import labels_of

if TYPE_CHECKING:
    from entmin.report.compare import ComparedArm


def draw(rows: Sequence[ComparedArm], path: Path, title: str) -> None:
    """Write a PNG with three panels, arms from top to bottom; the baseline is named and has a diamond."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 1.6 + 0.4 * len(rows)), sharey=True, layout="constrained")
    for axis in axes:
        tidy(axis)
    left, middle, right = axes
    draw_intervals(left, accuracies(rows))
    left.set_xlabel("accuracy, % (95 % interval)")
    left.set_xlim(0, min(100, 1.05 * max(left.get_xlim()[1], 1)))
    _differences(middle, rows)
    _entropies(right, rows)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    with private_files():
        figure.savefig(path, dpi=150)
    plt.close(figure)


def accuracies(rows: Sequence[ComparedArm]) -> list[Interval]:
    """Percent, one for each arm, the baseline marked."""
    marked = [row.difference is None and len(rows) > 1 for row in rows]
    return [
        Interval(
            f"{label} (baseline)" if baseline else label,
            100 * row.accuracy.value,
            None if row.accuracy.low is None else 100 * row.accuracy.low,
            None if row.accuracy.high is None else 100 * row.accuracy.high,
            marker="D" if baseline else "o",
        )
        for label, row, baseline in zip(labels_of(rows), rows, marked, strict=True)
    ]


def difference_colour(difference: float, *, shown: bool) -> str:
    """Better or worse where that is shown, else grey."""
    return GREY if not shown else BETTER if difference > 0 else WORSE


def _differences(axis: Any, rows: Sequence[ComparedArm]) -> None:
    axis.axvline(0, color=GREY, lw=1)
    for row, y in zip(reversed(rows), range(len(rows)), strict=True):
        if row.difference is not None:
            d = row.difference
            colour = difference_colour(d.difference, shown=row.p_holm < 0.05)
            axis.plot([100 * d.low, 100 * d.high], [y, y], color=colour, lw=2)
            axis.plot(100 * d.difference, y, "o", color=colour)
        else:
            axis.plot(0, y, "D", color=GREY)
    baseline = rows[0].label if len(rows[0].label) < 24 else "the baseline"
    axis.set_xlabel(f"points against {baseline}\n({COLOURS_MEAN})")


def _entropies(axis: Any, rows: Sequence[ComparedArm]) -> None:
    for row, y in zip(reversed(rows), range(len(rows)), strict=True):
        if row.entropy_before is not None and row.entropy_after is not None:
            ends = {"xy": (row.entropy_after, y), "xytext": (row.entropy_before, y)}
            axis.annotate("", **ends, arrowprops={"arrowstyle": "->", "color": "#5a9e6f"})
            axis.plot([row.entropy_before, row.entropy_after], [y, y], ".", color="#5a9e6f")
    axis.set_xlabel("entropy before → after, nats/token")
    axis.set_xlim(left=0)
