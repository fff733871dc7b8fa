"""``entmin grade``: judge a file of finished answers."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from entmin.cli import program_options as shared
from entmin.errors import EntminError, UsageError
from entmin.jsonl import answer_rows
from entmin.stats.estimates import wilson

if TYPE_CHECKING:
    from entmin.grading.gold import Gold


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


@dataclass(frozen=True)
class Row:
    """One answer to judge, checked."""

    id: Any
    prediction: str
    gold: Gold


def read_rows(path: Path, task: str) -> Iterator[Row]:
    """Rows in file order, each checked as it is read.

    Raises:
        UsageError: a line is malformed; the message names it.
    """
    from entmin.grading.golds import gold_for

    for where, row in answer_rows(path, "id", "prediction", "gold"):
        try:
            gold = gold_for(task, row["gold"])
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from error
        yield Row(row["id"], row["prediction"], gold)


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


def grade_file(task: str, source: Path, out: IO[str], done: set[str], tally: Tally, workers: int | None) -> None:
    """Judge what is not done yet and append each verdict as it comes."""
    from entmin.grading.api import grade_many

    waiting: list[Row] = []
    failure: list[UsageError] = []

    def pending() -> Iterator[tuple[str, str, Gold]]:
        try:
            for row in read_rows(source, task):
                if _key(row.id) not in done:
                    done.add(_key(row.id))
                    waiting.append(row)
                    yield task, row.prediction, row.gold
        except UsageError as error:
            # Rows before the bad line are in flight: they are finished and written before the error is shown.
            failure.append(error)

    for verdict in grade_many(pending(), workers=workers, grader=tally.grader):
        row = waiting.pop(0)
        written = {"id": row.id, **verdict.to_dict(), "ran": tally.grader}
        out.write(json.dumps(written, ensure_ascii=False) + "\n")
        out.flush()
        tally.add(written)
        tally.graded_now += 1
    if failure:
        raise failure[0]


def _judging(task: str, grader: str, options: dict[str, Any]) -> Callable[..., None]:
    """How the rows of `task` are judged: by rules on text, or for code by running the program."""
    from entmin.cli.programs import CODE_TASKS, grade_programs

    if task in CODE_TASKS:
        return partial(grade_programs, options={**options, "grader": grader})
    if options.keys() - {"data_dir"}:
        raise UsageError(f"--unsafe-no-sandbox and -T are only for code benchmarks: {', '.join(CODE_TASKS)}")
    return grade_file


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


@click.command(
    "grade", help="Judge the finished answers in FILE, rows of {id, prediction, gold}, by the rules of TASK."
)
@click.argument("task")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Rows with verdicts; appended, and resumed when it exists. Default: standard output.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary, and only it, as JSON.")
@click.option("--grader", type=click.Choice(["entmin", "paper"]), default="entmin", show_default=True)
@click.option("--workers", type=click.IntRange(1, 64), help="Grading processes. Default: one per core.")
@shared.program_options
def command(
    task: str, file: Path, output: Path | None, as_json: bool, grader: str, workers: int | None, **options: Any
) -> None:
    """Run the command; errors leave with their own exit code."""
    tally = Tally(grader)
    judging = _judging(task, grader, shared.take_program_options(options))
    try:
        done = finished(output, tally) if output else set()
        started = time.monotonic()
        if output:
            output.parent.mkdir(parents=True, exist_ok=True)
            with output.open("a", encoding="utf-8") as out:
                judging(task, file, out, done, tally, workers)
        elif as_json:
            with open(os.devnull, "w", encoding="utf-8") as nowhere:
                judging(task, file, nowhere, done, tally, workers)
        else:
            judging(task, file, sys.stdout, done, tally, workers)
    except EntminError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(error.exit_code) from error
    # Rows on standard output stay clean: the summary goes beside them. With --json only the summary is printed.
    _show(tally.summary(task, time.monotonic() - started), as_json=as_json, to_error=output is None and not as_json)
