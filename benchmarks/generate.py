"""Decoding speed: tokens per second of a whole model, the published way and ours, in one run.

    python benchmarks/generate.py [--model smollm2-135m] [--tokens 48] [--requests 32] [--threads N] [--json FILE]

1. transformers generate, batch 1: plain decoding, no method.
2. The published way: batch 1, and at every token a new torch.optim.Adam over the logits under autograd.
3. transformers generate, one padded batch, with and without `EntropyLogitsProcessor(EmInf())`.
4. The engine with that many concurrent requests, with and without EM-INF.

Every answer runs to the full number of tokens (end-of-sequence is ignored), sampled at temperature 1. A figure is the
median of three repetitions after a warm-up, in a process of its own; batch-1 rows decode a quarter of the tokens.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from transformers import LogitsProcessor, LogitsProcessorList

from entmin.engine.engine import Engine
from entmin.engine.loading import LoadedModel, load
from entmin.engine.prompts import encode_chat
from entmin.engine.requests import Request
from entmin.hosts.transformers import EntropyLogitsProcessor
from entmin.methods import EmInf, Method, Normal
from entmin.tasks.arithmetic import problem_stream
from published import autograd_em_inf


def questions(count: int) -> list[str]:
    """Sums and products of two numbers."""
    return [item.question for item in islice(problem_stream("basic_arithmetic", 0, 2, 2), count)]


class PublishedEmInf(LogitsProcessor):
    """EM-INF as published: autograd and a fresh optimizer object for every token."""

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Optimise each row; `generate` runs without gradients, which are switched on for it."""
        with torch.inference_mode(False), torch.enable_grad():
            return autograd_em_inf(scores.clone(), **dataclasses.asdict(EmInf()))


def hf(loaded: LoadedModel, prompts: list[list[int]], tokens: int, processors: list[LogitsProcessor]) -> int:
    """Decode prompts as one left-padded batch; returns the number of new tokens."""
    width = max(map(len, prompts))
    pad = loaded.tokenizer.pad_token_id or 0
    ids = torch.tensor([[pad] * (width - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    out = loaded.model.generate(
        ids.to(loaded.device),
        attention_mask=mask.to(loaded.device),
        do_sample=True,
        top_k=0,
        top_p=1.0,
        max_new_tokens=tokens,
        logits_processor=LogitsProcessorList(processors),
        pad_token_id=pad,
    )
    return (out.shape[1] - width) * len(prompts)


def engine(running: Engine, prompts: list[list[int]], tokens: int, method: Method) -> int:
    """Decode prompts as concurrent requests."""
    asked = [Request(prompt, method, max_tokens=tokens, seed=i) for i, prompt in enumerate(prompts)]
    return sum(len(done.tokens) for done in running.generate(asked))


def rate(run: Callable[[], int], repetitions: int = 3) -> float:
    """Median tokens per second."""
    run()
    found = []
    for _ in range(repetitions):
        start = time.perf_counter()
        found.append(run() / (time.perf_counter() - start))
    return statistics.median(found)


def ways(requests: int) -> list[str]:
    """Names of the rows, in order."""
    return [
        "generate, batch 1, plain",
        "generate, batch 1, published EM-INF (autograd + Adam)",
        "generate, batch 1, EntropyLogitsProcessor(EmInf())",
        f"generate, batch {requests}, plain",
        f"engine, {requests} concurrent, plain",
        f"engine, {requests} concurrent, EM-INF",
    ]


def measure(way: int, model: str, dtype: str, requests: int, tokens: int, threads: int | None) -> tuple[float, str]:
    """Tokens per second of one way, and the setting; runs in a process of its own, so that no way disturbs another."""
    if threads:
        torch.set_num_threads(threads)
    loaded = load(model, dtype=dtype)
    chats = [[{"role": "user", "content": question}] for question in questions(requests)]
    prompts = [encode_chat(loaded, chat) for chat in chats]
    short = max(8, tokens // 4)
    loaded.eos = frozenset()  # nothing ends an answer early, in either way of decoding
    loaded.model.generation_config.eos_token_id = None
    running = Engine(loaded, batch_size=requests)
    run: list[Callable[[], int]] = [
        lambda: hf(loaded, prompts[:1], short, []),
        lambda: hf(loaded, prompts[:1], short, [PublishedEmInf()]),
        lambda: hf(loaded, prompts[:1], short, [EntropyLogitsProcessor(EmInf())]),
        lambda: hf(loaded, prompts, tokens, []),
        lambda: engine(running, prompts, tokens, Normal()),
        lambda: engine(running, prompts, tokens, EmInf()),
    ]
    found = rate(run[way])
    running.close()
    kind = str(loaded.dtype).removeprefix("torch.")
    return found, f"{model}, {kind} on {loaded.device}, {torch.get_num_threads()} threads"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--requests", type=int, default=32)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    names = ways(args.requests)
    results: dict[str, float] = {}
    title = ""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as processes:
        for way, name in enumerate(names):
            job = processes.submit(measure, way, args.model, args.dtype, args.requests, args.tokens, args.threads)
            results[name], title = job.result()
    published = results[names[1]]
    table = Table("way of decoding", "tokens/s", "times the published way", title=title, title_justify="left")
    for name, value in results.items():
        table.add_row(name, f"{value:.1f}", f"{value / published:.2f}")
    Console(width=110).print(table)
    if args.json:
        args.json.write_text(json.dumps({"setting": title, "tokens_per_second": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
