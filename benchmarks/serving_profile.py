"""Where the cost of EM-INF in vLLM goes: per cent of a round without the processor, by number of concurrent requests.

    python benchmarks/serving_profile.py [--model smollm2-135m] [--concurrency 8 16 32 64] [--tokens 32] [--blocks 6]
    python benchmarks/serving_profile.py --smoke          one small block, to see that it runs

Two engines, one without the processor ("bare") and one with it. A block of rounds is

    bare, plain, EM-INF, EM-INF, plain, bare

so that a drift of the machine cancels; "plain" requests go to the engine with the processor and ask for nothing. Each
half of a block gives one figure for each line, in per cent of its bare round:

- interface: plain less bare: what vLLM and the processor do for requests that do not ask;
- apply: seconds inside `EntropyMinimizer.apply`, by its own counters (those of a server's `/metrics`);
- plan: seconds of following rows (`update_state`), by its counters;
- rest: what EM-INF takes more than plain, less apply and less plan's growth: caches, threads, the sampler after it;
- all: EM-INF less bare.

Figures are means with 95 % t intervals over half blocks (n). Run it in the environment of `make vllm-test`.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from entmin.counters import VARIABLE, Counted, counted
from entmin.methods import EmInf
from performance_page import print_table, write_section
from serving import Plan, device_name, plan_of

ROUNDS = ("bare", "plain", "EM-INF")
LINES = ("interface", "apply", "plan", "rest", "all")


class Round(NamedTuple):
    """Wall-clock seconds of one round, and what the processor counted in it."""

    seconds: float
    counted: Counted


def engines(plan: Plan, folder: str) -> dict[str, Any]:
    """An engine without the processor and one with it; only the second one's processes know the counters' folder."""
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", f"0-{plan.threads - 1}")
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    import torch
    from vllm import LLM

    common: dict[str, Any] = {
        "model": plan.model,
        "enforce_eager": not torch.cuda.is_available(),
        "max_model_len": 1024,
        "max_num_seqs": max(plan.concurrency),
        "gpu_memory_utilization": 0.4,
    }
    found = {"bare": LLM(**common)}
    os.environ[VARIABLE] = folder
    found["with"] = LLM(**common, logits_processors=["entmin.hosts.vllm:EntropyMinimizer"])
    return found


def run(llms: dict[str, Any], plan: Plan, kind: str, count: int, folder: Path) -> Round:
    """One round: all requests handed over at once, each answer of its full length."""
    from vllm import SamplingParams

    args = EmInf().to_args() if kind == "EM-INF" else None
    params = SamplingParams(temperature=1, max_tokens=plan.tokens, ignore_eos=True, extra_args=args)
    prompts = [{"prompt_token_ids": prompt} for prompt in plan.prompts[:count]]
    before, start = counted(folder), time.perf_counter()
    llms["bare" if kind == "bare" else "with"].generate(prompts, params, use_tqdm=False)
    seconds, after = time.perf_counter() - start, counted(folder)
    return Round(seconds, Counted(*(b - a for a, b in zip(before, after, strict=True))))


def shares(bare: Round, plain: Round, em_inf: Round) -> dict[str, float]:
    """The lines of one half block, in per cent of its bare round."""
    apply, plan = em_inf.counted.seconds, em_inf.counted.planning
    interface = plain.seconds - bare.seconds
    rest = em_inf.seconds - plain.seconds - apply - (plan - plain.counted.planning)
    figures = (interface, apply, plan, rest, em_inf.seconds - bare.seconds)
    return {name: 100 * figure / bare.seconds for name, figure in zip(LINES, figures, strict=True)}


def measure(plan: Plan) -> dict[int, list[dict[str, Any]]]:
    """Half blocks by number of concurrent requests, after one round of each kind that is not counted."""
    found: dict[int, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        llms = engines(plan, folder)
        for count in plan.concurrency:
            found[count] = []
            for kind in ROUNDS:
                run(llms, plan, kind, count, Path(folder))
            for _ in range(plan.blocks):
                rounds = [run(llms, plan, kind, count, Path(folder)) for kind in (*ROUNDS, *reversed(ROUNDS))]
                for half in (rounds[:3], rounds[:2:-1]):
                    found[count].append({"rounds": [one._asdict() for one in half], "shares": shares(*half)})
        for llm in llms.values():
            llm.llm_engine.engine_core.shutdown()
    return found


HEADER = ["concurrent", "ms a step, bare", "rows a step", "µs a row", *(f"{line}, %" for line in LINES), "n"]
CAPTION = (
    "Per cent of a bare round, means with 95 % intervals over half blocks (n). A step is a batch in which EM-INF was "
    "applied; µs a row are seconds in apply by rows adjusted."
)


def table_rows(found: dict[int, list[dict[str, Any]]]) -> list[list[str]]:
    """One row for each number of concurrent requests."""
    rows = []
    for count, halves in found.items():
        bare, em_inf = (np.array([half["rounds"][n]["seconds"] for half in halves]) for n in (0, 2))
        done = [half["rounds"][2]["counted"] for half in halves]
        steps = np.array([one.batches for one in done])
        shown = [with_interval(np.array([half["shares"][line] for half in halves]), 1) for line in LINES]
        step = f"{1e3 * np.mean(bare / steps):.1f}"
        adjusted, seconds = sum(one.rows for one in done), sum(one.seconds for one in done)
        each = f"{adjusted / steps.sum():.1f}", f"{1e6 * seconds / adjusted:.0f}"
        rows.append([str(count), step, *each, *shown, str(len(em_inf))])
    return rows


def with_interval(figures: np.ndarray, digits: int) -> str:
    """Mean and its 95 % t interval."""
    half = stats.sem(figures) * stats.t.ppf(0.975, len(figures) - 1)
    mean = figures.mean()
    return f"{mean:.{digits}f} [{mean - half:.{digits}f}, {mean + half:.{digits}f}]"


def main() -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[8, 16, 32, 64])
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--json", type=Path, help="also write every round here")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/performance.md")
    args = parser.parse_args()
    if args.smoke:
        args.concurrency, args.tokens, args.blocks = [4], 6, 1
    found = measure(plan_of(args))
    rows = table_rows(found)
    title = f"{args.model} on {device_name(args.threads)}, {args.tokens} tokens an answer"
    print_table(HEADER, rows, title)
    if args.json:
        args.json.write_text(json.dumps({"setting": title, "halves": found}, indent=1) + "\n")
    if args.write_docs:
        write_section("serving_profile", title, HEADER, rows, CAPTION)


if __name__ == "__main__":
    main()
