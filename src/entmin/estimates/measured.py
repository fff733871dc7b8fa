"""This machine's CPU as hardware: rates of matrix products and of memory, and the launch of a layer, measured."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from entmin.errors import UsageError, closest
from entmin.estimates.hardware import GPUS, THIS, Hardware

_SECONDS = 0.6
"""Of each measurement."""
_OPERATIONS = 45
"""Operations of one layer of a decoder, as `transformers` runs it."""


def hardware_of(name: str) -> Hardware:
    """The hardware of a name; `THIS` is measured, which takes some seconds.

    Raises:
        UsageError: the name is unknown.
    """
    key = name.strip().lower()
    if key == THIS:
        return measure()
    if key not in GPUS:
        raise UsageError(
            f"unknown GPU {name!r}{closest(key, GPUS)}; known: {', '.join(GPUS)}, and {THIS}, the CPU of this machine"
        )
    return GPUS[key]


def measure() -> Hardware:
    """Measure the CPU with torch's own threads, in the dtype that the engine takes here."""
    import torch

    from entmin.engine.loading import default_dtype

    kind = default_dtype(torch.device("cpu"))
    size = 2 if kind != torch.float32 else 4
    with torch.inference_mode():
        rows, wide, deep = 256, 1024, 4096
        left, right = torch.randn(rows, wide, dtype=kind), torch.randn(deep, wide, dtype=kind)
        products = 2 * rows * wide * deep / _fastest(lambda: torch.nn.functional.linear(left, right))
        # Larger than the caches, as weights are.
        weights, one = torch.randn(1 << 15, 1 << 11, dtype=kind), torch.randn(1, 1 << 11, dtype=kind)
        stream = weights.numel() * size / _fastest(lambda: torch.nn.functional.linear(one, weights))
        small = torch.randn(1, 64, dtype=kind)
        launch = _OPERATIONS * _fastest(lambda: small * small)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    name = f"this CPU, {torch.get_num_threads()} threads, {str(kind).removeprefix('torch.')}"
    return Hardware(name, products, stream, memory, 0.0, "measured just now", launch, size)


def _fastest(work: Callable[[], object]) -> float:
    """Seconds of the fastest of many calls: others on the machine only slow it down."""
    best, end = float("inf"), time.perf_counter() + _SECONDS
    work()
    while (begun := time.perf_counter()) < end:
        work()
        best = min(best, time.perf_counter() - begun)
    return best
