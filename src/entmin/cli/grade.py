"""``entmin grade``: judge a file of finished answers."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from entmin.cli import options as common
from entmin.cli import task_options as shared
from entmin.errors import EntminError, UsageError
from entmin.jsonl import answer_rows
from entmin.stats.estimates import wilson

if TYPE_CHECKING:
    from entmin.grading.gold import Gold
    from entmin.problem import Problem
    from entmin.tasks.benchmark import Benchmark
    from entmin.tasks.data import Loaded


@dataclass
class Tally:
    """What has been judged so far."""

    grader: str
    reasons: Counter[str] = field(default_factory=Counter)
    correct: int = 0
    not_judged: int = 0
    in_process: int = 0
    """Programs whose tests could not be held apart from them."""
    graded_now: int = 0

    def add(self, row: dict[str, Any]) -> None:
        """Count one output row."""
        self.reasons[str(row.get("reason"))] += 1
        self.correct += row.get("correct") is True
        self.not_judged += row.get("correct") is None
        self.in_process += row.get("judged_in_process") is True

    def summary(self, task: str, seconds: float) -> dict[str, Any]:
        """The numbers the command prints. Accuracy is over judged rows; its interval is Wilson's at 95 %."""
        n = sum(self.reasons.values())
        judged = n - self.not_judged
        low, high = wilson(self.correct, judged) if judged else (0.0, 1.0)
        return {
            "task": task,
            "grader": self.grader,
            "n": n,
            "correct": self.correct,
            "not_judged": self.not_judged,
            "judged_in_process": self.in_process,
            "accuracy": self.correct / judged if judged else None,
            "interval_95": [low, high],
            "reasons": dict(sorted(self.reasons.items())),
            "graded_now": self.graded_now,
            "rows_per_second": round(self.graded_now / seconds, 1) if seconds > 0 else None,
        }


def _key(identifier: Any) -> str:
    return json.dumps(identifier, sort_keys=True)


def finished(path: Path, tally: Tally) -> set[str]:
    """Ids already in the output, counted into the tally; a line cut off by a kill is removed.

    Raises:
        UsageError: the output is of another grader, or not ours.
    """
    if not path.exists():
        return set()
    done: set[str] = set()
    kept = 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(b"\n"):
                break
            try:
                row = json.loads(line)
                tally.add(row)
                done.add(_key(row["id"]))
            except (ValueError, KeyError, AttributeError) as error:
                raise UsageError(f"{path}, line {number}: not a row of `entmin grade`; choose another -o") from error
            kept += len(line)
            if row.get("ran") != tally.grader:
                raise UsageError(
                    f"{path} was graded by {row.get('ran')!r}, not {tally.grader!r}; choose another -o or remove it"
                )
    if kept != path.stat().st_size:
        with path.open("r+b") as file:
            file.truncate(kept)
    return done


@dataclass(frozen=True)
class Judging:
    """How the answers to a benchmark are judged."""

    fields: tuple[str, ...]
    """What a row must have."""
    right: Callable[[dict[str, Any]], Any]
    """From a row to what its answer is judged against, a gold or a problem; raises a `UsageError` for a bad row."""
    verdicts: Callable[[Iterator[tuple[str, Any]]], Iterator[dict[str, Any]]]
    """Judges (answer, what is right) pairs in order, as they come."""


def judging(task: str, judge: str | None, grader: str, workers: int, options: dict[str, Any]) -> Judging:
    """How the answers to `task` are judged: a benchmark, a file of problems, or a judge by its own name.

    Args:
        task: the name or path.
        judge: who judges the answers to a file.
        grader: the rules.
        workers: answers at a time.
        options: options of the benchmark.

    Raises:
        UsageError: nothing is called so, it has no golds, or it has not these options.
    """
    from entmin.tasks.answers import gold_for
    from entmin.tasks.benchmark import Benchmark
    from entmin.tasks.golds import READERS

    if task in READERS and judge is None:
        return _by_rules(task, ("id", "prediction", "gold"), lambda row: gold_for(task, row["gold"]), grader, workers)
    [info, *others] = shared.take_tasks(task, judge)
    if others:
        raise UsageError(f"{task} is a group; grade the answers to one benchmark at a time")
    if not isinstance(info, Benchmark):
        raise UsageError(f"{task} is an Inspect task with a scorer of its own; `inspect score` grades its logs")
    if info.gold is None:
        return _by_running(info, {**options, "grader": grader}, workers)
    if options.keys() - {"data_dir"}:
        raise UsageError("--unsafe-no-sandbox and -T are only for code benchmarks")
    if info.rules is None:
        return _by_rules(task, ("id", "prediction", "gold"), lambda row: gold_for(task, row["gold"]), grader, workers)
    read, loaded = info.gold, info.load()
    if info.refuse is not None:
        info.refuse(info, loaded, grader)
    by_id = partial(_problem, info.name, loaded)
    return _by_rules(info.rules, ("id", "prediction"), lambda row: read(by_id(row).gold), grader, workers)


def _by_rules(
    rules: str, fields: tuple[str, ...], right: Callable[[dict[str, Any]], Gold], grader: str, workers: int
) -> Judging:
    def verdicts(pairs: Iterator[tuple[str, Gold]]) -> Iterator[dict[str, Any]]:
        from entmin.grading import grade_many

        rows = ((rules, prediction, gold) for prediction, gold in pairs)
        return (verdict.to_dict() for verdict in grade_many(rows, workers=workers, grader=grader))

    return Judging(fields, right, verdicts)


