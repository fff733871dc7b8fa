"""What the tail cut-off saves: recorded float32 rows with `tail_cutoff` and without, in turn, on one thread.

    python benchmarks/tail_cutoff.py [--repeats 15] [--batch 32] [--json FILE] [--write-docs]

Rows are the recorded ones of a real model (V = 49,152) that are over the threshold, plus noise in the lower bits, so
that they hold no bfloat16 numbers. For V = 151,936 each is extended by logits drawn from its own less likely half.
"Certified" counts rows; total variation is against `impl="torch"` in float64 (tested against autograd and Adam). Times
are the thread's own, so that other work on the machine counts for less.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from em_inf import THRESHOLD
from entmin import em_inf, entropy
from entmin.core.numba.em_inf import em_inf as compiled
from performance_page import write_section
from published import recorded_rows

CUTOFFS, VOCABULARIES = (1e-2, 1e-3, 1e-4), (49_152, 151_936)
HEADER = ["V", "tail_cutoff", "certified", "certified bound, largest", "total variation, largest", "exact, ms/row",
          "with cut-off, ms/row", "time ratio (least, largest)"]  # fmt: skip


def rows_of(vocabulary: int) -> Tensor:
    """``[rows, V]`` float32 rows over the threshold."""
    generator = torch.Generator().manual_seed(vocabulary)
    rows = recorded_rows().float()
    rows = rows[entropy(rows) >= THRESHOLD]
    more = vocabulary - rows.shape[1]
    lower = rows.sort(-1).values[:, : rows.shape[1] // 2]
    drawn = torch.randint(lower.shape[1], (len(rows), more), generator=generator)
    rows = torch.cat([rows, lower.gather(-1, drawn)], -1)
    return rows + 1e-3 * torch.randn(rows.shape, generator=generator)


def thread_milliseconds(ways: dict[str, Callable[[], Any]], repeats: int) -> dict[str, list[float]]:
    """The calling thread's time in single calls, the ways taking turns, after two warm-ups."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeats + 2):
        for name, call in ways.items():
            start = time.thread_time()
            call()
            if turn >= 2:
                times[name].append(1e3 * (time.thread_time() - start))
    return times


def measure(rows: Tensor, cutoff: float, batch: int, repeats: int) -> dict[str, Any]:
    """One line of the table."""
    bounds = torch.zeros(len(rows), dtype=torch.float64)
    settings = {"threshold": THRESHOLD, "kl_weight": 0.05, "learning_rate": 0.1, "n_grad_steps": 3}
    result = compiled(rows, **settings, tail_cutoff=cutoff, bounds=bounds)
    truth = em_inf(rows.double(), **settings, impl="torch").softmax(-1)
    certified = bounds.isfinite()
    variation = (result.double().softmax(-1) - truth).abs().sum(-1)[certified] / 2
    many = rows[torch.arange(batch) % len(rows)].contiguous()
    room = torch.empty_like(many)
    ways = {
        "exact": lambda: em_inf(many, impl="values", out=room),
        "cut": lambda: em_inf(many, impl="values", out=room, tail_cutoff=cutoff),
    }
    times = thread_milliseconds(ways, repeats)
    ratios = [cut / exact for cut, exact in zip(times["cut"], times["exact"], strict=True)]
    return {
        "V": rows.shape[1], "tail_cutoff": cutoff, "rows": len(rows), "certified": int(certified.sum()),
        "bound": float(bounds[certified].max()), "variation": float(variation.max()),
        "exact": statistics.median(times["exact"]) / batch, "cut": statistics.median(times["cut"]) / batch,
        "ratio": [statistics.median(ratios), min(ratios), max(ratios)],
    }  # fmt: skip


def line(r: dict[str, Any]) -> list[str]:
    """A result as cells."""
    median, least, largest = r["ratio"]
    return [
        f"{r['V']:,}", f"{r['tail_cutoff']:.0e}", f"{r['certified']} of {r['rows']}", f"{r['bound']:.1e}",
        f"{r['variation']:.1e}", f"{r['exact']:.3f}", f"{r['cut']:.3f}", f"{median:.2f} ({least:.2f}, {largest:.2f})",
    ]  # fmt: skip


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write-docs", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    results = []
    for vocabulary in VOCABULARIES:
        rows = rows_of(vocabulary)
        results += [measure(rows, cutoff, asked.batch, asked.repeats) for cutoff in CUTOFFS]
    table = Table(*HEADER)
    for result in results:
        table.add_row(*line(result))
    Console().print(table)
    if asked.json:
        asked.json.write_text(json.dumps({"machine": platform.platform(), "results": results}, indent=2))
    if asked.write_docs:
        caption = (
            f"Medians of {asked.repeats} calls on {asked.batch} rows in turn, one {platform.machine()} thread and its "
            "own time; results go to memory that is kept; rows that are not certified are computed exactly."
        )
        write_section("tail_cutoff", "EM-INF with a tail cut-off", HEADER, [line(r) for r in results], caption)


if __name__ == "__main__":
    main()
