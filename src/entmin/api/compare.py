"""`compare`: decoding methods, or trained models, on the same problems and samples, paired."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from entmin.api.options import (
    ModeLike,
    RunOptions,
    as_mode,
    check,
    documented,
    drawing,
    listed,
    require_inputs,
    results_of,
    spec_of,
    tasks_named,
)  # fmt: skip
from entmin.api.results import Comparison
from entmin.durable import alone, make_folder
from entmin.errors import UsageError
from entmin.evals.arms import DEFAULT_ARMS, of_models, parse_arms
from entmin.mode import Mode
from entmin.report.outlets import named, tell
from entmin.terminal import say

if TYPE_CHECKING:
    from entmin.evals.run import RunResult, RunSpec
    from entmin.tasks.registry import Named

    ByTask = dict[str, list[tuple[str, RunResult]]]


@documented
def compare(
    model: str,
    *,
    task: str | Sequence[str] = "arithmetic",
    methods: str | Sequence[ModeLike] | None = None,
    against: str | Sequence[str] | None = None,
    with_base: bool = False,
    **options: Unpack[RunOptions],
) -> Comparison:
    """Compare decoding methods of a model, or trained models with it, as `entmin compare` does.

    Args:
        model: alias, local folder or Hub id.
        task: benchmarks, groups or files of problems; `arithmetic` without `limit` is 128 problems.
        methods: arms, the baseline first, as a comma list or a sequence of modes; by default normal, greedy, em_inf and
            adaptive_temp. ``normal:match=em_inf`` is plain decoding at the temperature that has em_inf's entropy.
        against: trained checkpoints or adapter folders to compare with `model`, which is the baseline; `methods` is
            then ``normal`` unless given.
        with_base: `model` is a trained checkpoint: compare it with the model it is from.
        options: see below.

    Raises:
        UsageError: a name or a value is wrong.
        EntminError: data or a model are missing, or a run failed; finished samples are kept.
    """
    check(options)
    infos, models = tasks_named(task, options.get("judge")), _models(model, against, with_base)
    if methods is None:
        methods = "normal" if len(models) > 1 else DEFAULT_ARMS
    text = methods if isinstance(methods, str) else ",".join(str(as_mode(one)) for one in methods)
    model = models[0]
    if options.get("limit") is None and task == "arithmetic":
        options["limit"] = 128
    results, quiet = results_of(options)
    require_inputs(infos, models, options)
    settings, spec = drawing(options), spec_of(model, Mode(), options)
    from entmin.report.compare import compare as compared
    from entmin.report.diversity import corrected_together, diversity
    from entmin.report.drawing import require_drawing

    require_drawing()
    arms = of_models(models, parse_arms(_matched(text, settings, spec, infos, results), settings))
    specs = {label: replace(spec, model=name, mode=mode) for label, (name, mode) in arms.items()}
    runs = _run(infos, specs, results, quiet=quiet)
    found = [row for info in infos for row in compared(info.name, runs[info.name])]
    spread = diversity({task: [(label, run.log) for label, run in done] for task, done in runs.items()})
    rows, spread = corrected_together(found, spread)
    done = Comparison(model, runs, rows, spread, _folder(model, results, runs))
    with alone(done.folder):
        _write(done)
    tell(named(options.get("report")), rows, [run for arms in runs.values() for _, run in arms], done.folder.name)
    return done


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


def _models(model: str, against: str | Sequence[str] | None, with_base: bool) -> list[str]:
    """The models to compare, the baseline first."""
    others = listed(against)
    if against is not None and not others:
        raise UsageError("--against names no model")
    if not with_base:
        return [model, *others]
    from entmin.engine.named import base_of

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
            told = any(specs[other].model == spec.model for other, _ in runs[info.name])
            run = run_task(spec, info, results, task=tasks[info.name], quiet=quiet, arm=label, told=told)
            runs[info.name].append((label, run))
    return runs


def _folder(model: str, results: Path, runs: ByTask) -> Path:
    from entmin.evals.run import model_folder

    settings = [run.summary["settings"] for arms in runs.values() for _, run in arms]
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:10]
    folder = model_folder(results, model) / "compare" / digest
    make_folder(folder)
    return folder


def _write(done: Comparison) -> None:
    from entmin.report.compare import write_json
    from entmin.report.figure import draw
    from entmin.report.page import write

    summaries = [run.summary for arms in done.runs.values() for _, run in arms]
    about = {key: summaries[0][key] for key in ("versions", "hardware", "git_revision", "dtype_used")}
    trivial = {task: arms[0][1].summary["task"].get("trivial") for task, arms in done.runs.items()}
    settings = [summary["settings"] for summary in summaries]
    about |= {"trivial": trivial, "settings": settings, "diversity": [one.to_dict() for one in done.spread]}
    write_json(done.folder / "comparison.json", done.rows, {"model": done.model, **about})
    title = f"{done.model} on {', '.join(done.runs)}, n = {done.rows[0].problems} problems"
    draw(done.rows, done.folder / "comparison.png", title)
    write(done.pages(), done.folder / "report.html")