def _by_running(info: Benchmark, options: dict[str, Any], workers: int) -> Judging:
    from entmin.programs.files import judge_answers
    from entmin.tasks.registry import checked, judging_of, rules_of

    given = checked(info, options)
    rules = rules_of(info, given)
    rules.open()
    loaded = info.load(given.get("data_dir"), **{name: given[name] for name in info.own_options() if name in given})
    judging = judging_of(info)

    def verdicts(pairs: Iterator[tuple[str, Problem]]) -> Iterator[dict[str, Any]]:
        judged = judge_answers(pairs, lambda problem, answer: judging(problem, answer, rules), workers)
        return (one.to_dict() for one in judged)

    return Judging(("id", "prediction"), partial(_problem, info.name, loaded), verdicts)


def _problem(task: str, loaded: Loaded, row: dict[str, Any]) -> Problem:
    """The problem that an id names: itself, or the first part of ``[problem, sample]``."""
    name = row["id"][0] if isinstance(row["id"], list) and row["id"] else row["id"]
    if str(name) not in loaded.by_id:
        known = next(iter(loaded.by_id))
        raise UsageError(f"{task} has no problem {row['id']!r}; its ids look like {known!r}")
    return loaded.by_id[str(name)]


def grade_file(judged_by: Judging, source: Path, out: IO[str], done: set[str], tally: Tally) -> None:
    """Judge what is not done yet and append each verdict as it comes."""
    waiting: deque[Any] = deque()
    failure: list[UsageError] = []

    def pending() -> Iterator[tuple[str, Any]]:
        try:
            for where, row in answer_rows(source, *judged_by.fields):
                if _key(row["id"]) in done:
                    continue
                try:
                    right = judged_by.right(row)
                except UsageError as error:
                    raise UsageError(f"{where}: {error}") from error
                done.add(_key(row["id"]))
                waiting.append(row["id"])
                yield row["prediction"], right
        except UsageError as error:
            # Rows before the bad line are in flight: they are finished and written before the error is shown.
            failure.append(error)

    for verdict in judged_by.verdicts(pending()):
        written = {"id": waiting.popleft(), **verdict, "ran": tally.grader}
        out.write(json.dumps(written, ensure_ascii=False) + "\n")
        out.flush()
        tally.add(written)
        tally.graded_now += 1
    if failure:
        raise failure[0]


def _show(summary: dict[str, Any], *, as_json: bool, to_error: bool) -> None:
    if as_json:
        click.echo(json.dumps(summary), err=to_error)
        return
    low, high = summary["interval_95"]
    accuracy = "-" if summary["accuracy"] is None else f"{100 * summary['accuracy']:.1f} %"
    reasons = ", ".join(f"{name} {count}" for name, count in summary["reasons"].items())
    click.echo(f"{summary['task']} by {summary['grader']}: {summary['correct']} of {summary['n']} right", err=to_error)
    click.echo(f"accuracy {accuracy}, 95 % interval {100 * low:.1f} to {100 * high:.1f} %", err=to_error)
    click.echo(f"not judged {summary['not_judged']}; {reasons or 'nothing graded'}", err=to_error)
    if summary["judged_in_process"]:
        click.echo(f"{summary['judged_in_process']} judged in process (docs/safety.md)", err=to_error)
    click.echo(f"{summary['graded_now']} graded now, {summary['rows_per_second']} rows/s", err=to_error)


@click.command("grade")
@click.argument("task")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@shared.judge_option
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Rows with verdicts; appended, and resumed when it exists. Default: standard output.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary, and only it, as JSON.")
@click.option("--grader", default="entmin", show_default=True, help="Rules that judge answers: entmin or paper.")
@click.option("--workers", type=click.IntRange(1, 64), help="Grading processes. Default: one per core.")
@click.option("-T", "task_args", multiple=True, metavar="KEY=VALUE", help="Code: option of the task.")
@click.option("--data-dir", envvar="ENTMIN_DATA", help="Code: mirror folder of the data sets.")
@common.unsafe_option
def command(
    task: str,
    file: Path,
    judge: str | None,
    output: Path | None,
    as_json: bool,
    grader: str,
    workers: int | None,
    **options: Any,
) -> None:
    """Judge the finished answers in FILE by the rules of TASK.

    TASK is a benchmark, or a file of problems with --judge. Rows of FILE are {id, prediction, gold}; {id, prediction}
    for code and for files of problems, whose golds are known.
    """
    try:
        tally = Tally(grader)
        judged_by = judging(task, judge, grader, workers or os.cpu_count() or 2, common.with_sandbox(options))
        done = finished(output, tally) if output else set()
        started = time.monotonic()
        if output:
            output.parent.mkdir(parents=True, exist_ok=True)
            with output.open("a", encoding="utf-8") as out:
                grade_file(judged_by, file, out, done, tally)
        elif as_json:
            with open(os.devnull, "w", encoding="utf-8") as nowhere:
                grade_file(judged_by, file, nowhere, done, tally)
        else:
            grade_file(judged_by, file, sys.stdout, done, tally)
    except EntminError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(error.exit_code) from error
    # Rows on standard output stay clean: the summary goes beside them. With --json only the summary is printed.
    _show(tally.summary(task, time.monotonic() - started), as_json=as_json, to_error=output is None and not as_json)
