"""What EM-INF adds to decoding: the engine with and without it, taking turns in one process.

    python benchmarks/engine_cost.py [--model FOLDER] [--above 1.0] [--requests 32] [--tokens 48] [--turns 6]
        [--threads N] [--json FILE] [--write-docs]

Without --model: random weights in the shape of Qwen2.5-0.5B (V = 151,936), bfloat16 on a CPU that has instructions for
it. Cost does not depend on what the weights say but for the share of tokens above the threshold, so the random model's
output weights are scaled until that share is near --above (on real answers 0.2 to 0.4 is common; 1 is the worst case).
Every answer runs to the full number of tokens at temperature 1. The cost is the ratio of times minus one, with
a 95 % interval over pairs of neighbouring turns (Student's t on log ratios).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats
from transformers import Qwen2Config, Qwen2ForCausalLM

from entmin.engine.attention import use_decode_attention
from entmin.engine.engine import Engine
from entmin.engine.loading import LoadedModel, default_device, default_dtype, load
from entmin.engine.requests import Completion, Request
from entmin.methods import EmInf, Method, Normal
from performance_page import write_section

SHAPE = Qwen2Config(
    vocab_size=151_936,
    hidden_size=896,
    intermediate_size=4_864,
    num_hidden_layers=24,
    num_attention_heads=14,
    num_key_value_heads=2,
    max_position_embeddings=32_768,
    tie_word_embeddings=False,
)
PROMPT = 16


class NoTokenizer:
    """Random weights have no words."""

    def decode(self, *_: Any, **__: Any) -> str:
        """Nothing."""
        return ""


def random_model(above: float) -> LoadedModel:
    """Random weights in the shape of Qwen2.5-0.5B, about `above` of whose next tokens are above 0.3 nat."""
    torch.manual_seed(0)
    device = default_device()
    kind = default_dtype(device)
    model = Qwen2ForCausalLM(SHAPE).to(device, kind).eval().requires_grad_(False)
    if device.type == "cpu":
        use_decode_attention(model)
    with torch.inference_mode():
        ids = torch.randint(SHAPE.vocab_size, (4, PROMPT), device=device)
        logits = model(ids).logits.flatten(0, 1).float()
        low, high = 1.0, 1e5
        for _ in range(30):
            scale = math.sqrt(low * high)
            share = float((torch.special.entr((logits * scale).softmax(-1)).sum(-1) >= 0.3).float().mean())
            low, high = (scale, high) if share > above else (low, scale)
        model.get_output_embeddings().weight.mul_(low)
    return LoadedModel(
        "random weights in the shape of Qwen2.5-0.5B", model, NoTokenizer(), device, kind, "", frozenset(), 32_768
    )


def decode(
    engine: Engine, method: Method, requests: int, tokens: int, vocabulary: int
) -> tuple[float, list[Completion]]:
    """Seconds for that many concurrent requests, and the answers."""
    draw = np.random.default_rng(0)
    asked = [
        Request(draw.integers(0, vocabulary, PROMPT).tolist(), method, max_tokens=tokens, seed=i, token_entropies=True)
        for i in range(requests)
    ]
    start = time.perf_counter()
    answers = engine.generate(asked)
    return time.perf_counter() - start, answers


def measure(loaded: LoadedModel, requests: int, tokens: int, turns: int) -> dict[str, Any]:
    """Take turns; seconds of each turn, and the cost with its interval."""
    loaded.eos = frozenset()
    engine = Engine(loaded, batch_size=requests)
    vocabulary = loaded.model.config.get_text_config(decoder=True).vocab_size
    seconds: dict[str, list[float]] = {"plain": [], "em_inf": []}
    above = 0.0
    try:
        for turn in range(turns + 1):
            order = ("plain", "em_inf") if turn % 2 else ("em_inf", "plain")
            for name in order:
                method = EmInf() if name == "em_inf" else Normal()
                took, answers = decode(engine, method, requests, tokens, vocabulary)
                if turn:  # the first is a warm-up
                    seconds[name].append(took)
                if name == "em_inf":
                    above = float(np.mean([h >= EmInf().threshold for a in answers for h in a.before]))
    finally:
        engine.close()
    ratios = np.log(np.array(seconds["em_inf"]) / np.array(seconds["plain"]))
    half = stats.t.ppf(0.975, turns - 1) * ratios.std(ddof=1) / math.sqrt(turns) if turns > 1 else math.nan
    cost = [100 * math.expm1(x) for x in (ratios.mean(), ratios.mean() - half, ratios.mean() + half)]
    return {"seconds": seconds, "cost_percent": cost, "above": above, "turns": turns}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="folder, alias or Hub id; without it, random weights")
    parser.add_argument("--above", type=float, default=1.0, help="share of tokens above the threshold, random weights")
    parser.add_argument("--requests", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write-docs", action="store_true", help="put the figures into docs/performance.md")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    loaded = load(options.model) if options.model else random_model(options.above)
    result = measure(loaded, options.requests, options.tokens, options.turns)
    kind = str(loaded.dtype).removeprefix("torch.")
    where = torch.cuda.get_device_name() if loaded.device.type == "cuda" else f"{platform.machine()} CPU"
    title = f"{loaded.name}, {kind}; {where}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    count = options.requests * options.tokens
    speeds = [f"{count / float(np.median(result['seconds'][name])):.1f}" for name in ("plain", "em_inf")]
    cost = "{:+.1f} % [{:+.1f}, {:+.1f}]".format(*result["cost_percent"])
    header = ["concurrent", "tokens each", "pairs of turns", "above 0.3 nat", "tokens/s plain", "with EM-INF", "cost"]
    row = [str(options.requests), str(options.tokens), str(options.turns), f"{result['above']:.0%}", *speeds, cost]
    print(title)
    for label, value in zip(header, row, strict=True):
        print(f"  {label:<16} {value}")
    if options.json:
        settings = {name: value for name, value in vars(options).items() if name not in ("json", "write_docs")}
        method = dataclasses.asdict(EmInf())
        options.json.write_text(json.dumps({"title": title, **settings, "em_inf": method, **result}, indent=1) + "\n")
    if options.write_docs:
        write_section("engine_cost", title, header, [row], "Median tokens per second; cost with a 95 % interval.")


if __name__ == "__main__":
    main()
