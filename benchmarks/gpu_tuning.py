"""Block sizes, warps and programs of the Triton kernels on a CUDA device: microseconds a call, for `triton/launch.py`.

    python benchmarks/gpu_tuning.py [--seconds 80] [--kernels search em_inf entropy] [--vocabularies 49152 151936]
        [--rows 1 8 32 128] [--workers 12] [--json FILE]

Float32 rows, all above EM-INF's threshold, as vLLM hands them over; CUDA graphs, so that the host is not in the times.
All variants are compiled first, by --workers processes side by side. Every line is printed as soon as it is measured;
after --seconds nothing more is begun. The first line of a kernel is what `launch.SIZES` says now. `off` is the largest
difference from it: of a temperature, as a fraction; in total variation (EM-INF); in nats (entropy). A block and its
warps are the same for any number of rows, the programs are not (`launch.py` says why).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from entmin.core.em_inf import DEFAULTS
from entmin.core.triton import em_inf, entropy, launch
from entmin.core.triton.adaptive_temperature import solve_temperature
from gpu import graph_milliseconds, rows_for

SEARCH = {
    "tmax": 1.0, "tmin": 0.01, "max_iter": 100, "tol": 1e-6, "target_ratio": 0.85, "threshold": 1e-5,
    "absolute_tol": False,
}  # fmt: skip


class Variant(NamedTuple):
    """One way to launch one kernel."""

    kernel: str
    block: int
    warps: int
    programs: float
    """`SEARCH_PROGRAMS` for the search, `PROGRAMS` for the others; 0 is one program a row."""


BLOCKS = {
    "search": ((512, 4), (1024, 8), (1024, 4), (512, 8), (2048, 8), (256, 2), (256, 4)),
    "em_inf": ((1024, 4), (512, 4), (512, 2), (1024, 8), (2048, 8)),
    "entropy": ((1024, 4), (1024, 8), (2048, 4), (2048, 8), (4096, 8)),
}
PROGRAMS = {"search": (2, 4, 1, 0), "em_inf": (8, 4, 16), "entropy": (8, 16, 4)}


def variants(kernels: list[str]) -> list[Variant]:
    """What the table says now, then the others."""
    sizes = launch.SIZES
    found = []
    for kernel in kernels:
        now = {
            "search": Variant(kernel, sizes.search_block, sizes.searching, launch.SEARCH_PROGRAMS),
            "em_inf": Variant(kernel, sizes.block, sizes.replaying, launch.PROGRAMS),
            "entropy": Variant(kernel, sizes.block, sizes.reading, launch.PROGRAMS),
        }[kernel]
        others = [Variant(kernel, *size, programs) for programs in PROGRAMS[kernel] for size in BLOCKS[kernel]]
        found += [now, *(other for other in others if other != now)]
    return found


def take(variant: Variant) -> None:
    """Make the kernels launch that way, in this process."""
    _, block, warps, programs = variant
    launch.SIZES = launch.Sizes(block, warps, warps, block, warps)
    launch.SEARCH_PROGRAMS = launch.PROGRAMS = programs  # type: ignore[assignment]


def call(kernel: str, rows: Tensor) -> Tensor:
    """One call of the kernel."""
    if kernel == "search":
        return solve_temperature(rows, **SEARCH)  # type: ignore[arg-type]
    return entropy(rows) if kernel == "entropy" else em_inf(rows, **DEFAULTS)


def compile_in_process(variant: Variant, vocabularies: list[int]) -> Variant:
    """Fill Triton's cache on disk."""
    take(variant)
    for vocabulary in vocabularies:
        call(variant.kernel, rows_for(vocabulary, 1, 1.0, torch.float32))
    torch.cuda.synchronize()
    return variant


