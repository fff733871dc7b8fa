"""What recording a step of decoding costs on a CPU: plain tensor operations, and what the engine calls.

    python benchmarks/certainty.py [--rows 48] [--vocabulary 49152] [--k 5] [--turns 9]

The first line is log-probability of the token taken, self-certainty and the --k likeliest tokens of each row; the
second the greedy token. Both ways take turns; milliseconds are medians, the ratio is the median over turns, with the
least and the most. Before 2026-11-27 the engine took the plain operations, but for a compiled log-probability.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch

from entmin.core import certainty
from entmin.engine.sampling import greedy
from performance_page import print_table


def milliseconds(call: Callable[[], Any], calls: int = 5) -> float:
    """Of one call."""
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls * 1e3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=48)
    parser.add_argument("--vocabulary", type=int, default=49_152)
    parser.add_argument("--k", type=int, default=5)
    parser.add_argument("--turns", type=int, default=9)
    options = parser.parse_args()
    torch.manual_seed(0)
    rows = torch.randn(options.rows, options.vocabulary) * 4
    taken = rows.argmax(-1)
    ways: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "certainty": (
            lambda: certainty(rows, taken, options.k, impl="torch"),
            lambda: certainty(rows, taken, options.k),
        ),
        "greedy token": (lambda: rows.argmax(-1), lambda: greedy(rows)),
    }
    body = []
    for name, both in ways.items():
        for call in both:
            call()
        turns = [[milliseconds(call) for call in both] for _ in range(options.turns)]
        ratios = sorted(plain / ours for plain, ours in turns)
        plain, ours = (median(times) for times in zip(*turns, strict=True))
        body.append([name, f"{plain:.2f}", f"{ours:.2f}", f"{median(ratios):.1f} [{ratios[0]:.1f}, {ratios[-1]:.1f}]"])
    title = f"{options.rows} rows of {options.vocabulary}, float32, {torch.get_num_threads()} threads, ms"
    print_table(["step", "torch", "engine", "times"], body, title, f"n = {options.turns} turns")


if __name__ == "__main__":
    main()
