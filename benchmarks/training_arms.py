"""Arms of a training experiment, tested directly: one reward with several seeds against each control, at one step.

    python benchmarks/training_arms.py --step 16 --reward RUN_FOLDER ... --control RUN_FOLDER ...

The folders are outputs of `entmin train ... --eval-every STEP` on the same held-out problems. A difference over
problems takes the reward's seeds as further samples of each problem; one over seeds is Student's t interval of each
seed's accuracy less the control's, so that it says nothing about other problems and nothing about the control's seeds.
P-values are sign-flip over problems, corrected by Holm over all rows of this table.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from scipy.stats import ttest_1samp

from entmin.stats import avg_at_k, holm, paired_difference

Verdicts = dict[str, list[bool | None]]


def verdicts(folder: Path, step: int, *, greedy: bool = False) -> Verdicts:
    """Problem id to the verdicts of its samples, or of its greedy answer alone."""
    found: Verdicts = {}
    for line in (folder / "evals" / f"step-{step}.jsonl").read_text().splitlines():
        row = json.loads(line)
        if (row["sample"] == "greedy") == greedy:
            found.setdefault(row["id"], []).append(row["correct"])
    return found


def pooled(found: Sequence[Verdicts]) -> Verdicts:
    """The samples of several runs as samples of one."""
    return {problem: [verdict for one in found for verdict in one[problem]] for problem in found[0]}


def points(value: float, low: float, high: float, sign: str = "") -> str:
    """Percentage points with their interval."""
    return f"{100 * value:{sign}.1f} [{100 * low:{sign}.1f}, {100 * high:{sign}.1f}]"


def accuracy(found: Verdicts) -> str:
    """Percent right with its interval over problems."""
    estimate = avg_at_k(found)
    return points(estimate.value, estimate.low, estimate.high)


def over_seeds(runs: Sequence[Verdicts], baseline: Verdicts) -> str:
    """Mean difference of the seeds' accuracies from the baseline's, with Student's t interval."""
    reached = [avg_at_k(one).value - avg_at_k(baseline).value for one in runs]
    if len(reached) < 2:
        return "one seed"
    interval = ttest_1samp(reached, 0).confidence_interval()
    return f"{points(fmean(reached), interval.low, interval.high, '+')} (n = {len(reached)})"


def main() -> None:
    """Print the table of runs, then the table of differences."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--step", type=int, required=True)
    parser.add_argument("--reward", nargs="+", type=Path, required=True)
    parser.add_argument("--control", nargs="+", type=Path, default=[])
    arguments = parser.parse_args()
    step = arguments.step
    print(f"| run | step 0 % | step {step} % | greedy, step 0 % | greedy, step {step} % |\n|---|---:|---:|---:|---:|")
    for folder in (*arguments.reward, *arguments.control):
        cells = [accuracy(verdicts(folder, at, greedy=greedy)) for greedy in (False, True) for at in (0, step)]
        print(f"| {folder.name} | {' | '.join(cells)} |")
    runs = [verdicts(folder, step) for folder in arguments.reward]
    baselines = {
        "its own step 0": pooled([verdicts(folder, 0) for folder in arguments.reward]),
        **{folder.name: verdicts(folder, step) for folder in arguments.control},
        "greedy, step 0": verdicts(arguments.reward[0], 0, greedy=True),
    }
    found = {name: paired_difference(pooled(runs), baseline) for name, baseline in baselines.items()}
    corrected = holm([one.p_value for one in found.values()])
    print("\n| reward less | over problems, points | p (Holm) | over seeds, points |\n|---|---:|---:|---:|")
    for (name, one), p in zip(found.items(), corrected, strict=True):
        problems = f"{points(one.difference, one.low, one.high, '+')} (n = {one.n})"
        shown = "<0.001" if p < 0.001 else f"{p:.3f}"
        print(f"| {name} | {problems} | {shown} | {over_seeds(runs, baselines[name])} |")


if __name__ == "__main__":
    main()
