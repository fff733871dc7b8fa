"""``entmin report``: finished runs as one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entmin.errors import UsageError
from entmin.terminal import say

if TYPE_CHECKING:
    from entmin.evals.run import RunResult
    from entmin.report.page import Page

    Arms = list[tuple[str, RunResult]]

_KINDS = {"settle": "plan.json", "compare": "comparison.json", "train": "run.json", "eval": "settings.json"}
"""What tells the folder of each verb."""


@click.command("report")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(file_okay=False))
@click.option("-o", "--output", default="report.html", show_default=True, type=click.Path(dir_okay=False))
def command(runs: tuple[str, ...], output: str) -> None:
    """Show finished runs as one page that needs no network.

    Each RUN is a folder that eval, compare, settle or train has written. Runs of eval that asked the same questions are
    compared with the first of them, problem by problem; training runs are drawn over one another. Nothing is decoded.
    """
    found: dict[str, list[Path]] = {kind: [] for kind in _KINDS}
    for run in dict.fromkeys(Path(run) for run in runs):
        found[_kind(run)].append(run)
    from entmin.report.page import write

    pages = [
        *(_settled(folder) for folder in found["settle"]),
        *_comparisons([*_compared(found["compare"]), *_evaluated(found["eval"])]),
        *_trained(found["train"]),
    ]
    write(pages, Path(output))
    for page in pages:
        say(page.verdict)
    say(f"page: {output}", err=True)


def _kind(folder: Path) -> str:
    for kind, name in _KINDS.items():
        if (folder / name).exists():
            return kind
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; name one that eval, compare, settle or train has written")
    below = sorted({path.parent for name in _KINDS.values() for path in folder.glob(f"**/{name}")})
    shown = ", ".join(map(str, below[:6])) + (" and others" if len(below) > 6 else "")
    hint = f"; name one or several of those below it: {shown}" if below else ""
    raise UsageError(f"{folder} holds no results of eval, compare, settle or train{hint}")


def _settled(folder: Path) -> Page:
    from entmin.settle.page import settled_page
    from entmin.settle.settling import settled_before

    return settled_page(settled_before(folder))


def _compared(folders: Sequence[Path]) -> list[tuple[str, Arms]]:
    """Task and arms of each comparison, as far as they were asked then."""
    from entmin.evals.finished import finished_run, read_json

    found: list[tuple[str, Arms]] = []
    for folder in folders:
        document, results = read_json(folder / "comparison.json"), folder.resolve().parents[2]
        tasks: dict[str, Arms] = {}
        for row in document["rows"]:
            run = results.joinpath(*Path(row["log"]).parts[-3:])
            each = row["samples"] // row["problems"]
            tasks.setdefault(row["task"], []).append((row["label"], finished_run(run, row["problems"], each)))
        found += tasks.items()
    return found


def _evaluated(folders: Sequence[Path]) -> list[tuple[str, Arms]]:
    """Runs that asked the same questions together, in the order given."""
    from entmin.evals.arms import labels_of
    from entmin.evals.finished import finished_run

    groups: dict[str, list[RunResult]] = {}
    for folder in folders:
        run = finished_run(folder)
        asked = run.summary["settings"]
        groups.setdefault(f"{asked['task']} {asked['task_identity']}", []).append(run)
    return [
        (
            runs[0].summary["settings"]["task"],
            list(zip(labels_of([r.summary["settings"] for r in runs]), runs, strict=True)),
        )
        for runs in groups.values()
    ]


def _comparisons(found: Sequence[tuple[str, Arms]]) -> list[Page]:
    from entmin.evals.arms import numbered
    from entmin.report.page.comparison import comparison_pages

    names = numbered([task for task, _ in found])
    return comparison_pages({name: arms for name, (_, arms) in zip(names, found, strict=True)})


def _trained(folders: Sequence[Path]) -> list[Page]:
    from entmin.evals.arms import short_names
    from entmin.report.page.training import training_page

    if not folders:
        return []
    names = short_names([str(folder.resolve()) for folder in folders])
    return [training_page(dict(zip(names, folders, strict=True)))]
