"""``entmin eval``: one method on benchmarks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from entmin.cli import options as shared
from entmin.cli.program_options import unsafe_option, with_sandbox


@click.command("eval")
@click.argument("model")
@click.option("--task", default="arithmetic", show_default=True, help="Task or group names, separated by commas.")
@click.option("--mode", default="normal", show_default=True, help="Decoding method: see `entmin list methods`.")
@shared.method_options
@shared.sampling_options
@shared.run_options
@shared.engine_options
@unsafe_option
@click.option("--json", "as_json", is_flag=True, help="Print the summaries as JSON on standard output.")
def command(model: str, task: str, mode: str, as_json: bool, **options: Any) -> None:
    """Run one decoding method of MODEL on benchmarks.

    MODEL is an alias (`entmin list models`), a local folder or a Hub id. Results go to
    results/MODEL/MODE/TASK-DIGEST/: Inspect logs, settings.json and summary.json. The same command continues where an
    interrupted one stopped.
    """
    from entmin.evals.registry import resolve

    infos = resolve(task)
    method, sampling = shared.take_method(mode, options), shared.take_sampling(options)
    engine, task_options = shared.take_engine(options), with_sandbox(options)
    from entmin.evals.run import RunSpec, require_data, run_task

    spec = RunSpec(
        model,
        method,
        sampling,
        limit=options["limit"],
        epochs=options["epochs"],
        seed=options["seed"],
        max_tokens=options["max_tokens"],
        task_options=task_options,
        engine_options=engine,
    )
    require_data(spec, infos)
    results = [run_task(spec, info, Path(options["results"]), quiet=options["quiet"]) for info in infos]
    if as_json:
        click.echo(json.dumps([result.summary for result in results], indent=2, default=str))
        return
    from entmin.lab.compare import compare, correct
    from entmin.lab.table import detail_lines, print_rows

    rows = [row for info, r in zip(infos, results, strict=True) for row in compare(info.name, [(method.name, r)])]
    print_rows(correct(rows), f"{model}: {method.describe()}")
    for info, result in zip(infos, results, strict=True):
        for line in detail_lines(info.name, result.summary["results"]):
            click.echo(line)
        for notice in result.summary["notices"]:
            click.echo(f"note: {notice}", err=True)
        click.echo(f"written to {result.folder}", err=True)
