"""``entmin settle``: does a method help, against rivals of the same entropy?"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from entmin.cli import options as shared
from entmin.cli.task_options import judge_option, take_tasks
from entmin.errors import UsageError
from entmin.mode import Mode
from entmin.settle.question import RIVALS, Question
from entmin.terminal import say

if TYPE_CHECKING:
    from entmin.report.page import Page
    from entmin.settle.settling import Settlement


@click.command("settle")
@click.argument("model")
@click.option("--task", default="arithmetic", show_default=True, help="The benchmark, or a file of problems.")
@judge_option
@click.option("--methods", "method", default="em_inf", show_default=True, help="The method to settle, as a mode.")
@click.option("--rivals", default=",".join(RIVALS), show_default=True, help="Methods matched by temperature.")
@click.option("--mde", default=3.0, show_default=True, help="Smallest difference that matters, points of accuracy.")
@click.option("--pilot", default=100, show_default=True, help="Problems that only the pilot uses.")
@click.option("--frontier", default="1,0.8,0.6,0.4,0.2,0", show_default=True, help="Temperatures of the plain model.")
@click.option("--voting", default=4, show_default=True, help="Answers of the self-consistency arms; 0 for none.")
@click.option("--no-controls", is_flag=True, help="Leave out the arms that should show no difference.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Where the page goes (default: beside the plan).")
@shared.sampling_options
@shared.run_options
@shared.engine_options
@shared.server_options
@shared.unsafe_option
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON on standard output.")
def command(model: str, task: str, method: str, as_json: bool, **options: Any) -> None:
    """Settle whether a method helps MODEL, against rivals that have the same entropy.

    A pilot on problems of its own finds the temperature at which each rival is as decisive as the method; for that it
    looks at no label. plan.json is written and hashed before the run. Then all arms run on the same problems, and the
    method must beat every matched rival. The same command continues an interrupted one; a larger --limit adds problems
    and computes none again.
    """
    [info, *more] = take_tasks(task, options.pop("judge"))
    if more:
        raise UsageError("settle one task at a time: each needs a pilot and a plan of its own")
    asked = Mode.parse(method, shared.take_settings(options))
    question = _question(asked.filled(temperature=1.0), options)
    from entmin.report.page import write
    from entmin.settle.page import settled_page
    from entmin.settle.settling import settle_question

    spec = replace(shared.take_spec(model, Mode(), options), limit=None, epochs=1)
    quiet, results = options["quiet"], Path(options["results"])
    done = settle_question(question, spec, info, results, lambda line: say(line, err=True), quiet=quiet)
    page = settled_page(done)
    target = Path(options["output"] or done.folder / "report.html")
    write([page], target)
    if as_json:
        say(json.dumps(_as_json(done), indent=2))
    else:
        _print(done, page)
    say(f"page: {target}", err=True)


def _question(method: Mode, options: dict[str, Any]) -> Question:
    try:
        frontier = tuple(float(one) for one in options.pop("frontier").split(",") if one.strip())
    except ValueError:
        raise UsageError("--frontier takes temperatures separated by commas, such as 1,0.7,0") from None
    return Question(
        method=replace(method, seed=None),
        rivals=tuple(one.strip() for one in options.pop("rivals").split(",") if one.strip()),
        margin=options.pop("mde") / 100,
        pilot=options.pop("pilot"),
        limit=options["limit"],
        samples=options["epochs"],
        seed=method.seed or 0,
        frontier=frontier,
        voting=options.pop("voting"),
        controls=not options.pop("no_controls"),
    )


def _print(done: Settlement, page: Page) -> None:
    from entmin.report.table import print_tables
    from entmin.settle.page import planned_test

    print_tables([planned_test(done)])
    for line in page.remarks:
        say(line)
    say(page.verdict, bold=True)


def _as_json(done: Settlement) -> dict[str, Any]:
    from dataclasses import asdict

    verdict = asdict(done.verdict) | {"differences": {k: asdict(v) for k, v in done.verdict.differences.items()}}
    return {"verdict": verdict, "plan": done.plan.model_dump(mode="json"), "sha256": done.plan.sha256}
