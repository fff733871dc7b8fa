"""One run, or several compared with the first of them, as a report page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import quantiles
from typing import TYPE_CHECKING, Any

from entmin.report.compare import ComparedArm, compare
from entmin.report.diversity import Spread, corrected_together, diversity, render_spread
from entmin.report.drawing import Interval
from entmin.report.page.charts import Difference, Point, forest, frontier, intervals
from entmin.report.page.document import Chart, Page
from entmin.report.page.runs import Labelled, facts, flips, lengths
from entmin.report.table import render
from entmin.report.words import detail_lines, finding, paragraphs, sharpening_line, trivial_line, verdict_lines

if TYPE_CHECKING:
    from entmin.evals.run import RunResult

ENTROPY_AXIS = "entropy of the distribution tokens are drawn from, nats per token"


def comparison_pages(runs: Mapping[str, Labelled]) -> list[Page]:
    """A page for each task, whose first arm is its baseline; p-values of all of them are one family (Holm)."""
    found = [row for task, arms in runs.items() for row in compare(task, arms)]
    spread = diversity({task: [(label, run.log) for label, run in arms] for task, arms in runs.items()})
    return pages_by_task(*corrected_together(found, spread), runs)


def pages_by_task(rows: Sequence[ComparedArm], spread: Sequence[Spread], runs: Mapping[str, Labelled]) -> list[Page]:
    """A page for each task from the rows of all of them."""
    return [
        comparison_page([row for row in rows if row.task == task], [one for one in spread if one.task == task], arms)
        for task, arms in runs.items()
    ]


def comparison_page(rows: Sequence[ComparedArm], spread: Sequence[Spread], runs: Labelled) -> Page:
    """The page of one task.

    Args:
        rows: one for each arm, the baseline first.
        spread: pass@k of each arm; empty for single samples.
        runs: label and run of each arm, in the order of the rows.
    """
    first = rows[0]
    models = ", ".join(dict.fromkeys(row.model for row in rows))
    title = f"{models} on {first.task}" + (f": {len(rows)} arms, baseline {first.label}" if len(rows) > 1 else "")
    worse, better = (any(row.p_holm < 0.05 and _gain(row) * sign > 0 for row in rows) for sign in (-1, 1))
    return Page(
        title,
        finding(rows),
        "plain" if len(rows) == 1 or worse == better else "better" if better else "not-better",
        tuple(_remarks(rows, runs)),
        tuple([*(_charts(rows, spread) if len(rows) > 1 else _groups(runs[0][1])), lengths_chart(runs)]),
        tuple([*render(rows, "What was found"), *render_spread(spread)]),
        flips(runs),
        tuple(facts(runs)),
    )


def _gain(row: ComparedArm) -> float:
    return row.difference.difference if row.difference else 0.0


def _remarks(rows: Sequence[ComparedArm], runs: Labelled) -> list[str]:
    said = paragraphs(verdict_lines(rows))
    if len(rows) == 1:
        said += detail_lines(rows[0].task, runs[0][1].summary["results"])
    trivial = runs[0][1].summary["task"].get("trivial")
    said += [trivial_line(rows[0].task, trivial)] if trivial else []
    return [*filter(None, [*said, sharpening_line(rows)])]


def _charts(rows: Sequence[ComparedArm], spread: Sequence[Spread]) -> list[Chart]:
    first = rows[0]
    found = [
        Difference(row.label, d.difference, d.low, d.high, shown=row.p_holm < 0.05)
        for row in rows
        if (d := row.difference) is not None
    ]
    said = f"To the right of 0 an arm is better than {first.label}. Intervals at 95 %, for each comparison alone;"
    said += " a colour needs p < 0.05 after Holm's correction."
    charts = [forest(found, f"Difference to {first.label}", "difference in accuracy, points", said)]
    placed = [
        point_of(row, row.entropy_after, main=row.difference is None, frontier=row.plain and row.model == first.model)
        for row in rows
        if row.entropy_after is not None
    ]
    if len(placed) > 1:
        said = f"The diamond is the baseline, {first.label}. Intervals at 95 %.{band_words(placed)}"
        charts.append(frontier(placed, "Accuracy against entropy", ENTROPY_AXIS, said))
    charts.append(tokens_chart([point_of(row, row.cost.output_tokens, main=row.difference is None) for row in rows]))
    return [*charts, *([passes_chart(spread)] if spread and spread[0].distinct is not None else [])]


def point_of(row: ComparedArm, x: float, *, main: bool, frontier: bool = False) -> Point:
    """An arm's accuracy at some place; arguments as `Point` has them."""
    low, high = row.accuracy.low or 0.0, 1.0 if row.accuracy.high is None else row.accuracy.high
    return Point(row.label, x, row.accuracy.value, low, high, main=main, frontier=frontier)


def band_words(points: Sequence[Point]) -> str:
    """What the grey band is, where there is one."""
    plain = sum(point.frontier for point in points)
    if plain < 2:
        return ""
    return f" Grey: the plain model at {plain} temperatures, joined by lines, with its 95 % band."


def tokens_chart(points: Sequence[Point]) -> Chart:
    """Accuracy against what it cost."""
    said = "Arms that ask several times, or write longer, are to be read at what they cost. Intervals at 95 %."
    return frontier(points, "Accuracy against tokens", "tokens written per answer, over all calls", said)


def passes_chart(spread: Sequence[Spread]) -> Chart:
    """pass@k against distinct answers: what k samples are worth, and how different they are."""
    points = [
        Point(one.label, one.distinct, one.any.value, one.any.low or 0.0, one.any.high or 1.0, main=i == 0)
        for i, one in enumerate(spread)
        if one.distinct is not None
    ]
    k = spread[0].k
    said = f"To the left, the {k} samples of a problem are copies of one another. The diamond is {spread[0].label}."
    return frontier(
        points, f"pass@{k} against distinct answers", f"different answers among {k} samples, mean over problems",
        said, f"pass@{k}, % (95 % interval)",
    )  # fmt: skip


def lengths_chart(runs: Labelled) -> Chart:
    """How long answers are."""
    found = []
    for label, run in runs:
        written = lengths(run)
        cuts = quantiles(written, n=10, method="inclusive") if len(written) > 1 else written * 9
        found.append(Interval(label, cuts[4], cuts[0], cuts[8]))
    cut = [f"{label} {100 * run.summary['results']['truncated']['share']:.0f} %" for label, run in runs]
    said = f"The mark is the median; the line holds eight answers of ten. Cut at the limit: {', '.join(cut)}."
    return intervals(found, "Lengths", "tokens written per answer", said)


def _groups(run: RunResult) -> list[Chart]:
    """Accuracy by level, subject and the like, where there are several."""
    charts = []
    for key, groups in run.summary["results"]["by"].items():
        if len(groups) > 1:
            found = [Interval(f"{name} (n={e['n']})", *_percents(e)) for name, e in groups.items()]
            said = "Intervals at 95 %, each alone."
            charts.append(intervals(found, f"Accuracy by {key}", "accuracy, % (95 % interval)", said))
    return charts


def _percents(estimate: Mapping[str, Any]) -> tuple[float, float | None, float | None]:
    low, high = (None if estimate[end] is None else 100 * estimate[end] for end in ("low", "high"))
    return 100 * estimate["value"], low, high
