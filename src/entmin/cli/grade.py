"""``entmin grade``: judge a file of finished answers."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import click

from entmin.api.options import task_options
from entmin.cli import options as common
from entmin.cli.judging import Judging, judging
from entmin.cli.tally import Finished, Tally, finished
from entmin.durable import alone, make_folder, private
from entmin.errors import EntminError, Interrupted, UsageError
from entmin.tasks.answer_files import Answer, AnswerFile, fields_of
from entmin.terminal import printable, say

_ALIKE = "rows repeat an earlier row, id and answer; each counts as a sample of its own"
_SHOWN = 3


def _keyed(judged_by: Judging, answers: AnswerFile, tally: Tally) -> Iterator[tuple[Answer, Any, str]]:
    """Each answer with what it is judged against and its key; rows that hold none are counted."""
    for one in answers:
        try:
            if isinstance(one, UsageError):
                raise one
            right = judged_by.right(one)
        except UsageError as error:
            said = str(error)
            tally.refuse(said if isinstance(one, UsageError) else f"{one.where}: {said}")
        else:
            yield one, right, judged_by.key(one, right)


def grade_file(judged_by: Judging, answers: AnswerFile, out: IO[str], done: Counter[str], tally: Tally) -> None:
    """Judge what is not done yet and append each verdict as it comes."""
    waiting: deque[tuple[Any, str]] = deque()
    met: set[str] = set()

    def pending() -> Iterator[tuple[str, Any]]:
        for answer, right, key in _keyed(judged_by, answers, tally):
            if key in met:
                answers.notices[_ALIKE] += 1
            met.add(key)
            if done[key]:
                done[key] -= 1
                continue
            waiting.append((answer.id, key))
            yield answer.prediction, right

    for verdict in judged_by.verdicts(pending()):
        identifier, key = waiting.popleft()
        written = {"id": identifier, **verdict, "ran": tally.grader, "key": key}
        out.write(printable(json.dumps(written)) + "\n")  # ASCII: for any terminal, and half a surrogate is no error
        out.flush()
        tally.add(written)
        tally.graded_now += 1


def _require_same(found: Finished, judged_by: Judging, answers: AnswerFile, output: Path | None, source: Path) -> None:
    """Refuse an output that holds verdicts on anything that FILE does not hold: it is another run's."""
    if not found.keys:
        return
    if not source.is_file():
        raise UsageError(f"{output} has verdicts already, and {source} can be read only once; choose another -o")
    others = found.keys - Counter(key for _, _, key in _keyed(judged_by, answers, Tally("")))
    for key in others:
        line, identifier = found.places[key]
        raise UsageError(
            f"{output}, line {line}: the verdict on {identifier!r} is not on an answer of {source} as it is now: the "
            "task, the answer, its gold or the rules have changed; choose another -o, or remove it"
        )


@contextmanager
def _opened(
    output: Path | None, as_json: bool, tally: Tally, check: Callable[[Finished], None]
) -> Iterator[tuple[IO[str], Counter[str]]]:
    """Where verdicts go, and the keys of those that are there already."""
    if output is None:
        if not as_json:
            yield sys.stdout, Counter()
            return
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            yield nowhere, Counter()
        return
    make_folder(output.parent)
    open(output, "a", opener=private).close()
    with alone(output):
        found = finished(output, tally)
        check(found)
        with output.open("a", encoding="utf-8") as out:
            yield out, found.keys


def _kept(output: Path | None, tally: Tally) -> str:
    """How many verdicts there are after Ctrl-C, and where; the file may be a verdict ahead of the tally."""
    if output is None:
        return f"{tally.graded_now} verdicts are kept nowhere: name a file by -o"
    verdicts = 0
    if output.is_file():
        with output.open("rb") as lines:
            verdicts = sum(line.endswith(b"\n") for line in lines)
    return f"{verdicts} verdicts are kept in {output}, and the same command goes on"


def _show(summary: dict[str, Any], *, as_json: bool, to_error: bool) -> None:
    if as_json:
        say(json.dumps(summary), err=to_error)
        return
    low, high = summary["interval_95"]
    accuracy = "-" if summary["accuracy"] is None else f"{100 * summary['accuracy']:.1f} %"
    reasons = ", ".join(f"{name} {count}" for name, count in summary["reasons"].items())
    several = "" if summary["n"] == summary["problems"] else f", to {summary['problems']} problems"
    right = f"{summary['correct']} of {summary['n']} right{several}"
    say(f"{summary['task']} by {summary['grader']}: {right}", err=to_error)
    say(f"accuracy {accuracy}, 95 % interval {100 * low:.1f} to {100 * high:.1f} %", err=to_error)
    say(f"not judged {summary['not_judged']}; {reasons or 'nothing graded'}", err=to_error)
    if summary["judged_in_process"]:
        say(f"{summary['judged_in_process']} judged in process (docs/safety.md)", err=to_error)
    say(f"{summary['graded_now']} graded now, {summary['rows_per_second']} rows/s", err=to_error)


def _tell(answers: AnswerFile, *, as_json: bool) -> dict[str, Any]:
    """Say what was read and what not; the same for the summary, which alone is printed as JSON."""
    unread = list(answers.unread)
    told = "; ".join(f"{count} {form}" for form, count in answers.forms.items()) or "nothing"
    if not as_json:
        say(f"read: {told}" + (f"; columns that are not read: {', '.join(unread)}" if unread else ""), err=True)
    for what, count in answers.notices.items():
        say(f"note: {count} {what}", err=True)
    return {"forms": dict(answers.forms), "columns_not_read": unread}


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
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME=COLUMN",
    help="Where FILE has other names: the column of id, prediction or gold, such as gold=doc.answer.",
)
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
    fields: tuple[str, ...],
    **options: Any,
) -> None:
    """Judge the finished answers in FILE by the rules of TASK.

    TASK is a benchmark, a judge, or a file of problems with --judge. FILE holds rows {id, prediction, gold} as JSON
    Lines, a JSON array, CSV or Parquet, packed by gzip or not; or samples of lm-evaluation-harness, or results of batch
    APIs. Where rows have no gold, the task's data set has it. A row that cannot be judged is named; the others are
    judged, and the command fails.
    """
    tally, started = Tally(grader), time.monotonic()
    try:
        judged_by = judging(task, judge, grader, workers or os.cpu_count() or 2, task_options(common.read(options)))
        read = partial(AnswerFile, file, fields_of(fields), with_gold=judged_by.with_gold)
        check = partial(_require_same, judged_by=judged_by, answers=read(), output=output, source=file)
        answers, started = read(), time.monotonic()
        with _opened(output, as_json, tally, check) as (out, done):
            grade_file(judged_by, answers, out, done, tally)
        if not tally.reasons and not tally.refused:
            raise UsageError(f"{file} has no answers to judge")
    except EntminError as error:
        say(f"error: {error}", err=True)
        raise SystemExit(error.exit_code) from error
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; {_kept(output, tally)}") from None
    facts = _tell(answers, as_json=as_json)
    # Rows on standard output stay clean: the summary goes beside them. With --json only the summary is printed.
    if tally.reasons:
        summary = tally.summary(task, time.monotonic() - started) | facts
        _show(summary, as_json=as_json, to_error=output is None and not as_json)
    if tally.refused:
        for said in tally.refused[:_SHOWN]:
            say(f"error: {said}", err=True)
        say(f"error: {len(tally.refused)} rows of {file} were not judged", err=True)
        raise SystemExit(UsageError.exit_code)
