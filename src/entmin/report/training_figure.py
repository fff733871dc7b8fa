"""Training curves as a figure: one or several runs side by side, with the steps at which rules of the watch fired."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from entmin.jsonl import read_rows

CURVES, EVALS, WATCH = "curves.jsonl", "evals.jsonl", "watch.json"
PANELS: tuple[tuple[str, str], ...] = (
    ("entropy", "entropy, nats/token"),
    ("length", "length, tokens"),
    ("repetition", "4-grams that repeat, share"),
    ("kl", "KL, nats/token"),
    ("agreement", "majority answer, share of samples"),
    ("distinct", "distinct answers, share of samples"),
    ("reward", "reward"),
    ("reward_std", "reward, spread within a prompt"),
    ("grad_norm", "gradient norm"),
    ("clipped", "cut at the token limit, share"),
)


def draw(runs: Mapping[str, Path], path: Path) -> None:
    """Draw the curves of runs, one column each, metrics downwards and accuracy on held-out problems at the top.

    Args:
        runs: Title to output folder, with ``curves.jsonl`` and, where there are, ``evals.jsonl`` and ``watch.json``.
        path: PNG or SVG file to write.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    curves = {title: read_rows(folder / CURVES) for title, folder in runs.items()}
    evals = {title: read_rows(folder / EVALS) for title, folder in runs.items()}
    panels = [panel for panel in PANELS if any(_known(rows, panel[0]) for rows in curves.values())]
    rows = len(panels) + any(evals.values())
    figure, axes = plt.subplots(
        max(1, rows), len(runs), figsize=(5 * len(runs) + 1, 1.7 * max(1, rows) + 0.8),
        squeeze=False, sharex="col", sharey="row", layout="constrained",
    )  # fmt: skip
    for column, (title, folder) in enumerate(runs.items()):
        below = list(axes[:, column])
        below[0].set_title(title, loc="left", fontsize=11)
        if any(evals.values()):
            _accuracy(below.pop(0), evals[title])
        for axis, (metric, name) in zip(below, panels, strict=False):
            axis.plot(*_points(curves[title], metric), lw=1.2)
            axis.set_ylabel(name.replace(", ", ",\n"), fontsize=8)
        for axis in axes[:, column]:
            axis.grid(alpha=0.3)
            axis.spines[["top", "right"]].set_visible(False)
        _alarms(list(axes[:, column]), folder / WATCH)
        axes[-1, column].set_xlabel("step")
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _known(rows: Sequence[dict[str, Any]], metric: str) -> bool:
    return any(isinstance(row.get(metric), int | float) for row in rows)


def _points(rows: Sequence[dict[str, Any]], metric: str) -> tuple[list[float], list[float]]:
    known = [(row["step"], row[metric]) for row in rows if "step" in row and isinstance(row.get(metric), int | float)]
    return [step for step, _ in known], [value for _, value in known]


def _accuracy(axis: Any, rows: Sequence[dict[str, Any]]) -> None:
    """Every estimate with an interval that the rows hold: a dictionary with value, low and high."""
    names = {name: None for row in rows for name, found in row.items() if isinstance(found, dict) and "value" in found}
    for number, name in enumerate(names):
        known = [(row["step"], row[name]) for row in rows if (row.get(name) or {}).get("value") is not None]
        steps, values = [step for step, _ in known], [100 * found["value"] for _, found in known]
        axis.plot(steps, values, "o-", ms=3, lw=1.2, color=f"C{number}", label=name)
        bounded = [(step, found) for step, found in known if found.get("low") is not None]
        axis.fill_between(
            [step for step, _ in bounded],
            [100 * found["low"] for _, found in bounded],
            [100 * found["high"] for _, found in bounded],
            color=f"C{number}", alpha=0.15, lw=0,
        )  # fmt: skip
    axis.set_ylabel("held-out,\n% (95 %)", fontsize=8)
    if names:
        axis.legend(fontsize=7, frameon=False)


def _alarms(axes: Sequence[Any], path: Path) -> None:
    if not path.exists():
        return
    for number, alarm in enumerate(json.loads(path.read_text())["alarms"]):
        for axis in axes:
            axis.axvline(alarm["step"], color="C3", lw=0.9, ls="--")
        axes[0].annotate(
            alarm["rule"], (alarm["step"], 1 - 0.13 * (number % 6)), xycoords=("data", "axes fraction"),
            fontsize=7, color="C3", rotation=0, ha="left", va="top",
        )  # fmt: skip
