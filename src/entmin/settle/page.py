"""A settled question as a report page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from entmin.report.diversity import Spread, diversity, render_spread
from entmin.report.page import Chart, Page, Table
from entmin.report.page.charts import Difference, forest, frontier
from entmin.report.page.comparison import (
    ENTROPY_AXIS,
    band_words,
    lengths_chart,
    passes_chart,
    point_of,
    tokens_chart,
)
from entmin.report.page.runs import facts, flips
from entmin.report.table import render
from entmin.report.words import difference_cells
from entmin.settle.drift import at_own_entropy, drift_words, drifts
from entmin.settle.verdict import LEVEL
from entmin.stats import PairedDifference, holm, paired_difference

if TYPE_CHECKING:
    from entmin.settle.settling import Settlement


def settled_page(done: Settlement) -> Page:
    """Everything a reader needs to believe or doubt the verdict."""
    [method] = done.plan.of("method")
    best = min(done.verdict.differences, key=lambda name: done.verdict.differences[name].difference)
    spread = _spread(done)
    alone = [replace(row, difference=None, p_holm=math.nan, worst=None) for row in done.rows.values()]
    return Page(
        title=done.plan.question,
        verdict=verdict_sentence(done),
        tone=done.verdict.kind,
        remarks=tuple(remarks(done)),
        charts=tuple(_charts(done, spread)),
        tables=(
            planned_test(done),
            *render(alone, "Every arm alone"),
            *render_spread(spread),
            _exploratory_table(done),
        ),
        flips=flips([(name, done.runs[name]) for name in (method.name, best)]),
        facts=tuple([*_facts(done), *facts(list(done.runs.items()))]),
    )


def _spread(done: Settlement) -> list[Spread]:
    """pass@k of each arm without its differences, which are no part of the plan."""
    found = diversity({done.plan.task: [(name, run.log) for name, run in done.runs.items()]})
    return [replace(one, one_difference=None, any_difference=None) for one in found]


def verdict_sentence(done: Settlement) -> str:
    """The verdict in words."""
    [method] = done.plan.of("method")
    return done.verdict.sentence(method.name, f"{done.plan.task} ({done.plan.model})")


def remarks(done: Settlement) -> list[str]:
    """What must be read beside the verdict."""
    plan, verdict = done.plan, done.verdict
    said = [
        f"n = {verdict.n} problems, {plan.samples} sample{'s' if plan.samples > 1 else ''} each; margin "
        f"{100 * plan.margin:g} points; each claim is wrong in at most {100 * (1 - LEVEL) / 2:.1f} % of such runs.",
        f"Matched to {plan.of('method')[0].entropy:.2f} nats per token on {_pilot_words(done)}.",
    ]
    for name, reason in plan.unmatched.items():
        said.append(f"{name} is not in the test: {reason}.")
    said += drift_words(done)
    said.append(done.remedy)
    said.append(control_words(done))
    if len(done.earlier):
        said.append(f"This question was planned {len(done.earlier) + 1} times; the other plans: {_names(done)}.")
    return [one for one in said if one]


def _pilot_words(done: Settlement) -> str:
    share = 100 * done.plan.flips
    return f"pilot problems of their own; there the verdicts of method and rival differed on up to {share:.0f} %"


def _names(done: Settlement) -> str:
    return ", ".join(folder.name for folder in done.earlier)


def control_words(done: Settlement) -> str:
    """What the controls found: neither should differ but by chance."""
    [method] = done.plan.of("method")
    controls = done.plan.of("control")
    if not controls:
        return ""
    judged = done.judged[method.name]
    found = [(arm.name, paired_difference(done.judged[arm.name], judged)) for arm in controls]
    return (
        "Controls: "
        + "; ".join(f"{name} minus {method.name} {difference_cells(d, d.p_value)[0]}" for name, d in found)
        + "."
    )


def _charts(done: Settlement, spread: Sequence[Spread]) -> list[Chart]:
    [method] = done.plan.of("method")
    placed, spent = [], []
    for arm in done.plan.of("method", "matched", "frontier", "voting"):  # controls would lie on the arms they repeat
        row, main = done.rows[arm.name], arm.role == "method"
        if row.entropy_after is not None and arm.role != "voting":
            placed.append(point_of(row, row.entropy_after, main=main, frontier=arm.role == "frontier"))
        spent.append(point_of(row, row.cost.output_tokens, main=main))
    matched = [Difference(name, d.difference, d.low, d.high) for name, d in done.verdict.differences.items()]
    return [
        forest(
            matched, f"{method.name} minus each rival of the same entropy", "difference in accuracy, points",
            "The planned test: to the right of 0 the method is better. Intervals at 95 %.",
        ),
        frontier(
            placed, "Accuracy against entropy", ENTROPY_AXIS,
            f"The diamond is {method.name}.{band_words(placed)} What only sharpens lies on it.",
        ),
        tokens_chart(spent),
        *([passes_chart(spread)] if spread and spread[0].distinct is not None else []),
        lengths_chart(list(done.runs.items())),
    ]  # fmt: skip


def planned_test(done: Settlement) -> Table:
    """What the verdict rests on, and how far each rival's entropy is from the method's on the run's own problems."""
    apart = drifts(done)
    rows = tuple(
        (
            name,
            *difference_cells(d, d.p_value),
            f"{d.gained}/{d.lost}",
            str(d.n),
            f"{apart[name]:+.2f}" if name in apart else "–",
        )
        for name, d in done.verdict.differences.items()
    )
    return Table(
        "Planned test",
        ("matched rival", "method minus rival [95 %]", "p", "won/lost", "n", "nats apart"),
        rows,
        "The method must beat every rival, each at the full level: p-values are not corrected, and none may be picked. "
        "Nats apart: the rival's entropy minus the method's on the run's own problems.",
    )


def _exploratory_table(done: Settlement) -> Table:
    [method] = done.plan.of("method")
    judged = done.judged[method.name]
    others = done.plan.of("frontier", "voting", "control")
    found: list[tuple[str, str, PairedDifference]] = [
        (arm.name, arm.role, paired_difference(judged, done.judged[arm.name])) for arm in others
    ]
    if at_own := at_own_entropy(done):
        found.append((at_own[0].name, "equal entropy", at_own[1]))
    corrected = holm([d.p_value for *_, d in found])
    rows = tuple(
        (
            name,
            role,
            *difference_cells(d, p),
        )
        for (name, role, d), p in zip(found, corrected, strict=True)
    )
    columns = ("arm", "role", "method minus arm, points [95 %]", "p (Holm)")
    return Table("Exploratory", columns, rows, "One Holm family; intervals are for each comparison alone.")


def _facts(done: Settlement) -> list[tuple[str, str]]:
    plan = done.plan
    return [
        ("plan", f"sha256:{plan.sha256}"),
        ("plan run or continued", f"{done.sessions} times"),
        ("problems in the plan's order", f"sha256:{plan.problems_sha256}"),
        ("pilot", f"sha256:{plan.pilot_sha256}"),
        *((f"{name}, as planned", str(value)) for name, value in plan.settings.items()),
        *((f"{name}, as planned", str(value)) for name, value in plan.versions.items()),
    ]
