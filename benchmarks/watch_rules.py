"""How often the rules of the collapse watch fire: in simulated runs where nothing is wrong, and in ones that collapse.

    python benchmarks/watch_rules.py [--runs 1000] [--observations 100] [--write-docs] [CURVES ...]

A healthy run is a stream of all metrics with the noise that a batch of so many prompts with four samples each gives:
agreement and distinct answers are counted from drawn samples, length and entropy have log-normal noise that follows
itself (AR(1), 0.5), one gradient norm in twenty is ten times as large. "each rollout used four times" gives metrics of
rollouts every fourth step only, as runs/ does. CURVES are curves.jsonl files of real runs, whose alarms are listed.
Shares have 95 % Wilson intervals.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from entmin.jsonl import read_rows
from entmin.stats import wilson
from entmin.train.levels import RULES, WatchSettings
from entmin.train.rules import RuleEngine
from performance_page import DOCS, replace_section

N = 4
Row = dict[str, float]


def groups(chance: random.Random, prompts: int, sure: float) -> tuple[float, float]:
    """Mean agreement and mean distinct answers of prompts whose samples give the usual answer with chance `sure`."""
    agreements, distincts = [], []
    for _ in range(prompts):
        answers = [0 if chance.random() < sure else chance.randrange(1, 30) for _ in range(N)]
        agreements.append(max(map(answers.count, answers)) / N)
        distincts.append(len(set(answers)) / N)
    return sum(agreements) / prompts, sum(distincts) / prompts


def stream(
    chance: random.Random,
    observations: int,
    prompts: int,
    sure: Callable[[int], float],
    updates: int = 1,
    entropy: Callable[[int], float] = lambda i: 0.8 * math.exp(-0.005 * i),
    length: Callable[[int], float] = lambda i: 300.0,
    clipped: Callable[[int], float] = lambda i: 0.1,
) -> Iterator[Row]:
    """One run, a row per step; what is true of observation i is given by functions of i."""
    sway = {"entropy": 0.0, "length": 0.0}
    for i in range(observations):
        for name in sway:
            sway[name] = 0.5 * sway[name] + chance.gauss(0, 0.6 / math.sqrt(prompts))
        agreement, distinct = groups(chance, prompts, sure(i))
        cut = sum(chance.random() < clipped(i) for _ in range(N * prompts)) / (N * prompts)
        rollout = {
            "length": length(i) * math.exp(sway["length"]), "agreement": agreement, "distinct": distinct,
            "clipped": cut, "repetition": 0.08 * math.exp(chance.gauss(0, 0.3)), "reward_std": 0.1,
        }  # fmt: skip
        for update in range(updates):
            step = {
                "entropy": entropy(i) * math.exp(sway["entropy"]), "kl": 0.002 * i * math.exp(chance.gauss(0, 0.3)) / 2,
                "grad_norm": math.exp(chance.gauss(0, 0.4)) * (10 if chance.random() < 0.05 else 1),
            }  # fmt: skip
            yield step | (rollout if update == 0 else {})


Run = Callable[[random.Random, int], Iterator[Row]]
HEALTHY: dict[str, Run] = {
    "nothing changes, 16 prompts": lambda c, n: stream(c, n, 16, lambda i: 0.5),
    "nothing changes, 128 prompts": lambda c, n: stream(c, n, 128, lambda i: 0.5),
    "agreement rises by 10 points, 16 prompts": lambda c, n: stream(c, n, 16, lambda i: 0.5 + 0.1 * i / n),
    "agreement rises by 10 points, 128 prompts": lambda c, n: stream(c, n, 128, lambda i: 0.5 + 0.1 * i / n),
    "samples nearly all agree from the first on, 16 prompts": lambda c, n: stream(c, n, 16, lambda i: 0.9),
    "each rollout used four times, 16 prompts": lambda c, n: stream(c, n // 4, 16, lambda i: 0.5 + 0.1 * i / n, 4),
    "each rollout used four times, 128 prompts": lambda c, n: stream(c, n // 4, 128, lambda i: 0.5 + 0.1 * i / n, 4),
}
FALLS: dict[str, tuple[str, Run]] = {
    "entropy halves every 8 observations": (
        "entropy-floor", lambda c, n: stream(c, n, 16, lambda i: 0.5, entropy=lambda i: 0.8 * 0.5 ** (i / 8))),
    "entropy doubles every 20": (
        "entropy-growth", lambda c, n: stream(c, n, 16, lambda i: 0.5, entropy=lambda i: 0.8 * 2 ** (i / 20))),
    "all answers come to be cut": (
        "all-cut", lambda c, n: stream(c, n, 16, lambda i: 0.5, clipped=lambda i: min(1.0, 0.1 + 0.02 * i))),
    "answers shrink by 3 % each": (
        "length-collapse", lambda c, n: stream(c, n, 16, lambda i: 0.5, length=lambda i: 300 * 0.97**i)),
    "length falls to a sixth within two": (
        "sudden-collapse", lambda c, n: stream(c, n, 16, lambda i: 0.5, length=lambda i: 300 if i < 30 else 50)),
    "samples come to agree wholly": (
        "distinct-floor", lambda c, n: stream(c, n, 16, lambda i: min(1.0, 0.5 + 0.02 * i))),
    "agreement rises by 30 points in 30, then stays": (
        "agreement-plateau", lambda c, n: stream(c, n, 128, lambda i: 0.4 + 0.4 * min(1.0, i / 30))),
}  # fmt: skip


def alarms(rows: Iterator[Row]) -> dict[str, int]:
    """Rule to the step at which it fired."""
    engine = RuleEngine(WatchSettings(), N)
    for step, row in enumerate(rows, start=1):
        engine.update(step, row)
    return {alarm.rule: alarm.step for alarm in engine.alarms}


def share(count: int, runs: int) -> str:
    """A share with its interval, per cent."""
    low, high = wilson(count, runs)
    return f"{100 * count / runs:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def tables(runs: int, observations: int) -> Iterator[str]:
    """Both tables, line by line."""
    yield f"Runs of {observations} steps, {runs:,} each; % with 95 % interval."
    yield ""
    yield "| nothing is wrong | any rule fires | which |"
    yield "|---|---:|---|"
    for name, run in HEALTHY.items():
        found = [alarms(run(random.Random(f"{name}:{i}"), observations)) for i in range(runs)]
        each = {rule: sum(rule in one for one in found) for rule in RULES}
        which = ", ".join(f"{rule} {100 * count / runs:.1f}" for rule, count in each.items() if count)
        yield f"| {name} | {share(sum(map(bool, found)), runs)} | {which or 'none'} |"
    yield ""
    yield "| what happens | rule | heard | median step |"
    yield "|---|---|---:|---:|"
    for name, (rule, run) in FALLS.items():
        found = [alarms(run(random.Random(f"{name}:{i}"), observations)) for i in range(runs)]
        steps = sorted(one[rule] for one in found if rule in one)
        yield f"| {name} | `{rule}` | {share(len(steps), runs)} | {steps[len(steps) // 2] if steps else '-'} |"


def main() -> None:
    """Simulate, print, and list the alarms of recorded curves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--observations", type=int, default=100)
    parser.add_argument("--write-docs", action="store_true")
    parser.add_argument("curves", nargs="*", type=Path)
    options = parser.parse_args()
    lines = []
    for line in tables(options.runs, options.observations):
        print(line, flush=True)
        lines.append(line)
    for path in options.curves:
        engine = RuleEngine(WatchSettings(), N)
        for row in read_rows(path):
            engine.update(int(row["step"]), row)
        print(f"{path.parent.name}: " + (", ".join(f"{a.rule} at {a.step}" for a in engine.alarms) or "none"))
    if options.write_docs:
        replace_section(DOCS / "training.md", "watch rules", "\n".join(lines))


if __name__ == "__main__":
    main()
