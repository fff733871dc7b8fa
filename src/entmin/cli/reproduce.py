"""``entmin reproduce``: the paper's tables, published beside ours."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from entmin.api.options import RunOptions, spec_of
from entmin.cli import options as shared
from entmin.cli.grouped import Verb
from entmin.durable import require_page, require_place
from entmin.engine.named import require_model
from entmin.errors import UsageError, closest
from entmin.mode import Mode
from entmin.terminal import say

if TYPE_CHECKING:
    from entmin.report.table import Table
    from entmin.reproduce.agreement import Cell
    from entmin.reproduce.tables import PublishedTable


@click.command("reproduce", cls=Verb)
@click.argument("table")
@click.option("--model", help="Model to run (default: the published one that --as names).")
@click.option("--as", "published_model", help="Model of the table to compare with (default: the table's first).")
@click.option("--rows", default="", help="Only these rows, separated by commas.")
@click.option("--columns", default="", help="Only these benchmarks, separated by commas.")
@click.option("--checkpoint", "checkpoints", multiple=True, metavar="ROW=FOLDER", help="Trained model of a row.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Also write the table as a page.")
@shared.run_options
@shared.engine_options
@shared.server_options
@shared.unsafe_option
@click.option("--seed", type=int, help="Seed of the runs (default: 0).")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Of one answer (default: as published).")
@click.option("--json", "as_json", is_flag=True, help="Print the cells as JSON on standard output.")
def command(table: str, published_model: str | None, as_json: bool, **options: Any) -> None:
    """Run the rows of TABLE (table2 or table3 of the paper) and set them beside the published numbers.

    With the published model, levels are compared (Fisher's exact test at 5 %). With another model, the differences to
    the plain row are: does the published gain lie inside our interval? Rows that need a trained checkpoint are run
    when --checkpoint names it.
    """
    from entmin.reproduce.tables import choose_rows, load_table

    known = load_table(table)
    reference = published_model or known.models[0]
    if reference not in known.models:
        near = closest(reference, known.models)
        raise UsageError(f"{table} has no model {reference!r}{near}; its models: {', '.join(known.models)}")
    rows = choose_rows(known, reference, _names(options.pop("rows")), _names(options.pop("columns")))
    checkpoints = shared.pairs(options.pop("checkpoints"), "--checkpoint")
    model, output = options.pop("model") or reference, options.pop("output")
    seed = options.pop("seed")
    require_place(Path(options["results"]), "--results")
    require_page(Path(output) if output else None, "--output")
    if options["engine"] == "transformers":
        require_model(model, options["revision"])
    from entmin.reproduce.running import reproduce

    spec = spec_of(model, Mode(seed=seed), cast("RunOptions", shared.read(options)))
    cells = reproduce(
        known, rows, spec, Path(options["results"]), checkpoints,
        lambda line: say(line, err=True), quiet=options["quiet"],
    )  # fmt: skip
    if as_json:
        say(json.dumps([_as_json(cell, model == reference) for cell in cells], indent=2))
    else:
        _print(known, cells, model, reference)
    if output:
        _write_page(known, cells, model, reference, Path(output))


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _as_json(cell: Cell, same_model: bool) -> dict[str, Any]:
    ours = None if cell.ours is None else cell.ours.to_dict()
    return asdict(cell) | {"ours": ours, "agreement": cell.agreement(same_model)}


def _table(known: PublishedTable, cells: list[Cell], model: str, reference: str) -> Table:
    from entmin.report.table import Table

    columns = ("row", "published %", "ours % [95 %]", "n", "published gain", "our gain [95 %]", "agreement")
    title = f"{known.source}: {reference}, and ours with {model}"
    return Table(title, columns, tuple(_cells(cell, model == reference) for cell in cells))


def _cells(cell: Cell, same_model: bool) -> tuple[str, ...]:
    from entmin.report.words import difference_cells, percent_cell

    ours, gain = cell.ours, cell.gain
    return (
        f"{cell.row} on {cell.task}",
        f"{100 * cell.published:.1f}",
        "–" if ours is None else percent_cell(ours),
        "" if ours is None else str(ours.n),
        "" if cell.published_gain is None else f"{100 * cell.published_gain:+.1f}",
        "" if gain is None else difference_cells(gain, gain.p_value)[0],
        cell.agreement(same_model),
    )


def _summary(known: PublishedTable, cells: list[Cell], model: str, reference: str) -> str:
    found = [cell.agreement(model == reference) for cell in cells]
    agrees = f"{found.count('agrees')} of {found.count('agrees') + found.count('differs')} cells"
    if model == reference:
        return f"{known.table}: {agrees} agree in level (Fisher's exact test at 5 %)."
    widest = max((100 * (cell.gain.high - cell.gain.low) / 2 for cell in cells if cell.gain), default=0.0)
    return (
        f"{known.table}: in {agrees} the published gain of {reference} lies in our 95 % interval for {model}; the "
        f"widest of these intervals is ±{widest:.1f} points."
    )


def _not_run(cells: list[Cell]) -> list[str]:
    """Each reason once, with the cells that it is for."""
    reasons: dict[str, list[str]] = {}
    for cell in cells:
        if cell.why_not:
            reasons.setdefault(cell.why_not, []).append(f"{cell.row} on {cell.task}")
    return [f"Not run: {', '.join(names)}: {reason}" for reason, names in reasons.items()]


def _print(known: PublishedTable, cells: list[Cell], model: str, reference: str) -> None:
    from entmin.report.table import print_tables

    print_tables([_table(known, cells, model, reference)])
    for line in [*_not_run(cells), _summary(known, cells, model, reference)]:
        say(line)


def _write_page(known: PublishedTable, cells: list[Cell], model: str, reference: str, path: Path) -> None:
    from entmin.report.page import Page, write

    verdict, table = _summary(known, cells, model, reference), _table(known, cells, model, reference)
    write([Page(table.title, verdict, remarks=tuple(_not_run(cells)), tables=(table,))], path)
    say(f"page: {path}", err=True)
