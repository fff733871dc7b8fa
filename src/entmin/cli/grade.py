"""``entmin grade``: judge a file of finished answers."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from entmin.api.options import task_options, tasks_named
from entmin.cli import options as common
from entmin.cli.tally import Tally, finished, key_of
from entmin.durable import alone, make_folder, private
from entmin.errors import EntminError, Interrupted, UsageError
from entmin.jsonl import answer_rows
from entmin.terminal import printable, say

if TYPE_CHECKING:
    from entmin.grading.gold import Gold
    from entmin.problem import Problem
    from entmin.tasks.benchmark import Benchmark
    from entmin.tasks.data import Loaded


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
    [info, *others] = tasks_named(task, judge)
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
    from entmin.in_order import in_order
    from entmin.tasks.registry import checked, judging_of, rules_of

    given = checked(info, options)
    rules = rules_of(info, given)
    rules.open()
    loaded = info.load(given.get("data_dir"), **{name: given[name] for name in info.own_options() if name in given})
    judging = judging_of(info)

    def verdicts(pairs: Iterator[tuple[str, Problem]]) -> Iterator[dict[str, Any]]:
        judged = in_order(lambda pair: judging(pair[1], pair[0], rules), pairs, workers)
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
                if key_of(row["id"]) in done:
                    continue
                try:
                    right = judged_by.right(row)
                except UsageError as error:
                    raise UsageError(f"{where}: {error}") from error
                done.add(key_of(row["id"]))
                waiting.append(row["id"])
                yield row["prediction"], right
        except UsageError as error:
            # Rows before the bad line are in flight: they are finished and written before the error is shown.
            failure.append(error)

    for verdict in judged_by.verdicts(pending()):
        written = {"id": waiting.popleft(), **verdict, "ran": tally.grader}
        out.write(printable(json.dumps(written)) + "\n")  # ASCII: for any terminal, and half a surrogate is no error
        out.flush()
        tally.add(written)
        tally.graded_now += 1
    if failure:
        raise failure[0]


@contextmanager
def _opened(output: Path | None, as_json: bool, tally: Tally) -> Iterator[tuple[IO[str], set[str]]]:
    """Where verdicts go, and the ids that are there already."""
    if output is None:
        if not as_json:
            yield sys.stdout, set()
            return
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            yield nowhere, set()
        return
    make_folder(output.parent)
    open(output, "a", opener=private).close()
    with alone(output):
        done = finished(output, tally)
        with output.open("a", encoding="utf-8") as out:
            yield out, done


def _show(summary: dict[str, Any], *, as_json: bool, to_error: bool) -> None:
    if as_json:
        say(json.dumps(summary), err=to_error)
        return
    low, high = summary["interval_95"]
    accuracy = "-" if summary["accuracy"] is None else f"{100 * summary['accuracy']:.1f} %"
    reasons = ", ".join(f"{name} {count}" for name, count in summary["reasons"].items())
    say(f"{summary['task']} by {summary['grader']}: {summary['correct']} of {summary['n']} right", err=to_error)
    say(f"accuracy {accuracy}, 95 % interval {100 * low:.1f} to {100 * high:.1f} %", err=to_error)
    say(f"not judged {summary['not_judged']}; {reasons or 'nothing graded'}", err=to_error)
    if summary["judged_in_process"]:
        say(f"{summary['judged_in_process']} judged in process (docs/safety.md)", err=to_error)
    say(f"{summary['graded_now']} graded now, {summary['rows_per_second']} rows/s", err=to_error)


@click.command("grade")
@click.argument("task")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@common.judge_option
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Rows with verdicts; appended, and resumed when it exists. Default: standard output.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary, and only it, as JSON.")
@click.option("--grader", default="entmin", show_default=True, help="Rules that judge answers: entmin or paper.")
@click.option("--workers", type=click.IntRange(1, 64), help="Grading processes. Default: one per core.")
@common.task_option
@common.data_option
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
    tally, started = Tally(grader), time.monotonic()
    try:
        judged_by = judging(task, judge, grader, workers or os.cpu_count() or 2, task_options(common.read(options)))
        started = time.monotonic()
        with _opened(output, as_json, tally) as (out, done):
            grade_file(judged_by, file, out, done, tally)
        if not tally.reasons:
            raise UsageError(f"{file} has no answers to judge; each line must be one JSON object")
    except EntminError as error:
        say(f"error: {error}", err=True)
        raise SystemExit(error.exit_code) from error
    except KeyboardInterrupt:
        kept = f"kept in {output}, and the same command goes on" if output else "kept nowhere: name a file by -o"
        raise Interrupted(f"interrupted; {sum(tally.reasons.values())} verdicts are {kept}") from None
    # Rows on standard output stay clean: the summary goes beside them. With --json only the summary is printed.
    _show(tally.summary(task, time.monotonic() - started), as_json=as_json, to_error=output is None and not as_json)
