"""``entmin check``: prove data and grader of a benchmark before any model is run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import partial
from inspect import signature
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from entmin.errors import EntminError, UsageError

if TYPE_CHECKING:
    from entmin.grading.gold import Gold
    from entmin.programs.checks import CodeReport
    from entmin.tasks.checks import Failure, Report
    from entmin.tasks.registry import TaskInfo


@click.command()
@click.argument("tasks", metavar="TASK[,TASK...]")
@click.option("--data-dir", help="Mirror folder of the data sets (default: ENTMIN_DATA, else the Hub).")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N problems of each benchmark.")
@click.option("--grader", default="entmin", show_default=True, help="Which rules to check: entmin or paper.")
@click.option("--workers", type=click.IntRange(min=1), help="Grading processes (default: one per processor).")
@click.option(
    "-T", "options", multiple=True, metavar="KEY=VALUE", help="Option of the benchmark, such as subset=paper."
)
@click.option("--show", default=20, show_default=True, help="Failures to print for each benchmark.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document with every failure.")
@click.option("--unsafe-no-sandbox", is_flag=True, help="Run programs with your own rights. Recorded.")
def check(
    tasks: str,
    data_dir: str | None,
    limit: int | None,
    grader: str,
    workers: int | None,
    options: tuple[str, ...],
    show: int,
    as_json: bool,
    unsafe_no_sandbox: bool,
) -> None:
    """Grade answers whose verdict is known: no model is run.

    Every gold answer of TASK, written as a model would write it, and simple rewritings of it must be right; every
    corruption of it must be wrong. Exits with 1 when something fails that is not listed as a known odd gold.
    """
    from entmin.cli.programs import CODE_TASKS, check_report
    from entmin.tasks.registry import resolve

    chosen = resolve(tasks)
    settings = {**_settings(options), "data_dir": data_dir, "grader": grader}
    reports: list[Report | CodeReport] = []
    missing: dict[str, str] = {}
    for info in chosen:
        try:
            if info.name in CODE_TASKS:
                sandbox = {"sandbox": "unsafe-none"} if unsafe_no_sandbox else {}
                reports.append(check_report(info.name, settings | sandbox, limit, workers))
            else:
                reports.append(_report(info, settings, limit, workers))
        except UsageError:
            raise
        except EntminError as error:
            # One set that is not at hand must not hide what the others have to say.
            missing[info.name] = str(error)
            click.echo(error, err=True)
        else:
            if not as_json:
                _print_any(reports[-1], show)
    if as_json:
        click.echo(json.dumps({"reports": [report.to_dict() for report in reports], "missing": missing}, indent=1))
    if missing or any(report.unlisted for report in reports):
        sys.exit(EntminError.exit_code)


def _settings(options: tuple[str, ...]) -> dict[str, str]:
    pairs = [option.partition("=") for option in options]
    malformed = [name for name, equals, _ in pairs if not (name and equals)]
    if malformed:
        raise UsageError(f"-T takes KEY=VALUE, such as -T subset=paper; got {malformed[0]!r}")
    return {name: value for name, _, value in pairs}


def _report(info: TaskInfo, settings: dict[str, Any], limit: int | None, workers: int | None) -> Report:
    from entmin.grading import grade_many
    from entmin.tasks.checks import check as check_golds

    grading = partial(grade_many, workers=workers, grader=settings["grader"])
    return check_golds(info.name, islice(_golds(info, settings), limit), grading, partial(_why_odd, info.name))


def _why_odd(task: str, name: str) -> str | None:
    from entmin.grading.odd_golds import odd_golds

    return odd_golds(task).get(name)


def _golds(info: TaskInfo, settings: dict[str, Any]) -> Iterator[tuple[str, Gold]]:
    """(id, gold) of each sample of a benchmark: of the very samples that an evaluation would ask."""
    from entmin.grading.gold import Gold

    factory = info.load()
    known = signature(factory).parameters
    unknown = [name for name in settings if name not in known]
    if unknown:
        raise UsageError(f"{info.name} has no option {', '.join(unknown)}; it has {', '.join(known)}")
    task = factory(**settings)
    for sample in task.dataset:
        if "gold" not in (sample.metadata or {}):
            raise UsageError(f"{info.name} has no gold answers to check")
        yield str(sample.id), Gold.from_dict((sample.metadata or {})["gold"])


def _print_any(report: Report | CodeReport, show: int) -> None:
    from entmin.programs.checks import CodeReport

    if isinstance(report, CodeReport):
        click.echo("\n".join(report.lines(show)))
    else:
        _print(report, show)


def _print(report: Report, show: int) -> None:
    click.echo(f"{report.task}: {report.problems} problems")
    wanted = {"gold": "right", "rewriting": "right", "corruption": "wrong"}
    for kind, count in report.cases.items():
        click.echo(f"  {kind + 's':<12} {count - report.failed(kind):>6} of {count:>6} {wanted[kind]}")
    if report.failures:
        click.echo(f"  listed as odd {len(report.failures) - len(report.unlisted)}, failing {len(report.unlisted)}")
    if len(report.forms()) > 1:
        click.echo("  failing by form: " + ", ".join(f"{form} {count}" for form, count in report.forms().items()))
    for failure in report.unlisted[:show]:
        click.echo(_line(failure))
    if len(report.unlisted) > show:
        click.echo(f"  ... and {len(report.unlisted) - show} more; --show or --json gives them")


def _line(failure: Failure) -> str:
    case, verdict = failure.case, failure.verdict
    expected = "right" if case.right else "wrong"
    got = {True: "right", False: "wrong", None: "not judged"}[verdict.correct]
    gold = ", ".join(case.gold.answers)
    return (
        f"  FAIL {case.id} {case.kind} ({case.form}): expected {expected}, got {got} ({verdict.reason}); "
        f"gold {gold[:100]!r}, prediction {case.prediction[-120:]!r}, read as {(verdict.answer or '')[:80]!r}"
    )
