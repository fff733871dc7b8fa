"""A comparison as a table for the terminal, and in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.table import Table

from entmin.report.compare import Row
from entmin.stats.estimates import Estimate
from entmin.stats.paired import PairedDifference


def render(rows: Sequence[Row], title: str) -> list[Table]:
    """The tables of a comparison, each at most 80 columns wide where labels are short.

    What was found comes first: accuracy, difference, p. What it took comes second: problems, tokens, entropy, speed.
    """
    labels = [f"{row.task}: {row.label}" if len({one.task for one in rows}) > 1 else row.label for row in rows]
    several = any(row.difference is not None for row in rows)
    found = ["accuracy % [95 %]", *(["difference [95 %]", "p (Holm)"] if several else ["n"])]
    spent = _spent_columns(rows)
    took = [*(["n", "won/lost"] if several else []), *spent, "entropy", "tok/s", "cut %", "none %"]
    return [
        table_of(labels, [_found(row, several) for row in rows], found, title),
        table_of(labels, [_took(row, spent, several) for row in rows], took, ""),
    ]


def table_of(labels: Sequence[str], cells: Sequence[Sequence[str]], heads: Sequence[str], title: str) -> Table:
    """A table of one line for each label, which is folded where there is little room; numbers are never cut."""
    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("method", overflow="fold", min_width=6)
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for label, one in zip(labels, cells, strict=True):
        table.add_row(label, *one)
    return table


def _spent_columns(rows: Sequence[Row]) -> list[str]:
    """What an answer cost. Where some take several calls: how many, and the tokens read, which then differ too."""
    several = any(row.cost.calls > 1 for row in rows)
    return ["calls", "tokens in", "tokens out"] if several else ["tokens"]


def _size(row: Row) -> str:
    return f"{row.accuracy.n}" if row.samples == row.problems else f"{row.accuracy.n}x{row.samples // row.problems}"


def _found(row: Row, several: bool) -> list[str]:
    shown = percent_cell(row.accuracy)
    if not several:
        return [shown, _size(row)]
    return [shown, *difference_cells(row.difference, row.p_holm)]


def _took(row: Row, spent: Sequence[str], several: bool) -> list[str]:
    d = row.difference
    cost = {"calls": f"{row.cost.calls:.3g}", "tokens in": f"{row.cost.input_tokens:.0f}"}
    return [
        *([_size(row), "" if d is None else f"{d.gained}/{d.lost}"] if several else []),
        *(cost.get(name, f"{row.cost.output_tokens:.0f}") for name in spent),
        "–" if row.entropy_before is None else f"{row.entropy_before:.2f}→{row.entropy_after:.2f}",
        "" if row.tokens_per_second is None else f"{row.tokens_per_second:.0f}",
        f"{100 * row.truncated:.0f}",
        f"{100 * row.unanswered:.0f}",
    ]


def percent_cell(estimate: Estimate) -> str:
    """An estimate in percent with its interval."""
    return f"{_percent(estimate.value)} [{_percent(estimate.low)}, {_percent(estimate.high)}]"


def difference_cells(d: PairedDifference | None, p: float) -> tuple[str, str]:
    """A difference in points with its interval, and its p-value; None is the baseline's own."""
    if d is None:
        return "baseline", ""
    return f"{100 * d.difference:+.1f} [{100 * d.low:+.1f}, {100 * d.high:+.1f}]", _p(p)


def _percent(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{100 * value:.1f}"


def _p(value: float) -> str:
    return "–" if math.isnan(value) else "<0.001" if value < 0.001 else f"{value:.3f}"


def _p_words(value: float) -> str:
    return f"p {_p(value)}" if value < 0.001 else f"p = {_p(value)}"


def verdict_lines(rows: Sequence[Row]) -> list[str]:
    """One honest sentence per arm and task: better, worse, or not shown either way; and what could not be seen."""
    lines = []
    for row in rows:
        if row.difference is None or math.isnan(row.p_holm):
            continue
        d = row.difference
        if row.p_holm < 0.05:
            word = "better" if d.difference > 0 else "worse"
            lines.append(f"{row.label} is {word} than the baseline on {row.task} (n = {d.n}, {_p_words(row.p_holm)}).")
        else:
            alone = f"; alone {_p_words(d.p_value)}, which the other comparisons weaken" if d.p_value < 0.05 else ""
            lines.append(
                f"{row.label}: no difference shown on {row.task} (n = {d.n}, {_p_words(row.p_holm)}{alone}); "
                f"it may be anything from {100 * d.low:+.1f} to {100 * d.high:+.1f} points."
            )
        lines.append(_power(d, shown=row.p_holm < 0.05))
        if row.worst is not None:
            low, high = row.worst
            lines.append(
                f"  {row.not_judged} of its answers were not judged: with all of those in doubt against it and for it, "
                f"from {100 * low:+.1f} to {100 * high:+.1f} points."
            )
    if lines:
        lines.append("Intervals have 95 % each; p-values are corrected for all comparisons of this report (Holm).")
    return lines


def _power(d: PairedDifference, *, shown: bool) -> str:
    if math.isnan(d.detectable):
        return "  So few problems show a difference of no size with 80 % power."
    points = f"{100 * d.detectable:.1f} points"
    if shown:
        return f"  Such a run finds a difference of {points} in 80 % of cases."
    return f"  This run could not have seen less than {points} (80 % power)."


def trivial_line(task: str, trivial: dict[str, Any]) -> str:
    """The score of someone who always says the same."""
    return f"{task}: always answering {trivial['answer']} would score {100 * trivial['share']:.1f} %."


def print_tables(tables: Sequence[Table]) -> None:
    """Print tables to standard output; elsewhere than on a terminal they are as wide as they need."""
    from rich.console import Console

    console = Console()
    for table in tables:
        (console if console.is_terminal else Console(width=200)).print(table)


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
