"""``entmin report``: finished runs as one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from entmin.cli.finished import by_kind, compared, evaluated
from entmin.durable import require_page
from entmin.terminal import say

if TYPE_CHECKING:
    from entmin.cli.finished import Arms
    from entmin.report.page import Page


@click.command("report")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(file_okay=False))
@click.option("-o", "--output", default="report.html", show_default=True, type=click.Path(dir_okay=False))
def command(runs: tuple[str, ...], output: str) -> None:
    """Show finished runs as one page that needs no network.

    Each RUN is a folder that eval, compare, settle or train has written. Runs of eval that asked the same questions are
    compared with the first of them, problem by problem; training runs are drawn over one another. Nothing is decoded.
    """
    require_page(Path(output), "--output")
    found = by_kind(runs)
    from entmin.report.page import write

    pages = [
        *(_settled(folder) for folder in found["settle"]),
        *_comparisons([*compared(found["compare"]), *evaluated(found["eval"])]),
        *_trained(found["train"]),
    ]
    write(pages, Path(output))
    for page in pages:
        say(page.verdict)
    say(f"page: {output}", err=True)


def _settled(folder: Path) -> Page:
    from entmin.settle.page import settled_page
    from entmin.settle.settling import settled_before

    return settled_page(settled_before(folder))


def _comparisons(found: Sequence[tuple[str, Arms]]) -> list[Page]:
    from entmin.evals.arms import numbered
    from entmin.report.page.comparison import comparison_pages

    names = numbered([task for task, _ in found])
    return comparison_pages({name: arms for name, (_, arms) in zip(names, found, strict=True)})


def _trained(folders: Sequence[Path]) -> list[Page]:
    from entmin.evals.arms import short_names
    from entmin.evals.finished import read_json
    from entmin.report.page.training import training_page

    for folder in folders:
        read_json(folder / "run.json")

    if not folders:
        return []
    names = short_names([str(folder.resolve()) for folder in folders])
    return [training_page(dict(zip(names, folders, strict=True)))]
