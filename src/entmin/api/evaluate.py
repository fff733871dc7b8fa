"""`evaluate`: one mode of a model on benchmarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

from entmin.api.options import (
    ModeLike,
    RunOptions,
    as_mode,
    check,
    documented,
    drawing,
    require_inputs,
    results_of,
    spec_of,
    tasks_named,
)  # fmt: skip
from entmin.api.results import Evaluation
from entmin.report.outlets import named, tell


@documented
def evaluate(
    model: str,
    *,
    task: str | Sequence[str] = "arithmetic",
    mode: ModeLike = "normal",
    hyperparameters: Mapping[str, Any] | None = None,
    **options: Unpack[RunOptions],
) -> Evaluation:
    """Run one decoding method or strategy of a model on benchmarks, as `entmin eval` does.

    A finished run is read and not computed again; the same call goes on with an interrupted one.

    Args:
        model: alias, local folder or Hub id.
        task: benchmarks, groups or files of problems.
        mode: method, strategy and sampling, as text, as a `Mode`, or a method such as ``EmInf(threshold=0.1)``.
        hyperparameters: settings that the mode leaves open, by name.
        options: see below.

    Raises:
        UsageError: a name or a value is wrong.
        EntminError: data or model are missing, or the run or a report failed; finished samples are kept.
    """
    check(options)
    infos = tasks_named(task, options.get("judge"))
    chosen = as_mode(mode, {**(hyperparameters or {}), **drawing(options)})
    folder, quiet = results_of(options)
    require_inputs(infos, [model], options)
    from entmin.evals.run import require_data, run_task

    spec = spec_of(model, chosen, options)
    tasks = require_data([spec], infos)
    runs = {info.name: run_task(spec, info, folder, task=tasks[info.name], quiet=quiet) for info in infos}
    done = Evaluation(model, chosen, runs)
    if report := named(options.get("report")):
        tell(report, done.rows, list(runs.values()), model)
    return done
