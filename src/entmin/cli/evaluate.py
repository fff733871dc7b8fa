"""``entmin eval``: one method on benchmarks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from entmin.cli import options as shared
from entmin.cli.task_options import judge_option, take_tasks
from entmin.terminal import say


@click.command("eval")
@click.argument("model")
@click.option("--task", default="arithmetic", show_default=True, help="Benchmarks, groups or files, comma list.")
@judge_option
@click.option(
    "--mode",
    default="normal",
    show_default=True,
    help="Method, strategy and sampling, as in em_inf:threshold=0.1+self_consistency:n=8@0.7.",
)
@shared.method_options
@shared.strategy_options
@shared.sampling_options
@shared.run_options
@shared.engine_options
@shared.server_options
@shared.unsafe_option
@click.option("--json", "as_json", is_flag=True, help="Print the summaries as JSON on standard output.")
def command(model: str, task: str, mode: str, as_json: bool, **options: Any) -> None:
    """Run one decoding method or strategy of MODEL on benchmarks.

    MODEL is an alias (`entmin list models`), a local folder or a Hub id. Results go to
    results/MODEL/MODE/TASK-DIGEST/: Inspect logs, settings.json and summary.json. The same command continues where an
    interrupted one stopped.
    """
    infos = take_tasks(task, options.pop("judge"))
    chosen = shared.take_mode(mode, options)
    from entmin.evals.run import require_data, run_task

    spec = shared.take_spec(model, chosen, options)
    tasks, folder, quiet = require_data([spec], infos), Path(options["results"]), options["quiet"]
    results = [run_task(spec, info, folder, task=tasks[info.name], quiet=quiet) for info in infos]
    if as_json:
        say(json.dumps([result.summary for result in results], indent=2, default=str))
        return
    from entmin.report.compare import compare, correct
    from entmin.report.table import print_tables, render
    from entmin.report.words import detail_lines

    rows = [row for info, r in zip(infos, results, strict=True) for row in compare(info.name, [(chosen.name, r)])]
    print_tables(render(correct(rows), f"{model}: {chosen.describe()}"))
    for info, result in zip(infos, results, strict=True):
        for line in detail_lines(info.name, result.summary["results"]):
            say(line)
        for notice in result.summary["notices"]:
            say(f"note: {notice}", err=True)
        say(f"written to {result.folder}", err=True)
