"""A step of the engine beside one of transformers and beside its matrix products alone.

    python benchmarks/decoding.py [--model smollm2-135m] [--dtype float32] [--rows 1 8 32] [--tokens 32] [--turns 3]
        [--threads N] [--write-docs]

Tokens per second of so many rows together, prompts of 16 tokens left out of the time. `engine` decodes with packed
weights (`entmin.engine.packed`), `unpacked` without; `transformers` is its model called step by step with its own cache
and nothing drawn; `products` are the linear layers of one step alone, with plain weights. All take turns in one
process. Medians, and the least and most of the ratio engine / products over the turns.
"""

from __future__ import annotations

import argparse
import time
from statistics import median
from typing import Any

import torch
from torch import nn

from entmin.engine.batch import Batch
from entmin.engine.loading import LoadedModel, load
from entmin.engine.packed import PackedLinear, pack_weights
from entmin.engine.requests import Request
from entmin.engine.rows import BatchRow
from performance_page import write_section

PROMPT = 16
SIDES = ("engine", "unpacked", "transformers", "products")


def plain(model: nn.Module) -> None:
    """Take the packed weights of a model away."""
    for module in model.modules():
        if type(module) is PackedLinear:
            module.__class__ = nn.Linear
            del module._packed


def engine(loaded: LoadedModel, rows: int, tokens: int) -> float:
    """Seconds of the decoding steps of so many rows, a token drawn at each."""
    batch = Batch(loaded)
    prompt = torch.arange(100, 100 + PROMPT).tolist()
    arriving = [BatchRow(Request(prompt, max_tokens=tokens + 1, seed=row)) for row in range(rows)]
    batch.sample(arriving, batch.refill(arriving))
    start = time.perf_counter()
    while batch.live:
        batch.sample(batch.rows, batch.step())
    return time.perf_counter() - start


@torch.inference_mode()
def transformers(loaded: LoadedModel, rows: int, tokens: int) -> float:
    """Seconds of as many bare steps of the model, with the attention that it has from transformers."""
    loaded.model.set_attn_implementation("sdpa")
    ids = torch.arange(100, 100 + PROMPT).repeat(rows, 1)
    output = loaded.model(ids, use_cache=True)
    start = time.perf_counter()
    for _ in range(tokens):
        output = loaded.model(output.logits[:, -1:].argmax(-1), past_key_values=output.past_key_values, use_cache=True)
    return time.perf_counter() - start


@torch.inference_mode()
def products(loaded: LoadedModel, rows: int, tokens: int, *, head: bool = True) -> float:
    """Seconds of the linear layers of as many steps, with the head or without, nothing else."""
    left_out = None if head else loaded.model.get_output_embeddings()
    layers = [layer for layer in loaded.model.modules() if isinstance(layer, nn.Linear) and layer is not left_out]
    inputs = {layer.in_features: torch.randn(rows, layer.in_features, dtype=loaded.dtype) for layer in layers}
    start = time.perf_counter()
    for _ in range(tokens):
        for layer in layers:
            layer(inputs[layer.in_features])
    return time.perf_counter() - start


def turn(side: str, loaded: LoadedModel, rows: int, tokens: int) -> float:
    """Tokens per second of one side."""
    if side == "engine" and not pack_weights(loaded.model):
        raise SystemExit("this build of torch packs no weights of this dtype, or memory is short")
    measured: dict[str, Any] = {"transformers": transformers, "products": products}
    try:
        return rows * tokens / measured.get(side, engine)(loaded, rows, tokens)
    finally:
        plain(loaded.model)
        loaded.model.set_attn_implementation("entmin_cpu_decode")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--write-docs", action="store_true", help="put the figures into docs/performance.md")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    loaded = load(options.model, device="cpu", dtype=options.dtype)
    loaded.eos = frozenset()
    table = []
    for rows in options.rows:
        found: dict[str, list[float]] = {side: [] for side in SIDES}
        for number in range(options.turns + 1):
            for side in SIDES if number % 2 else reversed(SIDES):
                speed = turn(side, loaded, rows, options.tokens)
                if number:  # the first is a warm-up
                    found[side].append(speed)
        ratios = sorted(one / other for one, other in zip(found["engine"], found["products"], strict=True))
        share = f"{median(ratios):.0%} [{ratios[0]:.0%}, {ratios[-1]:.0%}]"
        table.append([str(rows), *(f"{median(found[side]):.0f}" for side in SIDES), share])
    title = f"{loaded.name}, {options.dtype}; {torch.get_num_threads()} threads, torch {torch.__version__}"
    header = ["rows", *(f"{side}, tokens/s" for side in SIDES), "engine / products"]
    print(title)
    for row in [header, *table]:
        print("| " + " | ".join(row) + " |")
    if options.write_docs:
        write_section("decoding", title, header, table, f"Medians of {options.turns} turns; the range of the ratio.")


if __name__ == "__main__":
    main()
