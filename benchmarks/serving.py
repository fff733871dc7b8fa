"""Serving speed: tokens per second with and without EM-INF on every row, on each engine, and the published way.

    python benchmarks/serving.py [--model smollm2-135m] [--concurrency 1 8 32 64] [--tokens 32] [--blocks 3]
    python benchmarks/serving.py --smoke          one small round of everything, to see that it runs

Engines, each in a process of its own: vLLM with `entmin.hosts.vllm:EntropyMinimizer` loaded; our engine on
transformers; and the published way, one prompt at a time through `generate` with a new torch.optim.Adam under autograd
at every token. Run it from the environment that `make vllm-test` sets up; without vLLM that engine is left out, and the
title says so.

A block is plain, EM-INF, EM-INF, plain, so that a drift of the machine cancels; its two halves give two ratios. Every
answer has the full number of tokens, sampled at temperature 1. Figures are geometric means, with 95 % t intervals over
the logarithms of ratios (n pairs), or of rates where two engines are compared (Welch).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy import stats
from transformers import AutoTokenizer

from entmin.engine.aliases import ALIASES, fetch
from entmin.engine.engine import Engine
from entmin.engine.loading import load
from entmin.methods import EmInf, Normal
from generate import PublishedEmInf, engine, hf, questions
from performance_page import print_table, write_section

Run = Callable[[int, int, bool], int]
"""(concurrent requests, tokens each, with EM-INF) to the number of tokens made."""
Rates = dict[int, list[tuple[float, float]]]
"""Concurrent requests to pairs of tokens per second: plain, and with EM-INF."""


class Plan(NamedTuple):
    """What every engine is asked to do."""

    model: str
    prompts: list[list[int]]
    concurrency: list[int]
    tokens: int
    blocks: int
    threads: int


def rates(run: Run, plan: Plan) -> Rates:
    """Time all blocks, after one untimed round of each arm."""
    found: Rates = {}
    for count in plan.concurrency:
        found[count] = []
        run(count, max(2, plan.tokens // 4), False)
        run(count, max(2, plan.tokens // 4), True)
        for _ in range(plan.blocks):
            a, b, c, d = (timed(run, count, plan.tokens, arm) for arm in (False, True, True, False))
            found[count] += [(a, b), (d, c)]
    return found


def timed(run: Run, count: int, tokens: int, em_inf: bool) -> float:
    """Tokens per second of one round."""
    start = time.perf_counter()
    return run(count, tokens, em_inf) / (time.perf_counter() - start)


def vllm_rates(plan: Plan) -> Rates:
    """vLLM, offline: all requests handed over at once, which its scheduler runs together."""
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", f"0-{plan.threads - 1}")
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    from vllm import LLM, SamplingParams

    llm = LLM(
        plan.model,
        enforce_eager=not torch.cuda.is_available(),
        max_model_len=1024,
        max_num_seqs=max(plan.concurrency),
        logits_processors=["entmin.hosts.vllm:EntropyMinimizer"],
    )

    def run(count: int, tokens: int, em_inf: bool) -> int:
        args = EmInf().to_args() if em_inf else None
        params = SamplingParams(temperature=1, max_tokens=tokens, ignore_eos=True, extra_args=args)
        prompts = [{"prompt_token_ids": prompt} for prompt in plan.prompts[:count]]
        return sum(len(done.outputs[0].token_ids) for done in llm.generate(prompts, params, use_tqdm=False))

    found = rates(run, plan)
    llm.llm_engine.engine_core.shutdown()  # or this process would wait for its children, and they for it
    return found


def transformers_rates(plan: Plan) -> Rates:
    """Our engine, in process."""
    torch.set_num_threads(plan.threads)
    loaded = load(plan.model)
    loaded.eos = frozenset()
    running = Engine(loaded, batch_size=max(plan.concurrency))
    found = rates(lambda n, tokens, on: engine(running, plan.prompts[:n], tokens, EmInf() if on else Normal()), plan)
    running.close()
    return found


def published_rates(plan: Plan) -> Rates:
    """The published way, which knows batch 1 only."""
    torch.set_num_threads(plan.threads)
    loaded = load(plan.model)
    loaded.eos = frozenset()
    loaded.model.generation_config.eos_token_id = None

    def run(_: int, tokens: int, em_inf: bool) -> int:
        return hf(loaded, plan.prompts[:1], tokens, [PublishedEmInf()] if em_inf else [])

    return rates(run, plan._replace(concurrency=[1]))


def with_interval(logs: np.ndarray) -> str:
    """Geometric mean of a sample given as logarithms, and its 95 % t interval."""
    half = stats.sem(logs) * stats.t.ppf(0.975, len(logs) - 1)
    return between(logs.mean(), half)


def against(ours: np.ndarray, theirs: np.ndarray) -> str:
    """Ratio of the geometric means of two independent samples given as logarithms, with Welch's 95 % interval."""
    interval = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval()
    return between(ours.mean() - theirs.mean(), (interval.high - interval.low) / 2)


