"""Training runs side by side: held-out accuracy by step, each paired with the untrained model on the same problems.

    python benchmarks/training_runs.py RUN_FOLDER ... [--figure FILE.svg]

The folders are outputs of `entmin train ... --eval-every K`. A difference is to step 0 of the same run, over problems;
p-values are corrected by Holm over all rows.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from entmin.report.page.exports import as_markdown
from entmin.report.training import held_out_steps, held_out_table
from entmin.report.training_figure import draw


def main() -> None:
    """Print the table, draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--figure", type=Path)
    arguments = parser.parse_args()
    runs = {folder.name: folder for folder in arguments.folders}
    table = held_out_table(held_out_steps(runs))
    print(as_markdown(table))
    print(table.caption)
    if arguments.figure:
        draw(runs, arguments.figure)


if __name__ == "__main__":
    main()
