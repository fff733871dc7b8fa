"""``entmin compare``: decoding methods, or trained models, on the same problems and samples, paired."""

from __future__ import annotations

from typing import Any

import click

from entmin.cli import options as shared
from entmin.cli.grouped import Verb
from entmin.engine.lean import only_decodes
from entmin.evals.arms import DEFAULT_ARMS
from entmin.terminal import say


@click.command("compare", cls=Verb)
@click.argument("model")
@click.option("--task", default="arithmetic", show_default=True, help="Benchmarks, groups or files, comma list.")
@shared.judge_option
@click.option(
    "--methods",
    help="Arms, separated by commas; the first is the baseline. Each is a mode as in `entmin eval`: "
    "em_inf:threshold=0.1+self_consistency:n=8@0.7. Sampling options are for what an arm leaves open. "
    "normal:match=em_inf is plain decoding at the temperature that has em_inf's entropy. "
    f"[default: {DEFAULT_ARMS}]",
)
@click.option(
    "--against",
    help="Trained checkpoints or adapter folders, separated by commas, to compare with MODEL, which is the baseline; "
    "--methods is then `normal` unless given.",
)
@click.option("--with-base", is_flag=True, help="MODEL is a trained checkpoint: compare it with the model it is from.")
@shared.sampling_options
@shared.run_options
@shared.template_options
@shared.shots_option
@shared.engine_options
@shared.server_options
@shared.unsafe_option
@shared.report_option
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON on standard output.")
def command(model: str, as_json: bool, **options: Any) -> None:
    """Compare decoding methods of MODEL, or trained models with it, on the same problems and samples.

    Every method sees the same problems, seeds and temperature, so differences are paired: per problem, with a 95 %
    interval and a p-value corrected for the number of comparisons (Holm). Without --limit the `arithmetic` task runs
    on 128 problems. The table, comparison.json, comparison.png and report.html go to
    results/MODEL/compare/.

    With several samples per problem (--samples) pass@k stands beside pass@1, so that lost diversity shows.
    """
    settings = shared.take_settings(options)
    from entmin.api.compare import compare

    if not options["against"] and not options["with_base"]:  # which may name adapters
        only_decodes()
    done = compare(model, **settings, **shared.read(options))
    if as_json:
        say((done.folder / "comparison.json").read_text())
    else:
        from entmin.report.table import print_tables

        print_tables(done.tables())
        for line in done.lines():
            say(line)
    for notice in done.notices:
        say(f"note: {notice}", err=True)
    say(f"written to {done.folder}", err=True)
