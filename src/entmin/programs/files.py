"""Judging a file of finished programs, rows of ``{id, prediction}``: the code side of `entmin grade`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from entmin.errors import UsageError
from entmin.jsonl import answer_rows
from entmin.programs.judge import Judgement, Rules
from entmin.programs.judges import judge_any
from entmin.programs.problems import Problems

_AHEAD = 4
"""Programs in flight per worker."""


def predictions(path: Path, problems: Problems) -> Iterator[tuple[Any, str]]:
    """(id, answer) of each row, checked as it is read.

    Raises:
        UsageError: a line is malformed or its id unknown; the message names it.
    """
    for where, row in answer_rows(path, "id", "prediction"):
        if problem_id(row["id"]) not in problems.rows:
            known = next(iter(problems.rows))
            raise UsageError(f"{where}: {problems.task} has no problem {row['id']!r}; its ids look like {known!r}")
        yield row["id"], row["prediction"]


def problem_id(identifier: Any) -> str:
    """The problem a row's id names: itself, or the first part of ``[problem, sample]``."""
    return str(identifier[0] if isinstance(identifier, list) and identifier else identifier)


def judge_rows(
    rows: Iterator[tuple[Any, str]], problems: Problems, rules: Rules, workers: int
) -> Iterator[tuple[Any, Judgement]]:
    """Judge rows in order, several at a time; a bad row is raised after those before it are out."""
    pending: deque[tuple[Any, Future[Judgement]]] = deque()
    failure: list[UsageError] = []
    with ThreadPoolExecutor(workers) as threads:
        try:
            for identifier, prediction in _until(rows, failure.append):
                row = problems.rows[problem_id(identifier)]
                pending.append((identifier, threads.submit(judge_any, row, prediction, rules)))
                if len(pending) >= workers * _AHEAD:
                    first, future = pending.popleft()
                    yield first, future.result()
            while pending:
                first, future = pending.popleft()
                yield first, future.result()
        finally:
            for _, future in pending:
                future.cancel()
    if failure:
        raise failure[0]


def _until(rows: Iterator[tuple[Any, str]], report: Callable[[UsageError], None]) -> Iterator[tuple[Any, str]]:
    try:
        yield from rows
    except UsageError as error:
        report(error)
