"""This machine's CPU as hardware: rates of matrix products and of memory, and the launch of a layer, measured."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from statistics import median
from typing import TYPE_CHECKING

from entmin.errors import UsageError, closest
from entmin.estimates.hardware import GPUS, THIS, Hardware, Own

if TYPE_CHECKING:
    from torch import dtype

    from entmin.engine.loaded import LoadedModel

_SECONDS, _LEAST = 0.6, 5
"""Of each measurement, and its steps at least."""
_ANSWERS, _ROWS, _VOCAB = 32, 512, 32_768


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
    """Measure the CPU with torch's own threads, in the dtype that the engine takes here: steps of random decoders.

    Thin ones, whose products take no time, of two and eight layers, with one answer and with many; and a wide one,
    whose weights are larger than the caches, with one answer, and one of its layers with many rows.
    """
    import torch

    from entmin.engine.loading import default_dtype

    kind = default_dtype(torch.device("cpu"))
    two, eight = (_step(_decoder(kind, layers, 64, 128, _VOCAB), 1) for layers in (2, 8))
    layer = max(0.0, eight - two) / 6
    drawn = max(0.0, _step(_decoder(kind, 2, 64, 128, _VOCAB), _ANSWERS) - two) / ((_ANSWERS - 1) * _VOCAB)
    own = Own(max(0.0, two - 2 * layer - drawn * _VOCAB), layer, drawn)
    depth, hidden, inner, words = 4, 1024, 4096, 1024
    wide = _decoder(kind, depth, hidden, inner, words)
    weights = depth * (4 * hidden**2 + 3 * hidden * inner) + hidden * words
    streamed = max(1e-6, _step(wide, 1) - own.step - own.layer * depth - own.logit * words)
    rows, product = torch.randn(_ROWS, hidden, dtype=kind), wide.model.model.layers[0].mlp.gate_proj
    with torch.inference_mode():
        rate = 2 * _ROWS * hidden * inner / _median(lambda: product(rows))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    name = f"this CPU, {torch.get_num_threads()} threads, {str(kind).removeprefix('torch.')}"
    return Hardware(
        name, rate, weights * kind.itemsize / streamed, memory, 0.0, "measured just now", own, kind.itemsize
    )


def _decoder(kind: dtype, layers: int, hidden: int, inner: int, words: int) -> LoadedModel:
    """A random model of the engine."""
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig

    from entmin.engine.loaded import LoadedModel
    from entmin.engine.loading import prepare_for_decoding
    from entmin.engine.packed import pack_weights

    config = LlamaConfig(
        vocab_size=words, hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers,
        num_attention_heads=hidden // 64, tie_word_embeddings=True,
    )  # fmt: skip
    model, cpu = AutoModelForCausalLM.from_config(config).to(kind).eval(), torch.device("cpu")
    prepare_for_decoding(model, cpu)
    pack_weights(model)
    return LoadedModel("random", model, None, cpu, kind, "", frozenset(), 1 << 20)


def _step(loaded: LoadedModel, rows: int) -> float:
    """Seconds of the median step of decoding, as the machine is now, with whatever else runs on it."""
    from entmin.engine.batch import Batch
    from entmin.engine.requests import Request
    from entmin.engine.rows import BatchRow

    batch = Batch(loaded)
    arriving = [BatchRow(Request([1, 2, 3, 4], max_tokens=1 << 16, seed=row)) for row in range(rows)]
    batch.sample(arriving, batch.refill(arriving))
    return _median(lambda: batch.sample(batch.rows, batch.step()))


def _median(work: Callable[[], object]) -> float:
    taken, end = list[float](), time.perf_counter() + _SECONDS
    while (begun := time.perf_counter()) < end or len(taken) < _LEAST:
        work()
        taken.append(time.perf_counter() - begun)
    return median(taken)
