"""Reading prompts of unlike lengths: one pass over all of them, and passes of neighbours, on a CPU.

    python benchmarks/prefill.py --data FOLDER [--model smollm2-135m] [--questions 48] [--turns 3]

The first --questions of GSM8K (``gsm8k/test.jsonl`` under --data) under the chat template, by length as the engine has
them, float32, packed weights. Both sides take turns in one process. Positions are those that go through the model,
padding included. The ratio is the median over turns, with the least and the most.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from statistics import median

from entmin.engine.batch import MOST_READ, Batch
from entmin.engine.loading import load
from entmin.engine.packed import pack_weights
from entmin.engine.prompts import encode_chat
from entmin.engine.requests import Request
from entmin.engine.rows import BatchRow
from performance_page import print_table

SIDES = {"one pass": math.inf, f"passes of {MOST_READ:,}": MOST_READ}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--questions", type=int, default=48)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    loaded = load(options.model, dtype="float32", device="cpu")
    pack_weights(loaded.model)
    lines = (options.data / "gsm8k" / "test.jsonl").read_text().splitlines()[: options.questions]
    asked = [[{"role": "user", "content": json.loads(line)["question"]}] for line in lines]
    prompts = sorted((encode_chat(loaded, turns) for turns in asked), key=len)
    positions: dict[str, int] = {}
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    for _ in range(options.turns):
        for side, most in SIDES.items():
            batch, read = Batch(loaded), list[int]()
            batch.most_read = most
            hook = loaded.model.register_forward_pre_hook(
                lambda _, __, given, read=read: read.append(given["input_ids"].numel()), with_kwargs=True
            )
            start = time.perf_counter()
            batch.refill([BatchRow(Request(prompt)) for prompt in prompts])
            seconds[side].append(time.perf_counter() - start)
            hook.remove()
            positions[side] = sum(read)
            print(f"{side}: {seconds[side][-1]:.2f} s", flush=True)
    first, then = seconds.values()
    ratios = sorted(one / other for one, other in zip(first, then, strict=True))
    body = [[side, f"{positions[side]:,}", f"{median(taken):.2f}"] for side, taken in seconds.items()]
    caption = (
        f"{sum(map(len, prompts)):,} tokens; one pass takes {median(ratios):.2f} times as long "
        f"[{ratios[0]:.2f}, {ratios[-1]:.2f}], n = {options.turns} turns"
    )
    print_table(["side", "positions", "seconds"], body, f"{options.model}, {len(prompts)} prompts", caption)


if __name__ == "__main__":
    main()
