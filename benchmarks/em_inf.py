"""Milliseconds per row of EM-INF: the compiled forms, autograd + torch.optim.Adam, and one softmax of the same rows.

    python benchmarks/em_inf.py [--threads 2] [--repeats 7] [--device cpu] [--quick] [--model smollm2-135m]
        [--with-torch] [--json FILE] [--write-docs]

Rows, all after what a bf16 head gives ("bf16": bfloat16 numbers in float32, as engines pass them on) or the same plus
noise in the lower bits ("float32"):

- synthetic: a few likely tokens over a long tail, 0.3 to 4 nats;
- recorded: the eleven rows of a real model in tests/data, or those met while --model answers questions.

A share of 0, 0.25 or all of a batch's rows is above the threshold of 0.3 nat and takes all three steps; the others are
certain. Every figure is the median of --repeats calls, the ways of computing taking turns, so that a slow moment of the
machine meets all of them. --with-torch times the reference too. --write-docs puts table and figure into
docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from entmin import em_inf, entropy
from entmin.core import implementation
from entmin.core.impl import IMPLEMENTATIONS
from figures import cost_figure
from performance_page import print_table, write_section
from published import autograd_em_inf, recorded_rows

VOCABULARIES, BATCHES, SHARES, THRESHOLD = (8_192, 49_152, 151_936, 262_144), (1, 8, 32, 128), (0.0, 0.25, 1.0), 0.3
WAYS = ("autograd", *IMPLEMENTATIONS, "softmax")


def synthetic(vocabulary: int, count: int, above: int, generator: torch.Generator) -> Tensor:
    """``[count, vocabulary]`` rows, the first `above` of them of 0.3 to 4 nats, the others certain."""
    rows = 2.2 * torch.randn(count, vocabulary, generator=generator)
    likely = torch.rand(count, vocabulary, generator=generator).topk(40).indices
    gaps = torch.rand(count, 1, generator=generator) * 0.5 + 0.25
    rows.scatter_(-1, likely, 20 - gaps * torch.arange(40.0))
    rows[above:, 0] = 30.0
    return rows


def real(recorded: Tensor, count: int, above: int) -> Tensor:
    """``[count, V]`` recorded rows, the first `above` of them of 0.5 to 4 nats, the others under the threshold."""
    h = entropy(recorded)
    unsure, sure = recorded[(h > 0.5) & (h < 4)], recorded[h < THRESHOLD]
    chosen = [unsure[torch.arange(above) % len(unsure)], sure[torch.arange(count - above) % len(sure)]]
    return torch.cat(chosen)


def rows_for(vocabulary: int, count: int, kind: str, share: float = 1.0, recorded: Tensor | None = None) -> Tensor:
    """``[count, vocabulary]`` float32 rows, `share` of them above the threshold."""
    generator = torch.Generator().manual_seed(vocabulary)
    above = round(share * count)
    rows = synthetic(vocabulary, count, above, generator) if recorded is None else real(recorded, count, above)
    rows = rows.bfloat16().float()
    return rows if kind == "bf16" else rows + 1e-3 * torch.randn(rows.shape, generator=generator)


def milliseconds(ways: dict[str, Callable[[], Any]], repeats: int, device: str) -> dict[str, list[float]]:
    """Times of single calls, the ways taking turns, after two warm-ups."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeats + 2):
        for name, run in ways.items():
            start = time.perf_counter()
            run()
            if device != "cpu":
                torch.cuda.synchronize()
            if turn >= 2:
                times[name].append(1e3 * (time.perf_counter() - start))
    return times


