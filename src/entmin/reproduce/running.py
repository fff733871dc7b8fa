"""Run the rows of a published table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from entmin.errors import EntminError, UsageError
from entmin.evals.metrics import verdicts
from entmin.evals.run import RunResult, RunSpec, require_data, run_task
from entmin.mode import Mode
from entmin.reproduce.agreement import Cell
from entmin.reproduce.tables import PublishedRow, PublishedTable
from entmin.stats import avg_at_k, paired_difference
from entmin.tasks.registry import resolve

PLAIN = ("normal", "base-math", "base-code")
"""Rows that others are compared with."""


def reproduce(
    table: PublishedTable,
    rows: list[PublishedRow],
    spec: RunSpec,
    results: Path,
    checkpoints: Mapping[str, str],
    notify: Callable[[str], None],
    *,
    quiet: bool = False,
) -> list[Cell]:
    """Evaluate every row and column that can be; the rest says why not.

    Args:
        table: the published table.
        rows: those to run, plain ones first.
        spec: model, engine, limit and task options; a row's mode replaces its own.
        results: where runs are written.
        checkpoints: row name to the folder of its trained model.
        notify: is told each run before it begins.
        quiet: no progress display.

    Raises:
        UsageError: an option that the tasks do not have.
        EntminError: a run failed, or the data of all of them are missing.
    """
    runs: dict[tuple[str, str], RunResult] = {}
    cells, missing = [], ""
    for row in rows:
        for task, published in row.published.items():
            chosen, why_not = _spec_of(table, row, task, spec, checkpoints)
            if chosen is not None:
                [info] = resolve(task)
                try:
                    built = require_data([chosen], [info])[info.name]
                except UsageError:
                    raise
                except EntminError as error:
                    why_not = missing = str(error)
                else:
                    notify(f"{row.name} on {task}")
                    told = any(task == other for _, other in runs)
                    runs[row.name, task] = run_task(chosen, info, results, task=built, quiet=quiet, told=told)
            cells.append(_cell(table, row, rows, task, published, runs, why_not))
    if missing and not runs:
        raise EntminError(missing)
    return cells


def _spec_of(
    table: PublishedTable, row: PublishedRow, task: str, spec: RunSpec, checkpoints: Mapping[str, str]
) -> tuple[RunSpec | None, str]:
    column = table.columns[task]
    model = spec.model
    if row.config is not None:
        if row.name not in checkpoints:
            return None, f"needs a checkpoint: entmin train --config {row.config}, then --checkpoint {row.name}=FOLDER"
        model = checkpoints[row.name]
    limit = spec.max_tokens or column.max_tokens or table.max_tokens
    options = {**column.options, **spec.task_options}
    mode = Mode.parse(row.mode).filled(seed=spec.mode.seed or 0)
    return replace(spec, model=model, mode=mode, max_tokens=limit, task_options=options), ""


def _cell(
    table: PublishedTable,
    row: PublishedRow,
    rows: list[PublishedRow],
    task: str,
    published: float,
    runs: Mapping[tuple[str, str], RunResult],
    why_not: str,
) -> Cell:
    n, run = table.columns[task].n, runs.get((row.name, task))
    plain = next((one for one in rows if one.name in PLAIN and task in one.published), None)
    gain = None if plain is None or plain is row else (published - plain.published[task]) / 100
    base = None if plain is None else runs.get((plain.name, task))
    if run is None:
        return Cell(row.name, task, published / 100, n, None, gain, None, why_not)
    judged = verdicts(run.log)
    difference = None if gain is None or base is None else paired_difference(judged, verdicts(base.log))
    return Cell(row.name, task, published / 100, n, avg_at_k(judged), gain, difference)
