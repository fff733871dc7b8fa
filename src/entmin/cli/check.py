"""``entmin check``: prove data and grader of a benchmark before any model is run."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from entmin.api.options import task_options, tasks_named
from entmin.cli import options as common
from entmin.cli.grouped import Verb
from entmin.errors import EntminError, UsageError
from entmin.terminal import say

if TYPE_CHECKING:
    from entmin.programs.checks import CodeReport
    from entmin.tasks.benchmark import Benchmark
    from entmin.tasks.checks import GoldReport
    from entmin.tasks.registry import Named


@click.command(cls=Verb)
@click.argument("tasks", metavar="TASK[,TASK...]")
@common.judge_option
@common.data_option
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N problems of each benchmark.")
@click.option("--grader", default="entmin", show_default=True, help="Which rules to check: entmin or paper.")
@click.option("--workers", type=click.IntRange(min=1), help="Grading processes (default: one per processor).")
@common.task_option
@click.option("--show", default=20, show_default=True, help="Failures to print for each benchmark.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document with every failure.")
@common.unsafe_option
def check(
    tasks: str, judge: str | None, limit: int | None, workers: int | None, show: int, as_json: bool, **options: Any
) -> None:
    """Grade answers whose verdict is known: no model is run.

    TASK is a benchmark, a group, or a file of problems with --judge. Every gold answer, written as a model would write
    it, and simple rewritings of it must be right; every corruption of it must be wrong. Exits with 1 when something
    fails that is not listed as a known odd gold.
    """
    given = task_options(common.read(options))
    reports: list[GoldReport | CodeReport] = []
    missing: dict[str, str] = {}
    for info in tasks_named(tasks, judge):
        try:
            reports.append(_report(info, given, limit, workers))
        except UsageError:
            raise
        except EntminError as error:
            # One set that is not at hand must not hide what the others have to say.
            missing[info.name] = str(error)
            say(error, err=True)
        else:
            if not as_json:
                say("\n".join(reports[-1].lines(show)))
    if as_json:
        say(json.dumps({"reports": [report.to_dict() for report in reports], "missing": missing}, indent=1))
    if missing or any(report.unlisted for report in reports):
        sys.exit(EntminError.exit_code)


def _report(info: Named, options: dict[str, Any], limit: int | None, workers: int | None) -> GoldReport | CodeReport:
    from entmin.grading import grade_many
    from entmin.tasks.benchmark import Benchmark
    from entmin.tasks.checks import check as check_golds
    from entmin.tasks.registry import checked

    if not isinstance(info, Benchmark):
        raise UsageError(f"{info.name} has no gold answers to check: it is an Inspect task with a scorer of its own")
    given = checked(info, options)
    source = {name: given[name] for name in info.own_options() if name in given}
    problems = info.load(given.get("data_dir"), **source).problems[:limit]
    if info.gold is None:
        return _programs(info, given, problems, workers)
    grading = partial(grade_many, workers=workers, grader=given["grader"])
    golds = ((problem.id, info.gold(problem.gold)) for problem in problems)
    return check_golds(info.name, golds, grading, info.odd.get, info.rules)


def _programs(info: Benchmark, options: dict[str, Any], problems: Any, workers: int | None) -> CodeReport:
    from entmin.programs.checks import check_programs
    from entmin.tasks.registry import judging_of, rules_of

    rules = rules_of(info, options)
    rules.open()
    return check_programs(info.name, rules, problems, info.known(), workers or os.cpu_count() or 1, judging_of(info))
