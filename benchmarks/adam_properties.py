"""How often do EM-INF's Adam steps break what gradient descent guarantees? Measured on random rows and a real model's.

    python benchmarks/adam_properties.py [MODEL] [--temperature 0.1] [--prompts 32] [--new-tokens 64] [--seed 0]
        [--json FILE]

Counted over the rows whose entropy is at or above the threshold (0.3 nat), with Wilson 95 % intervals:
another token on top, a higher entropy than before, and any pair among the 50 likeliest tokens changing its order.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest
from torch import Tensor

from entmin import em_inf, entropy
from real_steps import decoding_rows

THRESHOLD, RATES, STEPS, TOP, CHUNK = 0.3, (0.1, 0.3, 1.0), (3, 5, 15), 50, 64


def broken(before: Tensor, after: Tensor) -> dict[str, Tensor]:
    """Per row: which properties the step from `before` to `after` broke. Ties in `before` count as kept."""
    order = before.topk(min(TOP, before.shape[-1]), dim=-1).indices
    top = after.gather(-1, order)
    return {
        "argmax": top[:, 0] < after.amax(-1),
        "entropy": entropy(after) > entropy(before) + 1e-6,
        f"top {TOP} order": (top.diff(dim=-1) > 1e-6).any(-1),
    }


def count(rows: Tensor, rate: float, steps: int) -> dict[str, Any]:
    """Counts over rows at or above the threshold."""
    totals: dict[str, int] = {}
    lowered = []
    for chunk in rows.split(CHUNK):
        before = chunk.float()
        after = em_inf(before, learning_rate=rate, n_grad_steps=steps, threshold=THRESHOLD)
        lowered.append(entropy(after) / entropy(before))
        for name, flags in broken(before, after).items():
            totals[name] = totals.get(name, 0) + int(flags.sum())
    share = float(torch.cat(lowered).median())
    return {"learning_rate": rate, "steps": steps, "n": len(rows), "entropy_kept": share, "broken": totals}


def shown(count: int, n: int) -> str:
    """``k/n, percentage [Wilson 95 % interval]``."""
    interval = binomtest(count, n).proportion_ci(method="wilson")
    return f"{count}/{n} = {100 * count / n:.2f} % [{100 * interval.low:.2f}, {100 * interval.high:.2f}]"


def report(rows: Tensor, title: str) -> list[dict[str, Any]]:
    """Count for every setting, and print the table."""
    above = rows[entropy(rows) >= THRESHOLD]
    results = [count(above, rate, steps) for rate in RATES for steps in STEPS]
    table = Table("rate", "steps", "entropy kept (median)", "argmax changed", "entropy raised", "top-50 order changed")
    for r in results:
        cells = [shown(k, r["n"]) for k in r["broken"].values()]
        table.add_row(f"{r['learning_rate']:g}", str(r["steps"]), f"{r['entropy_kept']:.3f}", *cells)
    table.title = f"{title}; {len(above)} at or above {THRESHOLD} nat"
    Console(width=150).print(table)
    return results


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", help="folder or Hub id of a causal language model; without it, random rows")
    parser.add_argument("--prompts", type=int, default=32)
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--temperature", type=float, default=0.1, help="of the sampling that meets the steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write the counts here")
    options = parser.parse_args()
    results = {}
    for vocabulary, scale in ((9, 0.05), (257, 1.0), (5003, 3.0)):
        rows = scale * torch.randn(400, vocabulary, generator=torch.Generator().manual_seed(0))
        title = f"400 random rows, V = {vocabulary:,}, standard deviation {scale:g}"
        results[title] = report(rows, title)
    if options.model:
        rows = decoding_rows(
            options.model,
            temperature=options.temperature,
            prompts=options.prompts,
            new_tokens=options.new_tokens,
            seed=options.seed,
        )
        title = f"{len(rows)} decoding steps at temperature {options.temperature:g}, V = {rows.shape[1]:,}"
        results[title] = report(rows, title)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
