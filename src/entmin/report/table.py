"""A comparison as a table for the terminal, and in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.table import Table

from entmin.report.compare import Row


def render(rows: Sequence[Row], title: str) -> Table:
    """The rich table of a comparison, one row per arm and task."""
    many = len({row.task for row in rows}) > 1
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    if many:
        table.add_column("task")
    for name in ("method", "T"):
        table.add_column(name, no_wrap=True)
    spent = _spent_columns(rows)
    for name in (
        "accuracy % [95 %]",
        "n",
        "difference [95 %]",
        "p (Holm)",
        "won/lost",
        *spent,
        "entropy",
        "tok/s",
        "cut %",
        "no answer %",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    previous = None
    for row in rows:
        if many and previous not in (None, row.task):
            table.add_section()
        table.add_row(*([row.task] if many else []), *_cells(row, spent))
        previous = row.task
    return table


def _spent_columns(rows: Sequence[Row]) -> list[str]:
    """What an answer cost. Where some take several calls: how many, and the tokens read, which then differ too."""
    several = any(row.cost.calls > 1 for row in rows)
    return ["calls", "tokens in", "tokens out"] if several else ["tokens"]


def _cells(row: Row, spent: Sequence[str]) -> list[str]:
    accuracy, d = row.accuracy, row.difference
    cost = {"calls": f"{row.cost.calls:.3g}", "tokens in": f"{row.cost.input_tokens:.0f}"}
    return [
        row.label,
        f"{row.temperature:g}",
        f"{_percent(accuracy.value)} [{_percent(accuracy.low)}, {_percent(accuracy.high)}]",
        f"{accuracy.n}" if row.samples == row.problems else f"{accuracy.n}x{row.samples // row.problems}",
        "baseline" if d is None else f"{100 * d.difference:+.1f} [{100 * d.low:+.1f}, {100 * d.high:+.1f}]",
        "" if d is None else _p(row.p_holm),
        "" if d is None else f"{d.gained}/{d.lost}",
        *(cost.get(name, f"{row.cost.output_tokens:.0f}") for name in spent),
        "–" if row.entropy_before is None else f"{row.entropy_before:.2f} → {row.entropy_after:.2f}",
        "" if row.tokens_per_second is None else f"{row.tokens_per_second:.0f}",
        f"{100 * row.truncated:.0f}",
        f"{100 * row.unanswered:.0f}",
    ]


def _percent(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{100 * value:.1f}"


def _p(value: float) -> str:
    return "–" if math.isnan(value) else "<0.001" if value < 0.001 else f"{value:.3f}"


def _p_words(value: float) -> str:
    return f"p {_p(value)}" if value < 0.001 else f"p = {_p(value)}"


def verdict_lines(rows: Sequence[Row]) -> list[str]:
    """One honest sentence per arm and task: better, worse, or not shown either way."""
    lines = []
    for row in rows:
        if row.difference is None or math.isnan(row.p_holm):
            continue
        d = row.difference
        if row.p_holm < 0.05:
            word = "better" if d.difference > 0 else "worse"
            lines.append(f"{row.label} is {word} than the baseline on {row.task} (n = {d.n}, {_p_words(row.p_holm)}).")
        else:
            lines.append(
                f"{row.label}: no difference shown on {row.task} (n = {d.n}, {_p_words(row.p_holm)}); "
                f"it may be anything from {100 * d.low:+.1f} to {100 * d.high:+.1f} points."
            )
    return lines


def trivial_line(task: str, trivial: dict[str, Any]) -> str:
    """The score of someone who always says the same."""
    return f"{task}: always answering {trivial['answer']} would score {100 * trivial['share']:.1f} %."


def print_rows(rows: Sequence[Row], title: str) -> None:
    """Print the table to standard output, never narrower than it needs."""
    from rich.console import Console

    console = Console()
    console.print(render(rows, title)) if console.is_terminal else Console(width=200).print(render(rows, title))


def detail_lines(task: str, results: dict[str, Any]) -> list[str]:
    """What a summary holds beyond accuracy: pass@k, maj@k, and accuracy by level, subject, year and the like."""
    lines = []
    if results["samples_per_problem"] > 1:
        passes = [f"pass@{k} {_estimate(e)}" for k, e in results["pass@k"].items() if int(k) > 1]
        majority = results["maj@k"]
        voted = [f"maj@{majority['k']} {_estimate(majority)}"] if majority else []
        lines.append(f"{task}: {', '.join([*passes, *voted])}")
    if "rounds" in results:
        shown = ", ".join(f"{number}: {_estimate(e)}" for number, e in enumerate(results["rounds"], 1))
        lines.append(f"{task} by round: {shown}")
        if stopped := results["refinements_stopped_early"]:
            lines.append(f"{task}: {stopped} refinements stopped early because the context was full")
    for key, groups in results["by"].items():
        if len(groups) > 1:
            lines.append(f"{task} by {key}: " + ", ".join(f"{name} {_estimate(e)}" for name, e in groups.items()))
    if results["not_judged"]["n"]:
        lines.append(f"{task}: {results['not_judged']['n']} answers could not be judged and are in no estimate")
    return lines


def _estimate(estimate: dict[str, Any]) -> str:
    value, low, high, n = (estimate[key] for key in ("value", "low", "high", "n"))
    return f"{_percent(value)} [{_percent(low)}, {_percent(high)}] (n={n})"
