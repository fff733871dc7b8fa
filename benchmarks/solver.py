"""How many evaluations of a row's entropy the temperature search needs, on rows made to resist it and on real ones.

    python benchmarks/solver.py

The first families were looked at while the rule was chosen, those of `held_out` only after. Counted up to 1e-6 of the
target, the evaluation of the row as it is included; tmin 0.01, tmax 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from entmin.core import newton
from entmin.core.adaptive_temperature import bisect
from published import recorded_rows

RATIOS, EACH = (0.0, 0.05, 0.3, 0.5, 0.7, 0.85, 0.95, 0.99, 0.99999), 100


def corpus() -> dict[str, list[Tensor]]:
    """Rows by family, seeded: normal logits of all scales, two and three exact levels, exponential gaps, Zipf."""
    generator = torch.Generator().manual_seed(0)
    between = lambda low, high: low + (high - low) * float(torch.rand((), generator=generator))  # noqa: E731
    size = lambda low, high: int(math.exp(between(math.log(low), math.log(high))))  # noqa: E731
    rows: dict[str, list[Tensor]] = {
        name: [] for name in ("normal", "two levels", "three levels", "exponential", "zipf")
    }
    for _ in range(EACH):
        rows["normal"].append(torch.randn(size(2, 5000), generator=generator) * 10 ** between(-4, 2))
        n = size(3, 5000)
        two = torch.zeros(n)
        two[: size(1, n)] = 10 ** between(-3, 2.5)
        three = torch.zeros(n)
        three[: size(1, n)] += 10 ** between(-3, 2)
        three[0] += 10 ** between(-3, 2)
        rows["two levels"].append(two)
        rows["three levels"].append(three)
        gaps = torch.empty(size(3, 5000)).exponential_(generator=generator) * 10 ** between(-2, 1.5)
        gaps[0] = gaps.max() + 10 ** between(-4, 1)
        rows["exponential"].append(gaps)
        rows["zipf"].append(-torch.arange(1.0, size(3, 5000) + 1).log() * 10 ** between(-1, 1))
    return rows | {"recorded (real)": list(recorded_rows().float())}


def held_out() -> dict[str, list[Tensor]]:
    """Families that were not looked at while the rule was chosen, seeded: heavy tails, even gaps, mixtures."""
    draw = np.random.default_rng(20261122)
    between = lambda low, high: low + (high - low) * draw.random()  # noqa: E731
    size = lambda low, high: int(math.exp(between(math.log(low), math.log(high))))  # noqa: E731
    rows: dict[str, list[Any]] = {
        name: [] for name in ("student", "uniform", "even gaps", "clusters", "five levels", "lognormal")
    }
    for _ in range(EACH):
        student = draw.standard_t(3, size=size(2, 5000))
        rows["student"].append(np.clip(student * 10 ** between(-2, 1), -300, 300))
        rows["uniform"].append(draw.random(size(2, 5000)) * 10 ** between(-2, 2.5))
        rows["even gaps"].append(-np.arange(size(2, 5000)) * 10 ** between(-3, 0.5))
        n = size(4, 5000)
        clusters, levels = draw.standard_normal(n) * 10 ** between(-4, 0), np.zeros(size(6, 5000))
        clusters[: size(1, n)] += 10 ** between(-2, 2)
        clusters[:3] += 10 ** between(-2, 1.5)
        rows["clusters"].append(clusters)
        for _ in range(4):
            levels[: size(1, len(levels))] += 10 ** between(-2, 2)
        rows["five levels"].append(levels)
        rows["lognormal"].append(np.exp(draw.standard_normal(size(2, 5000))).clip(max=300) * 10 ** between(-2, 1))
    return {name: [torch.from_numpy(row) for row in family] for name, family in rows.items()}


def evaluations(row: Tensor, ratio: float, search: str) -> int | None:
    """Evaluations for one row; None where it is left alone."""
    rows, count = row.double()[None], 1

    def evaluate(b: Tensor) -> newton.Statistics:
        nonlocal count
        count += 1
        return newton.statistics(rows, b)

    before = newton.statistics(rows)
    wanted, target = before.entropy > 1e-5, (before.entropy * ratio).clamp(min=1e-5)
    if not wanted:
        return None
    limits = {"tmax": 1.0, "tmin": 0.01, "max_iter": 100}
    if search == "newton":
        newton.solve(evaluate, before, target, wanted, **limits, tol=1e-6)  # type: ignore[arg-type]
    else:
        bisect(evaluate, before, target, wanted, **limits, tol=1e-6 * float(target))  # type: ignore[arg-type]
    return count


def main() -> None:
    """Count and print."""
    table = Table("rows", "n", "newton mean", "max", "over 8", "bisection mean", "max", title="evaluations, all ratios")
    for family, rows in (corpus() | held_out()).items():
        counts = {
            search: [k for row in rows for ratio in RATIOS if (k := evaluations(row, ratio, search))]
            for search in ("newton", "bisection")
        }
        cells = [str(len(counts["newton"]))]
        for search, found in counts.items():
            cells += [f"{sum(found) / len(found):.2f}", str(max(found))]
            cells += [str(sum(k > 8 for k in found))] if search == "newton" else []
        table.add_row(family, *cells)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
