"""Training runs side by side: held-out accuracy by step, each paired with the untrained model on the same problems.

    python benchmarks/training_runs.py RUN_FOLDER ... [--figure FILE.svg]

The folders are outputs of `entmin train ... --eval-every K`. A difference is to step 0 of the same run, over problems
(each the mean of its samples), with Student's t interval; p-values are sign-flip, corrected by Holm over all rows.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

from entmin.jsonl import read_rows
from entmin.report.training_figure import draw
from entmin.stats.estimates import avg_at_k
from entmin.stats.paired import PairedDifference, holm, paired_difference


def verdicts(folder: Path, step: int, shorter: float = math.inf) -> dict[str, list[bool | None]]:
    """Problem id to the verdicts of its samples of fewer tokens than `shorter`, the greedy answer left out."""
    found: dict[str, list[bool | None]] = {}
    for line in (folder / "evals" / f"step-{step}.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["sample"] != "greedy" and row["tokens"] < shorter:
            found.setdefault(row["id"], []).append(row["correct"])
    return found


def ended(folder: Path, step: int) -> str:
    """Percent right among the samples that were not cut off, over the problems that have one; their number."""
    limit = json.loads((folder / "run.json").read_text())["max_tokens"]
    found = avg_at_k(verdicts(folder, step, limit))
    return f"{share(found.to_dict())} ({found.n})"


def share(estimate: dict[str, Any]) -> str:
    """Percent with its interval."""
    return f"{100 * estimate['value']:.1f} [{100 * estimate['low']:.1f}, {100 * estimate['high']:.1f}]"


def main() -> None:
    """Print the table, draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--figure", type=Path)
    arguments = parser.parse_args()
    rows: list[tuple[Path, dict[str, Any], PairedDifference | None]] = []
    for folder in arguments.folders:
        for row in read_rows(folder / "evals.jsonl"):
            step = row["step"]
            paired = paired_difference(verdicts(folder, step), verdicts(folder, 0)) if step else None
            rows.append((folder, row, paired))
    corrected = iter(holm([paired.p_value for _, _, paired in rows if paired]))
    k = rows[0][1]["k"]
    print(
        f"| run | step | pass@1 % | difference, points | p (Holm) | pass@{k} % | greedy % | entropy | length | cut % "
        "| of those that ended % (problems) |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for folder, row, paired in rows:
        change, p = "", ""
        if paired:
            low, high = 100 * paired.low, 100 * paired.high
            change, p = f"{100 * paired.difference:+.1f} [{low:+.1f}, {high:+.1f}]", f"{next(corrected):.3f}"
        print(
            f"| {folder.name} | {row['step']} | {share(row['pass@1'])} | {change} | {p} | {share(row[f'pass@{k}'])} | "
            f"{share(row['greedy'])} | {row['entropy']:.2f} | {row['length']:.0f} | {100 * row['clipped']:.0f} "
            f"| {ended(folder, row['step'])} |"
        )
    print(f"\nn = {rows[0][1]['problems']} problems, {k} samples each and one greedy answer.")
    if arguments.figure:
        draw({folder.name: folder for folder in arguments.folders}, arguments.figure)


if __name__ == "__main__":
    main()
