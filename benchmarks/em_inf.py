"""Milliseconds per row of EM-INF: autograd + torch.optim.Adam, `entmin.em_inf`, and one softmax for scale.

    python benchmarks/em_inf.py [--threads 2] [--repeats 7] [--device cpu] [--json FILE]

Rows: at V = 49,152 the recorded rows of a real model, at 151,936 synthetic ones (a few likely tokens over a long tail),
both between 0.3 and 4 nats, so that every row is above the threshold and takes all its steps: the costly case. "bf16"
rows hold the numbers a bf16 head gives; "float32" rows are the same ones plus noise in the lower bits.
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

from entmin import em_inf, entropy
from published import autograd_em_inf, recorded_rows

VOCABULARIES, BATCHES, THRESHOLD = (49_152, 151_936), (1, 32), 0.3


def rows_for(vocabulary: int, count: int, kind: str) -> Tensor:
    """``[count, vocabulary]`` rows of entropy 0.3 to 4 nats."""
    generator = torch.Generator().manual_seed(vocabulary)
    if vocabulary == 49_152:
        real = recorded_rows()
        h = entropy(real)
        real = real[(h > 0.5) & (h < 4)]
        rows = real[torch.arange(count) % len(real)].float()
    else:
        rows = 2.2 * torch.randn(count, vocabulary, generator=generator)
        likely = torch.rand(count, vocabulary, generator=generator).topk(40).indices
        gaps = torch.rand(count, 1, generator=generator) * 0.5 + 0.25
        rows.scatter_(-1, likely, 20 - gaps * torch.arange(40.0))
    rows = rows.bfloat16().float()
    return rows if kind == "bf16" else rows + 1e-3 * torch.randn(rows.shape, generator=generator)


def milliseconds(run: Callable[[], Any], repeats: int, device: str) -> list[float]:
    """Times of single calls, after a warm-up."""
    times = []
    for _ in range(repeats + 2):
        start = time.perf_counter()
        run()
        if device != "cpu":
            torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - start))
    return times[2:]


def measure(vocabulary: int, batch: int, kind: str, repeats: int, device: str) -> dict[str, Any]:
    """One line of the table; times are milliseconds per row."""
    rows = rows_for(vocabulary, batch, kind).to(device)
    h = entropy(rows)
    difference = em_inf(rows).softmax(-1) - autograd_em_inf(rows).softmax(-1)
    candidates: dict[str, Callable[[], Any]] = {
        "autograd": lambda: autograd_em_inf(rows),
        "entmin": lambda: em_inf(rows),
        "softmax": lambda: rows.softmax(-1),
    }
    result: dict[str, Any] = {"vocabulary": vocabulary, "rows": kind, "batch": batch, "repeats": repeats}
    for name, run in candidates.items():
        times = [t / batch for t in milliseconds(run, repeats, device)]
        result[name] = statistics.median(times)
        result[f"{name}_min_max"] = [min(times), max(times)]
    result |= {
        "speedup": result["autograd"] / result["entmin"],
        "softmaxes": result["entmin"] / result["softmax"],
        "above_threshold": float((h >= THRESHOLD).float().mean()),
        "entropy": [float(h.min()), float(h.max())],
        "total_variation": float(difference.abs().sum(-1).max() / 2),
    }
    return result


def show(results: list[dict[str, Any]], title: str) -> None:
    """Print the table."""
    table = Table(title=title, caption="ms per row, median (min-max); TV: total variation to autograd in float32")
    for column in ("V", "rows", "batch", "autograd + Adam", "entmin.em_inf", "one softmax", "faster", "softmaxes"):
        table.add_column(column, justify="right")
    table.add_column("above 0.3 nat")
    table.add_column("TV")
    for r in results:
        cells = (f"{r[n]:.3f} ({r[n + '_min_max'][0]:.3f}-{r[n + '_min_max'][1]:.3f})" for n in ("autograd", "entmin"))
        above = f"{r['above_threshold']:.0%}, H {r['entropy'][0]:.1f}-{r['entropy'][1]:.1f}"
        ratios = (f"{r['softmax']:.3f}", f"{r['speedup']:.1f}x", f"{r['softmaxes']:.1f}")
        tv = f"{r['total_variation']:.0e}"
        table.add_row(f"{r['vocabulary']:,}", r["rows"], str(r["batch"]), *cells, *ratios, above, tv)
    Console(width=150).print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="torch threads")
    parser.add_argument("--repeats", type=int, default=7, help="timed calls per cell")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cells = [(v, b, kind) for v in VOCABULARIES for kind in ("bf16", "float32") for b in BATCHES]
    results = [measure(v, b, kind, options.repeats, options.device) for v, b, kind in cells]
    name = torch.cuda.get_device_name() if options.device != "cpu" else f"{platform.machine()} CPU"
    where = {"device": name, "threads": options.threads, "torch": torch.__version__}
    show(results, f"EM-INF, 3 steps; {where['device']}, {options.threads} threads, torch {where['torch']}")
    if options.json:
        options.json.write_text(json.dumps({**where, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