def between(center: float, half: float) -> str:
    """A figure and its interval, from logarithms."""
    figures = [math.exp(x) for x in (center, center - half, center + half)]
    digits = 1 if figures[0] >= 10 else 3
    return "{:.{d}f} [{:.{d}f}, {:.{d}f}]".format(*figures, d=digits)


ENGINES = {"published": published_rates, "transformers": transformers_rates, "vllm": vllm_rates}


CAPTION = "Geometric means with 95 % intervals; a pair is a round of plain decoding and one of EM-INF, n pairs."
HEADER = ["engine", "concurrent", "plain tok/s", "EM-INF tok/s", "EM-INF / plain", "EM-INF / published", "n"]


def table_rows(results: dict[str, Rates]) -> list[list[str]]:
    """One row per engine and number of concurrent requests."""
    published = np.log([rate for _, rate in results["published"][1]])
    rows = []
    for name, found in results.items():
        for count, pairs in found.items():
            plain, em_inf = np.log(np.array(pairs)).T
            times = "1" if name == "published" else against(em_inf, published)
            shown = with_interval(plain), with_interval(em_inf), with_interval(em_inf - plain), times
            rows.append([name, str(count), *shown, str(len(pairs))])
    return rows


def device_name(threads: int) -> str:
    """What is measured on."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {threads} threads"


def plan_of(args: argparse.Namespace) -> Plan:
    """The model's folder and the prompts for the options of the command line."""
    folder = str(fetch(args.model)) if args.model in ALIASES else args.model
    tokenizer = AutoTokenizer.from_pretrained(folder)
    chats = [[{"role": "user", "content": question}] for question in questions(max(args.concurrency))]
    prompts = [tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False) for chat in chats]
    return Plan(folder, prompts, args.concurrency, args.tokens, args.blocks, args.threads)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 8, 32, 64])
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--blocks", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--json", type=Path, help="also write the rates here")
    parser.add_argument(
        "--write-docs", metavar="SECTION", help="put the table into that section of docs/performance.md"
    )
    args = parser.parse_args()
    if args.smoke:
        args.concurrency, args.tokens, args.blocks = [1, 4], 6, 1
    plan = plan_of(args)
    names = [name for name in ENGINES if name != "vllm" or importlib.util.find_spec("vllm")]
    title = f"{args.model} on {device_name(args.threads)}, {args.tokens} tokens an answer" + (
        "" if "vllm" in names else "; no vLLM here"
    )
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as processes:
        results = {}
        for name in names:
            print(f"measuring {name} ...", file=sys.stderr, flush=True)
            results[name] = processes.submit(ENGINES[name], plan).result()
    rows = table_rows(results)
    print_table(HEADER, rows, title)
    if args.json:
        args.json.write_text(json.dumps({"setting": title, "pairs": results}, indent=2) + "\n")
    if args.write_docs:
        write_section(args.write_docs, title, HEADER, rows, CAPTION)


if __name__ == "__main__":
    main()
