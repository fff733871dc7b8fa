"""``entmin eval``: one method on benchmarks."""

from __future__ import annotations

import json
from typing import Any

import click

from entmin.cli import options as shared
from entmin.cli.grouped import Verb
from entmin.engine.lean import only_decodes
from entmin.terminal import say


@click.command("eval", cls=Verb)
@click.argument("model")
@click.option("--task", default="arithmetic", show_default=True, help="Benchmarks, groups or files, comma list.")
@shared.judge_option
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
@shared.template_options
@shared.shots_option
@shared.engine_options
@shared.server_options
@shared.unsafe_option
@shared.report_option
@click.option("--json", "as_json", is_flag=True, help="Print the summaries as JSON on standard output.")
def command(model: str, mode: str, as_json: bool, **options: Any) -> None:
    """Run one decoding method or strategy of MODEL on benchmarks.

    MODEL is an alias (`entmin list models`), a local folder or a Hub id. Results go to
    results/MODEL/MODE/TASK-DIGEST/: Inspect logs, settings.json and summary.json. The same command continues where an
    interrupted one stopped.
    """
    settings = shared.take_settings(options)
    from entmin.api.evaluate import evaluate

    only_decodes()
    done = evaluate(model, mode=mode, hyperparameters=settings, **shared.read(options))
    if as_json:
        say(json.dumps([run.summary for run in done.runs.values()], indent=2, default=str))
        return
    from entmin.report.table import print_tables

    print_tables(done.tables())
    for line in done.lines():
        say(line)
    for run in done.runs.values():
        for notice in run.summary["notices"]:
            say(f"note: {notice}", err=True)
        say(f"written to {run.folder}", err=True)
