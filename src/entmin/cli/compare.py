"""``entmin compare``: decoding methods, or trained models, on the same problems and samples, paired."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from entmin.cli import options as shared
from entmin.cli.task_options import judge_option, take_tasks
from entmin.durable import make_folder
from entmin.errors import UsageError
from entmin.evals.arms import DEFAULT_ARMS, of_models, parse_arms
from entmin.mode import Mode
from entmin.terminal import say

if TYPE_CHECKING:
    from entmin.evals.run import RunResult, RunSpec
    from entmin.report.compare import ComparedArm
    from entmin.report.diversity import Spread
    from entmin.tasks.registry import Named

    ByTask = dict[str, list[tuple[str, RunResult]]]


@click.command("compare")
@click.argument("model")
@click.option("--task", default="arithmetic", show_default=True, help="Benchmarks, groups or files, comma list.")
@judge_option
@click.option(
    "--methods",
    default=DEFAULT_ARMS,
    show_default=True,
    help="Arms, separated by commas; the first is the baseline. Each is a mode as in `entmin eval`: "
    "em_inf:threshold=0.1+self_consistency:n=8@0.7. Sampling options are for what an arm leaves open. "
    "normal:match=em_inf is plain decoding at the temperature that has em_inf's entropy.",
)
@click.option(
    "--against",
    help="Trained checkpoints or adapter folders, separated by commas, to compare with MODEL, which is the baseline; "
    "--methods is then `normal` unless given.",
)
@click.option("--with-base", is_flag=True, help="MODEL is a trained checkpoint: compare it with the model it is from.")
@shared.sampling_options
@shared.run_options
@shared.engine_options
@shared.server_options
@shared.unsafe_option
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON on standard output.")
def command(
    model: str, task: str, methods: str, against: str | None, with_base: bool, as_json: bool, **options: Any
) -> None:
    """Compare decoding methods of MODEL, or trained models with it, on the same problems and samples.

    Every method sees the same problems, seeds and temperature, so differences are paired: per problem, with a 95 %
    interval and a p-value corrected for the number of comparisons (Holm). Without --limit the `arithmetic` task runs
    on 128 problems. The table, comparison.json, comparison.png and report.html go to
    results/MODEL/compare/.

    With several samples per problem (--samples) pass@k stands beside pass@1, so that lost diversity shows.
    """
    infos = take_tasks(task, options.pop("judge"))
    models = _models(model, against, with_base)
    if len(models) > 1 and _is_default("methods"):
        methods = "normal"
    model = models[0]
    if options["limit"] is None and task == "arithmetic":
        options["limit"] = 128
    settings, spec = shared.take_settings(options), shared.take_spec(model, Mode(), options)
    results = Path(options["results"])
    methods = _matched(methods, settings, spec, infos, results)
    arms = of_models(models, parse_arms(methods, settings))
    from entmin.report.compare import compare
    from entmin.report.diversity import corrected_together, diversity

    specs = {label: replace(spec, model=name, mode=mode) for label, (name, mode) in arms.items()}
    runs = _run(infos, specs, results, quiet=options["quiet"])
    found = [row for info in infos for row in compare(info.name, runs[info.name])]
    spread = diversity({task: [(label, run.log) for label, run in done] for task, done in runs.items()})
    rows, spread = corrected_together(found, spread)
    folder = _write(model, results, rows, spread, runs)
    _write_report(folder, rows, spread, runs)
    if as_json:
        say((folder / "comparison.json").read_text())
    else:
        _print(model, rows, spread, runs)
    for notice in {notice for arm in runs.values() for _, r in arm for notice in r.summary["notices"]}:
        say(f"note: {notice}", err=True)
    say(f"written to {folder}", err=True)


def _matched(text: str, settings: dict[str, Any], spec: RunSpec, infos: list[Named], results: Path) -> str:
    """The arms with temperatures in place of matches; each match is told."""
    from entmin.settle.arms import comparison_pilot, has_match, with_matches, without_matches

    if not has_match(text):
        return text
    if len(infos) > 1:
        raise UsageError("a match is made on one task: name one, or compare the tasks one by one")

    def told(line: str) -> None:
        say(line, err=True)

    spec = replace(spec, mode=Mode(seed=settings.get("seed")))
    pilot = cache(lambda: comparison_pilot(spec, infos[0], results, told))
    found, said = with_matches(text, parse_arms(without_matches(text), settings), pilot)
    for line in said:
        told(line)
    return found


def _is_default(name: str) -> bool:
    return click.get_current_context().get_parameter_source(name) is click.core.ParameterSource.DEFAULT


def _models(model: str, against: str | None, with_base: bool) -> list[str]:
    """The models to compare, the baseline first."""
    others = [name.strip() for name in (against or "").split(",") if name.strip()]
    if against is not None and not others:
        raise UsageError("--against names no model")
    if not with_base:
        return [model, *others]
    from entmin.engine.adapters import base_of

    return [base_of(model), model, *others]


def _run(infos: list[Named], specs: dict[str, RunSpec], results: Path, *, quiet: bool) -> ByTask:
    from entmin.evals.opened import close_engines
    from entmin.evals.run import require_data, run_task

    tasks = require_data(list(specs.values()), infos)
    runs: ByTask = {info.name: [] for info in infos}
    loaded = None
    for label, spec in specs.items():
        if loaded not in (None, spec.model):
            # One model at a time in memory.
            close_engines()
        loaded = spec.model
        for info in infos:
            runs[info.name].append((label, run_task(spec, info, results, task=tasks[info.name], quiet=quiet)))
    return runs


def _write(
    model: str,
    results: Path,
    rows: list[ComparedArm],
    spread: list[Spread],
    runs: ByTask,
) -> Path:
    from entmin.evals.run import model_folder
    from entmin.report.compare import write_json
    from entmin.report.figure import draw

    summaries = [result.summary for arms in runs.values() for _, result in arms]
    digest = hashlib.sha256(json.dumps([s["settings"] for s in summaries], sort_keys=True).encode()).hexdigest()[:10]
    folder = model_folder(results, model) / "compare" / digest
    make_folder(folder)
    first = summaries[0]
    about = {key: first[key] for key in ("versions", "hardware", "git_revision", "dtype_used")}
    trivial = {task: arms[0][1].summary["task"].get("trivial") for task, arms in runs.items()}
    settings = [summary["settings"] for summary in summaries]
    about |= {"trivial": trivial, "settings": settings, "diversity": [one.to_dict() for one in spread]}
    write_json(folder / "comparison.json", rows, {"model": model, **about})
    draw(rows, folder / "comparison.png", f"{model} on {', '.join(runs)}, n = {rows[0].problems} problems")
    return folder


def _write_report(folder: Path, rows: list[ComparedArm], spread: list[Spread], runs: ByTask) -> None:
    """One page for each task, in one file."""
    from entmin.report.page import write
    from entmin.report.page.comparison import pages_by_task

    write(pages_by_task(rows, spread, runs), folder / "report.html")


def _print(model: str, rows: list[ComparedArm], spread: list[Spread], runs: ByTask) -> None:
    from entmin.report.diversity import render_spread
    from entmin.report.table import print_tables, render
    from entmin.report.words import trivial_line, verdict_lines

    print_tables([*render(rows, f"{model}: paired comparison, baseline {rows[0].label}"), *render_spread(spread)])
    for line in verdict_lines(rows):
        say(line)
    for task, arms in runs.items():
        trivial = arms[0][1].summary["task"].get("trivial")
        if trivial:
            say(trivial_line(task, trivial))
