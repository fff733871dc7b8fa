"""Training curves: what each run logged, panel by panel, with the steps at which rules of the watch fired."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entmin.durable import private_files
from entmin.jsonl import read_rows
from entmin.report.drawing import GREY, Series, draw_series, tidy

CURVES, EVALS, WATCH, RECORD = "curves.jsonl", "evals.jsonl", "watch.json", "run.json"
_LOGGED: tuple[tuple[str, str, float | None], ...] = (
    ("entropy", "entropy, nats/token", 0.0),
    ("length", "length, tokens", 0.0),
    ("repetition", "4-grams that repeat, share", 0.0),
    ("kl", "KL to the initial model, nats/token", None),
    ("agreement", "majority answer, share of samples", 0.0),
    ("distinct", "distinct answers, share of samples", 0.0),
    ("reward", "reward", None),
    ("reward_std", "reward, spread within a prompt", 0.0),
    ("grad_norm", "gradient norm", 0.0),
    ("clipped", "cut at the token limit, share", 0.0),
)
"""Name in ``curves.jsonl``, what it is, and the value under which it cannot fall."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One quantity over the steps."""

    name: str
    series: tuple[Series, ...]
    floor: float | None


def panels(runs: Mapping[str, Path]) -> list[Panel]:
    """Accuracy on held-out problems, where it was measured, then what every step logged.

    Args:
        runs: title to output folder, with ``curves.jsonl`` and, where there are, ``evals.jsonl`` and ``run.json``.
    """
    curves = {title: read_rows(folder / CURVES) for title, folder in runs.items()}
    rewards = {title: reward_name(folder) for title, folder in runs.items()}
    found = _accuracies({title: read_rows(folder / EVALS) for title, folder in runs.items()})
    one_reward = len(set(rewards.values())) == 1
    for metric, name, floor in _LOGGED:
        series = [
            Series(title if metric != "reward" or one_reward else f"{title}, {rewards[title]}", *points)
            for title, rows in curves.items()
            if (points := _points(rows, metric))[0]
        ]
        if metric == "reward" and one_reward:
            name = next(iter(rewards.values()))
        if series:
            found.append(Panel(name, tuple(series), floor))
    return found


def reward_name(folder: Path) -> str:
    """What the run was rewarded for, as far as its record says so."""
    path = folder / RECORD
    record = json.loads(path.read_text()) if path.exists() else {}
    named = record.get("reward") if record.get("method") == "em-rl" else "right answers" if record else None
    return f"reward: {named}" if named else "reward"


def alarms(folder: Path) -> list[tuple[int, str]]:
    """Step and rule of each alarm of the collapse watch."""
    path = folder / WATCH
    found = json.loads(path.read_text())["alarms"] if path.exists() else []
    return [(alarm["step"], alarm["rule"]) for alarm in found]


def draw_panel(axis: Any, panel: Panel, fired: Sequence[int]) -> None:
    """One panel, with a dashed line at each step at which a rule fired."""
    tidy(axis)
    draw_series(axis, panel.series, panel.floor)
    for step in fired:
        axis.axvline(step, color=GREY, lw=1, ls="--")


def draw(runs: Mapping[str, Path], path: Path) -> None:
    """Draw the curves of runs over one another, two panels side by side.

    Args:
        runs: as for `panels`.
        path: PNG or SVG file to write.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    found = panels(runs)
    rows = max(1, -(-len(found) // 2))
    figure, axes = plt.subplots(rows, 2, figsize=(11, 2.2 * rows + 0.6), squeeze=False, layout="constrained")
    fired = {title: alarms(folder) for title, folder in runs.items()}
    steps = [step for one in fired.values() for step, _ in one]
    for axis, panel in zip(axes.flat, found, strict=False):
        draw_panel(axis, panel, steps)
        axis.set_title(panel.name, loc="left", fontsize=9)
        axis.set_xlabel("step", fontsize=8)
        if [one.name for one in panel.series] != list(runs):
            axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=7, frameon=False)
    for axis in list(axes.flat)[len(found) :]:
        axis.set_axis_off()
    _head(figure, axes[0, 0], list(runs), fired)
    with private_files():
        figure.savefig(path, dpi=130)
    plt.close(figure)


def alarm_words(fired: Mapping[str, Sequence[tuple[int, str]]]) -> str:
    """Which rules fired when; empty where none did."""
    several = len(fired) > 1
    said = [
        f"{title}: {rule} at {step}" if several else f"{rule} at step {step}"
        for title, one in fired.items()
        for step, rule in one
    ]
    return f"Dashed, a rule of the collapse watch: {', '.join(said)}." if said else ""


def _head(figure: Any, axis: Any, titles: Sequence[str], fired: Mapping[str, Sequence[tuple[int, str]]]) -> None:
    """Names of the runs and alarms, above all panels."""
    import textwrap

    words = textwrap.fill(alarm_words(fired), 120)
    if len(titles) > 1:
        shown = draw_names(titles)
        figure.legend(handles=shown, loc="outside upper left", ncols=4, fontsize=9, frameon=False, title=words or None)
    else:
        figure.suptitle("\n".join(filter(None, [*titles, words])), x=0.01, ha="left", fontsize=10)


def draw_names(titles: Sequence[str]) -> list[Any]:
    """Lines for a legend, in the colours of `draw_series`."""
    from matplotlib.figure import Figure

    axis = Figure().add_subplot()
    draw_series(axis, [Series(title, [0, 1], [0, 0]) for title in titles])
    return list(axis.get_lines())


def _points(rows: Sequence[dict[str, Any]], metric: str) -> tuple[list[float], list[float]]:
    known = [(row["step"], row[metric]) for row in rows if "step" in row and isinstance(row.get(metric), int | float)]
    return [step for step, _ in known], [value for _, value in known]


def _accuracies(evals: Mapping[str, Sequence[dict[str, Any]]]) -> list[Panel]:
    """A panel of every estimate for one run; of several runs a panel for each estimate."""
    names = {
        name: None
        for rows in evals.values()
        for row in rows
        for name, found in row.items()
        if isinstance(found, dict) and "value" in found
    }
    if len(evals) == 1:
        [rows] = evals.values()
        series = tuple(_estimates(rows, name, name) for name in names)
        return [Panel("held-out accuracy, % (95 % interval)", series, 0.0)] if series else []
    return [
        Panel(
            f"held-out {name}, % (95 % interval)",
            tuple(one for title, rows in evals.items() if (one := _estimates(rows, name, title)).xs),
            0.0,
        )
        for name in names
    ]


def _estimates(rows: Sequence[dict[str, Any]], name: str, title: str) -> Series:
    known = [(row["step"], row[name]) for row in rows if (row.get(name) or {}).get("value") is not None]
    bounds = [[None if found.get(end) is None else 100 * found[end] for _, found in known] for end in ("low", "high")]
    return Series(title, [step for step, _ in known], [100 * found["value"] for _, found in known], *bounds)
