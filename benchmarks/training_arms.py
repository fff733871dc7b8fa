"""Arms of a training experiment, tested directly: one reward with several seeds against each control, at one step.

    python benchmarks/training_arms.py --step 16 --reward RUN_FOLDER ... --control RUN_FOLDER ...

The folders are outputs of `entmin train ... --eval-every STEP` on the same held-out problems. A difference over
problems takes the reward's seeds as further samples of each problem; one over seeds is Student's t interval of each
seed's accuracy less the control's, so that it says nothing about other problems and nothing about the control's seeds.
P-values are sign-flip over problems, corrected by Holm over all rows of this table.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from scipy.stats import ttest_1samp

from entmin.report.page.exports import as_markdown
from entmin.report.table import Table
from entmin.report.training import answers, sampled_verdicts
from entmin.report.words import difference_cells, percent_cell
from entmin.stats import avg_at_k, holm, paired_difference
from entmin.stats.estimates import Runs


def greedy_verdicts(folder: Path, step: int) -> Runs:
    """Problem id to the verdict of its greedy answer."""
    return {row["id"]: [row["correct"]] for row in answers(folder, step) if row["sample"] == "greedy"}


def pooled(found: Sequence[Runs]) -> Runs:
    """The samples of several runs as samples of one."""
    return {problem: [verdict for one in found for verdict in one[problem]] for problem in found[0]}


def over_seeds(runs: Sequence[Runs], baseline: Runs) -> str:
    """Mean difference of the seeds' accuracies from the baseline's, with Student's t interval."""
    reached = [avg_at_k(one).value - avg_at_k(baseline).value for one in runs]
    if len(reached) < 2:
        return "one seed"
    interval = ttest_1samp(reached, 0).confidence_interval()
    mean, low, high = (100 * value for value in (fmean(reached), interval.low, interval.high))
    return f"{mean:+.1f} [{low:+.1f}, {high:+.1f}] (n = {len(reached)})"


def runs_table(folders: Sequence[Path], step: int) -> Table:
    """Accuracy of each run before and at the step, sampled and greedy."""
    columns = ("run", "step 0 %", f"step {step} %", "greedy, step 0 %", f"greedy, step {step} %")
    cells = [
        [percent_cell(avg_at_k(of(folder, at))) for of in (sampled_verdicts, greedy_verdicts) for at in (0, step)]
        for folder in folders
    ]
    return Table("", columns, tuple((folder.name, *row) for folder, row in zip(folders, cells, strict=True)))


def differences_table(rewarded: Sequence[Path], controls: Sequence[Path], step: int) -> Table:
    """The reward's seeds together against their start, each control, and the untrained model's greedy answers."""
    runs = [sampled_verdicts(folder, step) for folder in rewarded]
    baselines = {
        "its own step 0": pooled([sampled_verdicts(folder, 0) for folder in rewarded]),
        **{folder.name: sampled_verdicts(folder, step) for folder in controls},
        "greedy, step 0": greedy_verdicts(rewarded[0], 0),
    }
    found = {name: paired_difference(pooled(runs), baseline) for name, baseline in baselines.items()}
    corrected = holm([one.p_value for one in found.values()])
    rows = []
    for (name, one), p in zip(found.items(), corrected, strict=True):
        points, shown = difference_cells(one, p)
        rows.append((name, f"{points} (n = {one.n})", shown, over_seeds(runs, baselines[name])))
    return Table("", ("reward less", "over problems, points", "p (Holm)", "over seeds, points"), tuple(rows))


def main() -> None:
    """Print the table of runs, then the table of differences."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--step", type=int, required=True)
    parser.add_argument("--reward", nargs="+", type=Path, required=True)
    parser.add_argument("--control", nargs="+", type=Path, default=[])
    arguments = parser.parse_args()
    print(as_markdown(runs_table([*arguments.reward, *arguments.control], arguments.step)))
    print(as_markdown(differences_table(arguments.reward, arguments.control, arguments.step)))


if __name__ == "__main__":
    main()
