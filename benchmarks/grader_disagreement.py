"""Where our grader and the published rules differ, and whether our grader passes its own exam.

Every gold is rewritten so that it stays right and corrupted so that it becomes wrong (`entmin.grading.rewrites`). With
``ENTMIN_DATA`` (or ``--data-dir``) the golds are those of the data sets, else a small built-in sample.

    ENTMIN_DATA=... python benchmarks/grader_disagreement.py [--workers 2] [--every 1] [--tasks math500,aime]
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import entmin.grading as grading
from entmin.grading import Gold
from entmin.grading.rewrites import named_corruptions, named_rewritings
from entmin.tasks.answers import gold_for
from entmin.tasks.registry import benchmark

SETS = {
    "math500": ["math500/test.jsonl"],
    "amc": ["amc2022_2023/test.jsonl"],
    "aime": ["aime2022_2024/test.jsonl"],
    "minerva_math": ["minerva_math/test.jsonl"],
    "olympiadbench": ["olympiadbench/test.jsonl"],
    "gsm8k": ["gsm8k/test.jsonl"],
    "ugphysics": ["ugphysics/*/*.jsonl"],
}
SAMPLE = {
    "math500": [
        r"\frac{1}{2}",
        "[-2,7]",
        "-2,1",
        r"12\pi",
        "4210_{5}",
        "Evelyn",
        "y=-2x",
        r"(-\infty,2)\cup(3,\infty)",
    ],
    "aime": ["33", "116"],
    "olympiadbench": [["$69$,$84$"], [r"$\frac{25}{2}$"], ["$2n$"]],
    "ugphysics": [r"\boxed{4.88 \times 10^{23}}", r"\boxed{\frac{\hbar}{2}}"],
}


def golds(task: str, data: Path | None, every: int) -> Iterator[tuple[str, Gold]]:
    """(id, gold) of a data set, or of the built-in sample."""
    if data is None:
        yield from ((str(index), gold_for(task, raw)) for index, raw in enumerate(SAMPLE.get(task, ())))
        return
    for path in (path for pattern in SETS[task] for path in sorted(data.glob(pattern))):
        for index, line in enumerate(path.read_text(encoding="utf-8").strip().split("\n")):
            if index % every == 0:
                row = json.loads(line)
                yield identifier_of(row, index), gold_for(task, row)


def identifier_of(row: dict[str, Any], number: int) -> str:
    """The id under which a benchmark lists a record."""
    if "language" in row:
        return f"{row['language'].lower()}/{row['index']}"
    return str(row.get("idx", row.get("id", number)))


def exam(task: str, data: Path | None, every: int) -> tuple[list[tuple[str, str, bool, str, Gold]], Counter[str], int]:
    """(id, category, should be right, prediction, gold) rows, the reasons of left-out corruptions, golds."""
    rows: list[tuple[str, str, bool, str, Gold]] = []
    skipped: Counter[str] = Counter()
    count = 0
    for identifier, gold in golds(task, data, every):
        count += 1
        rows += [(identifier, f"right: {name}", True, text, gold) for name, text in named_rewritings(gold)]
        made, left_out = named_corruptions(gold)
        rows += [(identifier, f"wrong: {name}", False, text, gold) for name, text in made]
        skipped.update(reason for _, reason in left_out)
    return rows, skipped, count


def show(task: str, data: Path | None, options: argparse.Namespace) -> None:
    """One task: our exam, then the disagreements by category."""
    rows, skipped, count = exam(task, data, options.every)
    inputs = [(task, text, gold) for _, _, _, text, gold in rows]
    entmin = list(grading.grade_many(inputs, workers=options.workers))
    paper = list(grading.grade_many(inputs, workers=options.workers, grader="paper"))
    ours: Counter[tuple[bool, bool | None]] = Counter()
    theirs: Counter[tuple[bool, bool | None]] = Counter()
    different: Counter[tuple[str, bool | None, bool | None]] = Counter()
    for (identifier, category, expected, text, gold), a, b in zip(rows, entmin, paper, strict=True):
        ours[expected, a.correct] += 1
        theirs[expected, b.correct] += 1
        if a.correct != b.correct:
            different[category.replace("element: ", ""), a.correct, b.correct] += 1
        if a.correct is not expected and options.verbose:
            odd = benchmark(task).odd.get(identifier, "not listed as odd")
            print(f"  {task} {identifier} {category} [{a.reason}] {gold.answers} {text[-80:]!r}: {odd}")
    print(f"\n{task}: {count} golds, {len(rows)} answers; left out {dict(skipped)}")
    for name, table in (("entmin", ours), ("paper", theirs)):
        print(
            f"  {name:7} right accepted {table[True, True]}, rejected {table[True, False]},"
            f" not judged {table[True, None]};"
            f" wrong rejected {table[False, False]}, accepted {table[False, True]}, not judged {table[False, None]}"
        )
    print(f"  disagree on {sum(different.values())}:")
    for (category, a_correct, b_correct), number in different.most_common(options.top):
        print(f"    {number:6}  {category:32} entmin {a_correct}, paper {b_correct}")


def main() -> None:
    """Run over the chosen tasks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("ENTMIN_DATA"))
    parser.add_argument("--tasks", default=",".join(SETS))
    parser.add_argument("--every", type=int, default=1, help="take every n-th gold only")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--top", type=int, default=12)
    parser.add_argument("-v", "--verbose", action="store_true", help="print each of our failures")
    options = parser.parse_args()
    for task in options.tasks.split(","):
        show(task, Path(options.data_dir) if options.data_dir else None, options)


if __name__ == "__main__":
    main()
