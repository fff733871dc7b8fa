"""Numbers as cells, and what a comparison found in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from entmin.stats.estimates import Estimate
from entmin.stats.paired import PairedDifference

if TYPE_CHECKING:
    from entmin.report.compare import ComparedArm


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


def finding(rows: Sequence[ComparedArm]) -> str:
    """What was found, in one sentence: differences to the first arm; of a single arm its accuracy and no more."""
    first, *others = rows
    if not others:
        samples = first.samples // max(1, first.problems)
        each = f", {samples} samples each" if samples > 1 else ""
        shown = f"{_percent(first.accuracy.value)} % [{percent_cell(first.accuracy).partition('[')[2]}"
        place = f"of the answers to {first.task} (n = {first.accuracy.n} problems{each})"
        return f"{first.model} with {first.label} is right in {shown} {place}."
    better = [row for row in others if row.p_holm < 0.05 and row.difference and row.difference.difference > 0]
    worse = [row for row in others if row.p_holm < 0.05 and row.difference and row.difference.difference < 0]
    rest = [row for row in others if row not in better and row not in worse]
    said = [
        *([f"{_named(better)} better than {first.label}"] if better else []),
        *([f"{_named(worse)} worse than {first.label}"] if worse else []),
        *([f"{_named(rest)} not shown to differ from {first.label}"] if rest else []),
    ]
    fewest = min((row.difference.n for row in others if row.difference), default=0)
    return f"On {first.task}, {'; '.join(said)} (n = {fewest} problems)."


def _named(rows: Sequence[ComparedArm], most: int = 3) -> str:
    names = [f"{row.label} ({difference_cells(row.difference, row.p_holm)[0]} points)" for row in rows]
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} other arms"]
    return f"{', '.join(names[:-1])} and {names[-1]} are" if len(names) > 1 else f"{names[0]} is"


def sharpening_line(rows: Sequence[ComparedArm]) -> str:
    """A warning where arms are not equally decisive, so that a difference may be that alone."""
    known = [row.entropy_after for row in rows if row.entropy_after is not None]
    if len(known) < 2 or max(known) - min(known) <= 0.05:
        return ""
    return (
        f"The arms lie between {min(known):.2f} and {max(known):.2f} nats per token: part of a difference may be plain "
        "sharpening. `entmin settle` compares at equal entropy."
    )


def verdict_lines(rows: Sequence[ComparedArm]) -> list[str]:
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


def paragraphs(lines: Sequence[str]) -> list[str]:
    """Lines joined to those that they go on from, which are those that are not indented."""
    found: list[str] = []
    for line in lines:
        if line.startswith(" ") and found:
            found[-1] += f" {line.strip()}"
        else:
            found.append(line.strip())
    return found


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


def percent_words(estimate: Mapping[str, Any]) -> str:
    """A recorded estimate in percent with its interval."""
    value, low, high = (_percent(estimate[key]) for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def _estimate(estimate: dict[str, Any]) -> str:
    return f"{percent_words(estimate)} (n={estimate['n']})"