def measure(rows: Tensor, repeats: int, left_out: frozenset[str]) -> dict[str, Any]:
    """One line of the table, some implementations left out; times are milliseconds per row."""
    h = entropy(rows)
    ways: dict[str, Callable[[], Any]] = {"autograd": lambda: autograd_em_inf(rows)}
    for name, known in IMPLEMENTATIONS.items():
        if name not in left_out and not known.missing() and not known.refuses(rows):
            ways[name] = lambda name=name: em_inf(rows, impl=name)
    ways["softmax"] = lambda: rows.softmax(-1)
    truth = autograd_em_inf(rows).softmax(-1)
    variation = {name: em_inf(rows, impl=name).softmax(-1) - truth for name in ways if name in IMPLEMENTATIONS}
    result: dict[str, Any] = {"auto": implementation(rows), "entropy": [float(h.min()), float(h.max())]}
    for name, times in milliseconds(ways, repeats, rows.device.type).items():
        each = [t / len(rows) for t in times]
        result[name] = {"median": statistics.median(each), "min": min(each), "max": max(each)}
        if name in variation:
            result[name]["total_variation"] = float(variation[name].abs().sum(-1).max() / 2)
    return result


def cells(quick: bool, recorded: Tensor) -> list[dict[str, Any]]:
    """What is measured: the full grid, or its smallest corner."""
    grid = []
    for source, vocabularies in (("synthetic", VOCABULARIES), ("recorded", (recorded.shape[1],))):
        for vocabulary in vocabularies[:1] if quick else vocabularies:
            for batch in BATCHES[:2] if quick else BATCHES:
                for share in SHARES if batch > 1 else (0.0, 1.0):
                    cell = {"source": source, "vocabulary": vocabulary, "batch": batch, "share": share}
                    grid += [cell | {"rows": kind} for kind in ("bf16", "float32")]
    return grid


def lines(results: list[dict[str, Any]], ways: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Header and cells of the table: ms per row, and how that compares with autograd and with one softmax."""
    header = ["rows", "V", "batch", "above 0.3 nat", *ways]
    body = []
    for r in results:
        row = [f"{r['source']}, {r['rows']}", f"{r['vocabulary']:,}", str(r["batch"]), f"{r['share']:.0%}"]
        for way in ways:
            if way not in r:
                row.append("–")
                continue
            t = r[way]["median"]
            ratios = f" ({r['autograd']['median'] / t:.0f}x, {t / r['softmax']['median']:.1f})"
            row.append(f"{t:.3f}" + (ratios if way in IMPLEMENTATIONS else ""))
        body.append(row)
    return header, body


CAPTION = "ms per row, median; in brackets: times faster than autograd + Adam, and cost in softmaxes of the same rows"


def recording(model: str | None) -> Tensor:
    """Real next-token logits, bf16: those kept with the tests, or freshly recorded ones."""
    if model is None:
        return recorded_rows()
    from entmin.engine.aliases import ALIASES, fetch
    from real_steps import decoding_rows

    return decoding_rows(str(fetch(model)) if model in ALIASES else model, temperature=1.0)


def main() -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="torch threads")
    parser.add_argument("--repeats", type=int, default=7, help="timed calls per cell")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--quick", action="store_true", help="only the smallest sizes")
    parser.add_argument("--model", help="record real logits from this model instead of those kept with the tests")
    parser.add_argument("--with-torch", action="store_true", help="time the plain tensor operations too")
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    parser.add_argument("--write-docs", action="store_true", help="put table and figure into docs/performance.md")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    left_out = frozenset() if options.with_torch else frozenset({"torch"})
    ways = [way for way in WAYS if way not in left_out]
    recorded, results = recording(options.model), []
    for cell in cells(options.quick, recorded):
        source = recorded if cell["source"] == "recorded" else None
        rows = rows_for(cell["vocabulary"], cell["batch"], cell["rows"], cell["share"], source).to(options.device)
        results.append(cell | measure(rows, options.repeats, left_out))
    name = torch.cuda.get_device_name() if options.device != "cpu" else f"{platform.machine()} CPU"
    title = f"EM-INF, 3 steps; {name}, {options.threads} threads, torch {torch.__version__}"
    header, body = lines(results, ways)
    print_table(header, body, title, CAPTION)
    if options.json:
        options.json.write_text(json.dumps({"title": title, "results": results}, indent=1) + "\n")
    if options.write_docs:
        figure = cost_figure(results, ways, "em_inf_cpu.svg", title)
        write_section("em_inf_cpu", title, header, body, f"{CAPTION}.", figure)


if __name__ == "__main__":
    main()
