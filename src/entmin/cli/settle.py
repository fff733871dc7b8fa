"""``entmin settle``: does a method help, against rivals of the same entropy?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from entmin.cli import options as shared
from entmin.cli.grouped import Verb
from entmin.mode import Mode
from entmin.settle.question import RIVALS
from entmin.terminal import say

if TYPE_CHECKING:
    from entmin.settle.settling import Settlement


@click.command("settle", cls=Verb)
@click.argument("model")
@click.option("--task", default="arithmetic", show_default=True, help="The benchmark, or a file of problems.")
@shared.judge_option
@click.option("--methods", default="em_inf", show_default=True, help="The method to settle, as a mode.")
@click.option("--rivals", default=",".join(RIVALS), show_default=True, help="Methods matched by temperature.")
@click.option("--mde", default=3.0, show_default=True, help="Smallest difference that matters, points of accuracy.")
@click.option("--pilot", default=100, show_default=True, help="Problems that only the pilot uses.")
@click.option("--frontier", default="1,0.8,0.6,0.4,0.2,0", show_default=True, help="Temperatures of the plain model.")
@click.option("--voting", default=4, show_default=True, help="Answers of the self-consistency arms; 0 for none.")
@click.option("--no-controls", is_flag=True, help="Leave out the arms that should show no difference.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Where the page goes (default: beside the plan).")
@shared.sampling_options
@shared.run_options
@shared.template_options
@shared.shots_option
@shared.engine_options
@shared.server_options
@shared.unsafe_option
@shared.report_option
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON on standard output.")
def command(model: str, methods: str, as_json: bool, **options: Any) -> None:
    """Settle whether a method helps MODEL, against rivals that have the same entropy.

    A pilot on problems of its own finds the temperature at which each rival is as decisive as the method; for that it
    looks at no label. plan.json is written and hashed before the run. Then all arms run on the same problems, and the
    method must beat every matched rival. The same command continues an interrupted one; a larger --limit adds problems
    and computes none again.
    """
    asked = Mode.parse(methods, shared.take_settings(options))
    from entmin.api.settle import settle

    done = settle(model, methods=asked, **shared.read(options))
    if as_json:
        say(json.dumps(_as_json(done), indent=2))
    else:
        _print(done)


def _print(done: Settlement) -> None:
    from entmin.report.table import print_tables
    from entmin.settle.page import planned_test, settled_page

    page = settled_page(done)
    print_tables([planned_test(done)])
    for line in page.remarks:
        say(line)
    say(page.verdict, bold=True)


def _as_json(done: Settlement) -> dict[str, Any]:
    from dataclasses import asdict

    verdict = asdict(done.verdict) | {"differences": {k: asdict(v) for k, v in done.verdict.differences.items()}}
    return {"verdict": verdict, "plan": done.plan.model_dump(mode="json"), "sha256": done.plan.sha256}