def distance(kernel: str, found: Tensor, expected: Tensor) -> float:
    """How far one variant's result is from another's."""
    if kernel == "em_inf":
        gap = (found.double().softmax(-1) - expected.double().softmax(-1)).abs().sum(-1) / 2
        return float(gap.max())
    gap = (found.double() - expected.double()).abs()
    return float((gap / expected.double() if kernel == "search" else gap).max())


def measure(variant: Variant, cells: dict[tuple[int, int], Tensor], first: dict[Any, Tensor]) -> dict[str, Any]:
    """Microseconds a call at every V and number of rows."""
    take(variant)
    times, off = {}, 0.0
    for (vocabulary, count), rows in cells.items():
        found = call(variant.kernel, rows)
        off = max(off, distance(variant.kernel, found, first.setdefault((variant.kernel, vocabulary, count), found)))
        run: Callable[[], Any] = lambda rows=rows: call(variant.kernel, rows)  # noqa: E731
        times[f"{vocabulary}x{count}"] = 1e3 * graph_milliseconds(run, 12)
    return variant._asdict() | {"microseconds": times, "off": off}


def compile_all(chosen: list[Variant], options: argparse.Namespace) -> None:
    """One variant of each block and warps, in other processes: programs change no code."""
    distinct = list({variant[:3]: variant for variant in reversed(chosen)}.values())
    begun = time.monotonic()
    with ProcessPoolExecutor(options.workers, multiprocessing.get_context("spawn")) as pool:
        futures = [pool.submit(compile_in_process, variant, options.vocabularies) for variant in distinct]
        for future in as_completed(futures):
            print(f"{time.monotonic() - begun:5.1f} s  compiled {future.result()[:3]}", flush=True)


def measured(chosen: list[Variant], options: argparse.Namespace, end: float) -> list[dict[str, Any]]:
    """A line for every variant that was begun before `end`, printed at once."""
    cells = {(v, n): rows_for(v, n, 1.0, torch.float32) for v in options.vocabularies for n in options.rows}
    print(torch.cuda.get_device_name(), torch.__version__, "microseconds a call", sep=", ")
    print("kernel   block warps programs | " + " ".join(f"{v}x{n}".rjust(10) for v, n in cells) + " | off", flush=True)
    lines: list[dict[str, Any]] = []
    first: dict[Any, Tensor] = {}
    for variant in chosen:
        if time.monotonic() > end:
            print(f"{options.seconds:.0f} s are over; {len(chosen) - len(lines)} variants were not measured")
            break
        line = measure(variant, cells, first)
        lines.append(line)
        times = " ".join(f"{value:10.1f}" for value in line["microseconds"].values())
        name = f"{variant.kernel:8} {variant.block:5} {variant.warps:5} {variant.programs:8}"
        print(f"{name} | {times} | {line['off']:.0e}", flush=True)
    return lines


def print_best(lines: list[dict[str, Any]]) -> None:
    """The fastest variant of every cell, beside what the table says now."""
    for cell, now in lines[0]["microseconds"].items() if lines else ():
        best = min(lines, key=lambda line: line["microseconds"][cell])
        size = f"block {best['block']}, warps {best['warps']}, programs {best['programs']}"
        print(f"best {best['kernel']} {cell}: {size}; {best['microseconds'][cell] / now:.2f} of now")


def main() -> None:
    """Compile, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=80)
    parser.add_argument("--kernels", nargs="+", choices=list(BLOCKS), default=list(BLOCKS))
    parser.add_argument("--vocabularies", type=int, nargs="+", default=[49_152, 151_936])
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--workers", type=int, default=12)
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("benchmarks/gpu_tuning.py needs a CUDA device; benchmarks/kernel_registers.py compiles without one.")
    end = time.monotonic() + options.seconds
    chosen = variants(options.kernels)
    compile_all(chosen, options)
    lines = measured(chosen, options, end)
    for kernel in options.kernels:
        print_best([line for line in lines if line["kernel"] == kernel])
    if options.json:
        options.json.write_text(json.dumps(lines, indent=1) + "\n")


if __name__ == "__main__":
    main()
