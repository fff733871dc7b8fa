"""pass@1 beside pass@k: whether a gain in one answer was bought with the chance that any of k is right.

Sharpening can raise pass@1 and lower pass@k, because the samples of a problem become copies of one another. For each
arm with several samples per problem: both estimates with intervals, and the paired difference of each to the first arm.
k is the number of samples; a problem passes when any of its samples is right, and one with a sample that could not be
judged is left out. p-values are corrected with those of the whole report (Holm).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from inspect_ai.log import EvalLog

from entmin.evals.metrics import distinct_answers, verdicts
from entmin.report.compare import ComparedArm, without_nan
from entmin.report.table import Table
from entmin.report.words import difference_cells, percent_cell
from entmin.stats.estimates import Estimate, Runs, avg_at_k, pass_at_k
from entmin.stats.paired import PairedDifference, holm, paired_difference


@dataclass(frozen=True, slots=True)
class Spread:
    """What k samples of one arm on one task are worth, beside one of them."""

    task: str
    label: str
    k: int
    one: Estimate
    """pass@1."""
    any: Estimate
    """pass@k."""
    one_difference: PairedDifference | None
    """pass@1 minus that of the first arm; None for that arm itself."""
    any_difference: PairedDifference | None
    """pass@k minus that of the first arm."""
    distinct: float | None = None
    """Mean number of different answers among a problem's k samples; None where answers cannot be compared."""
    one_p_holm: float = math.nan
    any_p_holm: float = math.nan

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; NaN becomes None."""
        cleaned: dict[str, Any] = without_nan(asdict(self))
        return cleaned


def diversity(runs: Mapping[str, Sequence[tuple[str, EvalLog]]]) -> list[Spread]:
    """One row per task and arm, for the tasks in which every problem has several samples in every arm."""
    rows = []
    for task, arms in runs.items():
        judged = [verdicts(log) for _, log in arms]
        k = min((len(samples) for run in judged for samples in run.values()), default=0)
        if k > 1:
            rows += [
                replace(_spread(task, label, k, run, judged[0]), distinct=distinct_answers(log, k))
                for (label, log), run in zip(arms, judged, strict=True)
            ]
    adjusted = holm([_p(d) for row in rows for d in (row.one_difference, row.any_difference)])
    return [
        replace(row, one_p_holm=one, any_p_holm=other)
        for row, one, other in zip(rows, adjusted[::2], adjusted[1::2], strict=True)
    ]


def corrected_together(rows: Sequence[ComparedArm], spread: Sequence[Spread]) -> tuple[list[ComparedArm], list[Spread]]:
    """Both tables of a report with p-values of one family (Holm); a difference of pass@1 is in both and counts once."""
    adjusted = holm([*(_p(row.difference) for row in rows), *(_p(one.any_difference) for one in spread)])
    first = [replace(row, p_holm=p) for row, p in zip(rows, adjusted, strict=False)]
    known = {(row.task, row.label): row.p_holm for row in first}
    second = [
        replace(one, one_p_holm=known[one.task, one.label], any_p_holm=p)
        for one, p in zip(spread, adjusted[len(rows) :], strict=True)
    ]
    return first, second


def _p(difference: PairedDifference | None) -> float:
    return math.nan if difference is None else difference.p_value


def _spread(task: str, label: str, k: int, run: Runs, baseline: Runs) -> Spread:
    first = run is baseline
    return Spread(
        task,
        label,
        k,
        avg_at_k(run),
        pass_at_k(run, k),
        None if first else paired_difference(run, baseline),
        None if first else paired_difference(_any(run, k), _any(baseline, k)),
    )


def _any(run: Runs, k: int) -> dict[str, list[bool | None]]:
    """Whether any of a problem's first k samples is right, of the problems whose samples are all judged."""
    return {problem: [any(given[:k])] for problem, given in run.items() if None not in given[:k]}


def render_spread(rows: Sequence[Spread]) -> list[Table]:
    """Two tables, each at most 80 columns wide where labels are short; one without differences, none without rows."""
    if not rows:
        return []
    labels = [f"{row.task}: {row.label}" if len({one.task for one in rows}) > 1 else row.label for row in rows]
    k = "k" if len({row.k for row in rows}) > 1 else str(rows[0].k)
    found = [
        (
            label,
            percent_cell(row.one),
            percent_cell(row.any),
            "–" if row.distinct is None else f"{row.distinct:.1f} of {row.k}",
            f"{row.any.n}x{row.k}",
        )
        for label, row in zip(labels, rows, strict=True)
    ]
    heads = ("method", "pass@1 % [95 %]", f"pass@{k} % [95 %]", "distinct", "n")
    said = "Of a problem's samples: distinct is the mean number of different answers."
    tables = [Table(f"One sample and any of {k}", heads, tuple(found), said)]
    if all(row.one_difference is None for row in rows):
        return tables
    against = [
        (label, *difference_cells(row.any_difference, row.any_p_holm)) for label, row in zip(labels, rows, strict=True)
    ]
    title = f"Any of {k}, against {rows[0].label}, points [95 %]"
    return [*tables, Table(title, ("method", f"pass@{k} difference", "p (Holm)"), tuple(against))]
