"""``entmin export``: the samples of finished runs as a data set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entmin.cli.finished import by_kind, compared, evaluated
from entmin.errors import UsageError
from entmin.terminal import say

if TYPE_CHECKING:
    from entmin.evals.run import RunResult


@click.command("export")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(file_okay=False))
@click.option(
    "-o", "--output", default="samples.parquet", show_default=True, type=click.Path(path_type=Path),
    help="A file, .parquet or .jsonl, or a folder, which gets samples.parquet.",
)  # fmt: skip
def command(runs: tuple[str, ...], output: Path) -> None:
    """Write every sample of finished runs as a row of a data set, which `datasets.load_dataset` reads.

    Each RUN is a folder that eval, compare or settle has written. A row has the question, the answer, what was
    extracted from it, the gold, the verdict with its reason, tokens, entropies, and the run's settings. Nothing is
    decoded.
    """
    from entmin.report.samples import rows, write

    found = list(rows(_runs(runs)))
    target, replaced = write(found, output)
    if replaced:
        say(f"note: half a surrogate pair, which no file holds, became U+FFFD in {replaced} texts", err=True)
    say(f"{len(found)} samples written to {target}", err=True)


def _runs(folders: tuple[str, ...]) -> list[RunResult]:
    """The runs, each once: of one that is named in several extents, the larger."""
    found = by_kind(folders)
    if found["train"]:
        folder = found["train"][0]
        raise UsageError(
            f"{folder} is of a training run, whose held-out answers are rows already: "
            f"datasets.load_dataset('json', data_files='{folder}/evals/*.jsonl')"
        )
    kept: dict[Path, RunResult] = {}
    for run in _each(found):
        folder = run.folder.resolve()
        if folder not in kept or len(run.log.samples or []) > len(kept[folder].log.samples or []):
            kept[folder] = run
    return list(kept.values())


def _each(found: dict[str, list[Path]]) -> Iterator[RunResult]:
    from entmin.settle.settling import settled_before

    for folder in found["settle"]:
        yield from settled_before(folder).runs.values()
    for _, arms in (*compared(found["compare"]), *evaluated(found["eval"])):
        yield from (run for _, run in arms)
