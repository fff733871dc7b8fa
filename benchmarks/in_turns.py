"""EM-INF in a loop of its own, and in turns with matrix products, as a decoder calls it: in softmaxes of the same rows.

    python benchmarks/in_turns.py [--vocabularies 49152 151936] [--rows 32] [--share 1] [--threads 2] [--steps 60]
        [--turns 5] [--quick] [--json FILE] [--write-docs SECTION]

"in turns": a step is products of a decoder's sizes (hidden 896, 2 layers of it, bfloat16), then logits written by
torch's threads, then one of

- softmax, the unit, into a new tensor as in benchmarks/em_inf.py;
- EM-INF on torch's own threads (`team`);
- EM-INF on a pool of Python threads (`pool`: ENTMIN_THREADS=pool).

"alone" leaves out the products. Blocks of --steps steps of each way take turns, --turns times. A block's figure is the
median time of its calls; shown are the median over blocks, the least and the most, and how many softmaxes of the same
setting that is. "processor" is the process's whole processor time for a step beyond that of a step with no way at all,
spinning threads included, in softmaxes' processor time likewise. How long torch's threads spin is up to OpenMP, unless
GOMP_SPINCOUNT says it; entmin's commands set it to 10,000.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from em_inf import rows_for
from entmin import em_inf
from performance_page import print_table, write_section

HIDDEN, WIDE, LAYERS = 896, 4864, 2
WAYS = ("nothing", "softmax", "team", "pool")
SETTINGS = ("alone", "in turns")
Blocks = dict[str, list[tuple[float, float]]]
"""Way to its blocks: median seconds of a call, and processor seconds of a step."""


class Step:
    """What a decoder does between two calls."""

    def __init__(self, rows: Tensor, products: bool) -> None:
        self.rows, self.logits = rows, torch.empty_like(rows)
        self.x = torch.randn(len(rows), HIDDEN, dtype=torch.bfloat16)
        shapes = [(HIDDEN, HIDDEN)] * 4 + [(WIDE, HIDDEN)] * 2 + [(HIDDEN, WIDE)]
        self.layers = [[torch.randn(s, dtype=torch.bfloat16) for s in shapes] for _ in range(LAYERS * products)]

    def before(self) -> None:
        """Products, then this step's logits."""
        for layer in self.layers:
            for weight in layer[:4]:
                torch.nn.functional.linear(self.x, weight)
            wide = torch.nn.functional.linear(self.x, layer[4]) * torch.nn.functional.linear(self.x, layer[5])
            torch.nn.functional.linear(wide, layer[6])
        self.logits.copy_(self.rows)

    def run(self, way: str) -> Callable[[], object]:
        """The call that is timed."""
        os.environ["ENTMIN_THREADS"] = "pool" if way == "pool" else "team"
        if way == "nothing":
            return lambda: None
        if way == "softmax":
            return lambda: self.logits.softmax(-1)
        return lambda: em_inf(self.logits, impl="numba", out=self.logits)


def block(step: Step, way: str, steps: int) -> tuple[float, float]:
    """Median seconds of a call, and processor seconds of a step."""
    call, times = step.run(way), []
    began = time.process_time()
    for _ in range(steps):
        step.before()
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times), (time.process_time() - began) / steps


def measure(rows: Tensor, steps: int, turns: int) -> dict[str, Blocks]:
    """All ways in both settings, taking turns, after one turn that is not counted."""
    found: dict[str, Blocks] = {setting: {way: [] for way in WAYS} for setting in SETTINGS}
    prepared = {setting: Step(rows, setting == "in turns") for setting in SETTINGS}
    for turn in range(turns + 1):
        for setting, step in prepared.items():
            for way in WAYS:
                result = block(step, way, steps if turn else 2)
                if turn:
                    found[setting][way].append(result)
    return found


def spread(figures: list[float], digits: int) -> str:
    """Median, and least to most."""
    return "{:.{d}f} ({:.{d}f} to {:.{d}f})".format(statistics.median(figures), min(figures), max(figures), d=digits)


HEADER = ["V", "rows", "setting", "way", "ms", "softmaxes", "processor ms a step", "processor, softmaxes"]
CAPTION = (
    "ms of a call, and processor time of a step less that of a step with nothing. Medians over turns (least to most); "
    "softmaxes of the same turn and setting."
)


def table_rows(vocabulary: int, kind: str, found: dict[str, Blocks]) -> list[list[str]]:
    """A line for each setting and way."""
    lines = []
    for setting, blocks in found.items():
        base = [cpu for _, cpu in blocks["nothing"]]
        extra = {way: [cpu - b for (_, cpu), b in zip(of, base, strict=True)] for way, of in blocks.items()}
        unit = [seconds for seconds, _ in blocks["softmax"]]
        for way in WAYS[1:]:
            seconds = [one for one, _ in blocks[way]]
            ratios = [one / u for one, u in zip(seconds, unit, strict=True)]
            processor = statistics.median(extra[way]) / statistics.median(extra["softmax"])
            milliseconds, cpu = [1e3 * one for one in seconds], [1e3 * one for one in extra[way]]
            cells = [spread(milliseconds, 2), spread(ratios, 2), spread(cpu, 2), f"{processor:.1f}"]
            lines.append([f"{vocabulary:,}", kind, setting, way, *cells])
    return lines


def main() -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vocabularies", type=int, nargs="+", default=[49_152, 151_936])
    parser.add_argument("--rows", type=int, default=32, help="rows of a step")
    parser.add_argument("--share", type=float, default=1.0, help="of the rows, above the threshold of 0.3 nat")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="torch threads")
    parser.add_argument("--steps", type=int, default=60, help="steps of a block")
    parser.add_argument("--turns", type=int, default=5, help="blocks of each way")
    parser.add_argument("--quick", action="store_true", help="few steps, to see that it runs")
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    parser.add_argument(
        "--write-docs", metavar="SECTION", help="put the table into that section of docs/performance.md"
    )
    options = parser.parse_args()
    if options.quick:
        options.steps, options.turns = 8, 3
    torch.set_num_threads(options.threads)
    spins = os.environ.get("GOMP_SPINCOUNT", "default")
    title = (
        f"EM-INF between products; {options.rows} rows, {options.share:.0%} above 0.3 nat; "
        f"{platform.machine()} CPU, {options.threads} threads, GOMP_SPINCOUNT {spins}, torch {torch.__version__}"
    )
    results, body = [], []
    with torch.inference_mode():
        for vocabulary in options.vocabularies:
            for kind in ("bf16", "float32"):
                found = measure(rows_for(vocabulary, options.rows, kind, options.share), options.steps, options.turns)
                results.append({"vocabulary": vocabulary, "rows": kind, "blocks": found})
                body += table_rows(vocabulary, kind, found)
    print_table(HEADER, body, title, CAPTION)
    if options.json:
        options.json.write_text(json.dumps({"title": title, "results": results}, indent=1) + "\n")
    if options.write_docs:
        write_section(options.write_docs, title, HEADER, body, CAPTION)


if __name__ == "__main__":
    main()
