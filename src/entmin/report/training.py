"""What training changed: held-out accuracy by step, each step paired with the untrained model on the same problems."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entmin.jsonl import read_rows
from entmin.report.table import Table
from entmin.report.training_figure import CURVES, EVALS, RECORD
from entmin.report.words import difference_cells, percent_cell, percent_words
from entmin.stats.estimates import Runs, avg_at_k
from entmin.stats.paired import PairedDifference, holm, paired_difference


@dataclass(frozen=True, slots=True)
class HeldOutStep:
    """One evaluation of one run on held-out problems."""

    run: str
    folder: Path
    measured: Mapping[str, Any]
    """The line of ``evals.jsonl``."""
    difference: PairedDifference | None
    """pass@1 minus that of the untrained model; None for step 0, and where its answers are not kept."""
    p_holm: float = math.nan
    """Corrected over all steps of all runs."""

    @property
    def step(self) -> int:
        """Optimiser steps taken."""
        return int(self.measured["step"])


def held_out_steps(runs: Mapping[str, Path]) -> list[HeldOutStep]:
    """Every evaluation of every run, by title and output folder."""
    found = []
    for title, folder in runs.items():
        start = sampled_verdicts(folder, 0)
        for row in read_rows(folder / EVALS):
            now = sampled_verdicts(folder, row["step"]) if row["step"] else {}
            paired = paired_difference(now, start) if now and start else None
            found.append(HeldOutStep(title, folder, row, paired))
    corrected = holm([math.nan if one.difference is None else one.difference.p_value for one in found])
    return [
        HeldOutStep(one.run, one.folder, one.measured, one.difference, p)
        for one, p in zip(found, corrected, strict=True)
    ]


def answers(folder: Path, step: int) -> list[dict[str, Any]]:
    """Every held-out answer of a step; the greedy one has ``greedy`` as its sample."""
    return read_rows(folder / "evals" / f"step-{step}.jsonl")


def sampled_verdicts(folder: Path, step: int, shorter: float = math.inf) -> Runs:
    """Problem id to the verdicts of its samples of fewer tokens than `shorter`, the greedy answer left out."""
    found: dict[str, list[bool | None]] = {}
    for row in answers(folder, step):
        if row["sample"] != "greedy" and row["tokens"] < shorter:
            found.setdefault(row["id"], []).append(row["correct"])
    return found


def record_of(folder: Path) -> dict[str, Any]:
    """The run's settings; empty where they were not kept."""
    path = folder / RECORD
    return dict(json.loads(path.read_text())) if path.exists() else {}


def held_out_table(found: Sequence[HeldOutStep]) -> Table:
    """Held-out accuracy by step; with the accuracy of those answers alone that were not cut off."""
    k = max(one.measured["k"] for one in found)
    columns = (
        "run", "step", "pass@1 % [95 %]", "difference [95 %]", "p (Holm)", f"pass@{k} % [95 %]", "greedy % [95 %]",
        "entropy", "length", "cut %", "of those that ended % [95 %]", "n", "not judged",
    )  # fmt: skip
    said = (
        "Differences in points to step 0 of the same run, paired by problem; p-values for all rows together. Entropy "
        f"in nats per token, length in tokens. n is problems, each with {k} samples and one greedy answer."
    )
    return Table("Held-out problems by step", columns, tuple(_row(one, k) for one in found), said)


def _row(one: HeldOutStep, k: int) -> tuple[str, ...]:
    row = one.measured
    limit = record_of(one.folder).get("max_tokens", math.inf)
    ended = avg_at_k(sampled_verdicts(one.folder, one.step, limit))
    missing = ("", "") if one.step == 0 else ("–", "–")
    return (
        one.run,
        str(one.step),
        percent_words(row["pass@1"]),
        *(missing if one.difference is None else difference_cells(one.difference, one.p_holm)),
        percent_words(row[f"pass@{k}"]) if f"pass@{k}" in row else "–",
        percent_words(row["greedy"]),
        "–" if row["entropy"] is None else f"{row['entropy']:.2f}",  # servers do not tell it
        f"{row['length']:.0f}",
        f"{100 * row['clipped']:.0f}",
        f"{percent_cell(ended)} (n={ended.n})" if ended.n else "–",
        str(row["problems"]),
        str(row.get("not_judged", "")),
    )


def training_finding(title: str, folder: Path, found: Sequence[HeldOutStep]) -> str:
    """What one run changed, in one sentence; accuracy only where held-out problems were asked."""
    curves, record = read_rows(folder / CURVES), record_of(folder)
    steps = curves[-1]["step"] if curves else 0
    how = record.get("method", "training")
    how += f" with reward {record['reward']}" if how == "em-rl" else ""
    own = [one for one in found if one.folder == folder]
    who = f"{title}: {steps} steps of {how}"
    if len(own) < 2:
        ends = [row["entropy"] for row in curves if row.get("entropy") is not None]
        moved = f" moved entropy from {ends[0]:.2f} to {ends[-1]:.2f} nats per token of its samples" if ends else ""
        return f"{who}{moved}; accuracy was not measured on held-out problems."
    first, last = own[0].measured, own[-1]
    now = last.measured
    said = f"{who} moved"
    if first["entropy"] is not None and now["entropy"] is not None:
        said += f" entropy from {first['entropy']:.2f} to {now['entropy']:.2f} nats per token and"
    said += f" pass@1 from {100 * first['pass@1']['value']:.1f} to {100 * now['pass@1']['value']:.1f} %"
    if last.difference is None:
        return f"{said} of {now['problems']} held-out problems."
    cell, p = difference_cells(last.difference, last.p_holm)
    shown = "" if last.p_holm < 0.05 else ", which shows no difference"
    return f"{said}: {cell} points on {last.difference.n} held-out problems (p = {p}){shown}.".replace("p = <", "p < ")
