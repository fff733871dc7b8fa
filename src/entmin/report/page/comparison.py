"""A comparison as a report page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from entmin.report.page.charts import Difference, Point, forest, frontier
from entmin.report.page.document import Chart, Page
from entmin.report.page.runs import arms_table, flips

if TYPE_CHECKING:
    from entmin.evals.run import RunResult
    from entmin.report.compare import ComparedArm


def comparison_page(
    title: str,
    rows: Sequence[ComparedArm],
    sentences: Sequence[str],
    runs: Sequence[tuple[str, RunResult]],
    about: Mapping[str, Any],
) -> Page:
    """The page of a comparison on one task.

    Args:
        title: what was compared.
        rows: one for each arm, the baseline first.
        sentences: what was found, in words; the first is the headline.
        runs: label and run of each arm, in the order of the rows.
        about: versions, hashes and the like: name to value.
    """
    headline, *more = sentences or [f"One arm: {rows[0].label}."]
    return Page(
        title,
        headline,
        remarks=tuple(more),
        charts=tuple(_charts(rows)),
        tables=(arms_table(rows, rows[0].label),),
        flips=flips(runs[1], runs[0]) if len(runs) > 1 else (),
        facts=tuple((name, str(value)) for name, value in about.items()),
    )


def _charts(rows: Sequence[ComparedArm]) -> list[Chart]:
    placed = [
        Point(
            row.label,
            row.entropy_after,
            row.accuracy.value,
            row.accuracy.low or 0.0,
            row.accuracy.high or 1.0,
            main=i == 0,
        )
        for i, row in enumerate(rows)
        if row.entropy_after is not None
    ]
    found = [Difference(row.label, d.difference, d.low, d.high) for row in rows if (d := row.difference) is not None]
    charts = []
    if found:
        said = f"To the right of 0 an arm is better than {rows[0].label}. Intervals at 95 %, for each comparison alone."
        charts.append(forest(found, f"Difference to {rows[0].label}", "difference in accuracy, points", said))
    if placed:
        said = f"The diamond is the baseline, {rows[0].label}. Intervals at 95 %."
        label = "entropy of the distribution tokens are drawn from, nats per token"
        charts.append(frontier(placed, "Accuracy against entropy", label, said))
    return charts
