"""Milliseconds per row on a CUDA device: the Triton kernels, autograd + Adam, one softmax, and the bandwidth floor.

    python benchmarks/gpu.py [--repeats 15] [--vocabularies 49152 151936 262144] [--batches 1 8 32 128 512]
        [--json FILE] [--write-docs]
    python benchmarks/gpu.py --read FILE --write-docs

The floor is the bytes that must move (the logits read once, float32 written once; for entropy only read) over the
bandwidth of a large device-to-device copy measured in the same run. Times are of CUDA graphs, so that the host's launch
overhead is not in them; the last column has it. Every line is printed, and written to --json, as soon as it is
measured; --read shows the lines of an earlier run instead. Refuses to measure without a GPU.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from entmin.core import em_inf, entropy, solve_temperature
from entmin.core.em_inf import DEFAULTS
from entmin.core.triton import em_inf as kernel
from performance_page import write_section
from published import autograd_em_inf

VOCABULARIES, BATCHES, SHARES = (49_152, 151_936, 262_144), (1, 8, 32, 128, 512), (0.0, 0.25, 1.0)


def rows_for(vocabulary: int, batch: int, share: float, dtype: torch.dtype) -> Tensor:
    """``[batch, vocabulary]`` rows with a few likely tokens; `share` of them above 0.3 nat, the others far below."""
    generator = torch.Generator("cuda").manual_seed(vocabulary)
    rows = 2.2 * torch.randn(batch, vocabulary, generator=generator, device="cuda")
    likely = torch.rand(batch, vocabulary, generator=generator, device="cuda").topk(40).indices
    gaps = torch.full((batch, 1), 0.5, device="cuda")
    gaps[round(share * batch) :] = 12.0
    rows.scatter_(-1, likely, (20 - gaps * torch.arange(40.0, device="cuda")).clamp(min=-20))
    return rows.to(dtype)


def graph_milliseconds(run: Callable[[], Any], repeats: int) -> float:
    """Median time of a replay; `run` is captured after a warm-up on a side stream."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return event_milliseconds(graph.replay, repeats)


def event_milliseconds(run: Callable[[], Any], repeats: int) -> float:
    """Median time by CUDA events."""
    times = []
    for _ in range(repeats + 3):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end))
    return statistics.median(times[3:])


def wall_milliseconds(run: Callable[[], Any], repeats: int) -> float:
    """Median time as a host loop sees it."""
    times = []
    for _ in range(repeats + 3):
        torch.cuda.synchronize()
        start = time.perf_counter()
        run()
        torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times[3:])


def copy_bandwidth(repeats: int) -> float:
    """Bytes per second that a copy of 1 GiB reads and writes."""
    source = torch.empty(1 << 30, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return 2 * source.numel() / (1e-3 * event_milliseconds(lambda: target.copy_(source), repeats))


def measure(
    vocabulary: int, batch: int, share: float, dtype: torch.dtype, bandwidth: float, repeats: int
) -> dict[str, Any]:
    """One line: milliseconds per row."""
    rows = rows_for(vocabulary, batch, share, dtype)
    out = torch.empty(rows.shape, dtype=torch.float32, device="cuda")
    tau = torch.empty(batch, device="cuda")
    run = lambda: kernel(rows, **DEFAULTS, out=out)  # noqa: E731
    timed = {
        "em_inf": graph_milliseconds(run, repeats),
        "temperature": graph_milliseconds(lambda: tau.copy_(solve_temperature(rows, impl="triton")), repeats),
        "entropy": graph_milliseconds(lambda: tau.copy_(entropy(rows, impl="triton")), repeats),
        "softmax": graph_milliseconds(lambda: rows.softmax(-1, dtype=torch.float32), repeats),
        "autograd": wall_milliseconds(lambda: autograd_em_inf(rows.float()), max(3, repeats // 10)),
        "em_inf_host": wall_milliseconds(run, repeats),
        "floor": 1e3 * rows.numel() * (rows.element_size() + 4) / bandwidth,
        "read_floor": 1e3 * rows.numel() * rows.element_size() / bandwidth,
    }
    off = float((out.double().softmax(-1) - em_inf(rows, impl="torch").double().softmax(-1)).abs().sum(-1).max() / 2)
    cell = {"vocabulary": vocabulary, "batch": batch, "above": share, "dtype": str(dtype).removeprefix("torch.")}
    return cell | {name: value / batch for name, value in timed.items()} | {"total_variation": off}


NAMES = ("em_inf", "floor", "temperature", "entropy", "read_floor", "softmax", "autograd", "em_inf_host")
HEADER = [
    "V",
    "batch",
    "above",
    "logits",
    *(f"{name.replace('_', ' ')}, us/row" for name in NAMES),
    "em_inf / softmax",
    "autograd / em_inf",
    "off by (TV)",
]
CAPTION = (
    "Medians, microseconds per row: EM-INF with three steps, the bytes it must move at the bandwidth of a copy, the "
    "search of adaptive temperature, entropy, the bytes those must read, one softmax in float32, autograd + Adam, and "
    "EM-INF as a host loop that waits for every call sees it. Off: total variation against the plain tensor operations."
)


def cells_of(line: dict[str, Any]) -> list[str]:
    """One line of the table."""
    ratios = [
        f"{line['em_inf'] / line['softmax']:.1f}",
        f"{line['autograd'] / line['em_inf']:.0f}",
        f"{line['total_variation']:.0e}",
    ]
    cell = [f"{line['vocabulary']:,}", str(line["batch"]), f"{line['above']:.0%}", line["dtype"]]
    return cell + [f"{1e3 * line[name]:.2f}" for name in NAMES] + ratios


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """Measure, printing and keeping every line at once."""
    if not torch.cuda.is_available():
        sys.exit("benchmarks/gpu.py needs a CUDA device and this machine has none; benchmarks/em_inf.py times the CPU.")
    bandwidth = copy_bandwidth(options.repeats)
    name, versions = torch.cuda.get_device_name(), f"torch {torch.__version__}"
    title = f"EM-INF on {name}, copy bandwidth {bandwidth / 1e12:.2f} TB/s, {versions}, median of {options.repeats}"
    done: dict[str, Any] = {"title": title, "bandwidth": bandwidth, "results": []}
    print(title, " | ".join(HEADER), sep="\n", flush=True)
    for cell in itertools.product(options.vocabularies, options.batches, SHARES, (torch.bfloat16, torch.float32)):
        line = measure(*cell, bandwidth, options.repeats)
        done["results"].append(line)
        print(" | ".join(cells_of(line)), flush=True)
        if options.json:
            options.json.write_text(json.dumps(done, indent=1) + "\n")
    return done


def main() -> None:
    """Measure or read, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--vocabularies", type=int, nargs="+", default=VOCABULARIES)
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    parser.add_argument("--read", type=Path, help="numbers that --json wrote, instead of measuring")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/performance.md")
    options = parser.parse_args()
    done = json.loads(options.read.read_text()) if options.read else measured(options)
    body = [cells_of(line) for line in done["results"]]
    if options.read:
        print(done["title"], *(" | ".join(row) for row in [HEADER, *body]), sep="\n")
    if options.write_docs:
        write_section("em_inf_gpu", done["title"], HEADER, body, CAPTION)


if __name__ == "__main__":
    main()
