"""The public calls: one verdict, many verdicts, two answers compared. All of them judge in pool processes."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator

from entmin.errors import EntminError, UsageError, closest
from entmin.grading import pool
from entmin.grading.extract import MAX_TEXT
from entmin.grading.gold import Gold
from entmin.in_order import in_order
from entmin.verdict import Verdict

GRADERS: dict[str, str] = {
    "entmin": "typed answers compared exactly, nothing evaluated",
    "paper": "the published verdict rules, re-implemented safely, to compare with published tables",
}
_VERSION = "4"
_log = logging.getLogger(__name__)


def _check(grader: str) -> None:
    if grader not in GRADERS:
        raise UsageError(f"unknown grader {grader!r}{closest(grader, list(GRADERS))}; there are {', '.join(GRADERS)}")


def _ask(task: str, prediction: str, gold: Gold, grader: str) -> Verdict:
    try:
        request = {
            "do": "grade", "task": task, "prediction": prediction[-MAX_TEXT:], "gold": gold.to_dict(), "grader": grader
        }  # fmt: skip
        reply = pool.shared().ask(request)
    except EntminError:
        raise
    except Exception as error:  # one row's border: whatever it holds, the other rows are judged
        reply = {"failure": f"{type(error).__name__}: {error}"}
    if "failure" in reply:
        _log.warning("an answer to %s was not judged: %s", task, ascii(reply["failure"]))
        return Verdict(None, None, reply.get("reason", "error"), grader, _VERSION)
    return Verdict(reply["correct"], reply["answer"], reply["reason"], reply["grader"], reply["grader_version"])


def grade(rules: str, prediction: str, gold: Gold, *, grader: str = "entmin") -> Verdict:
    """Judge one model answer; blocks until the verdict is there.

    Args:
        rules: The benchmark or judge whose rules apply where the gold does not say it.
        prediction: The model's whole answer.
        gold: The right answer; `entmin.tasks.answers` has the same call for golds as data sets write them.
        grader: ``entmin`` or ``paper``.

    Raises:
        UsageError: the grader is unknown.
    """
    _check(grader)
    return _ask(rules, prediction, gold, grader)


def grade_many(
    rows: Iterable[tuple[str, str, Gold]], *, workers: int | None = None, grader: str = "entmin"
) -> Iterator[Verdict]:
    """Verdicts of (task, prediction, gold) rows, in order, as they come; memory does not grow with the rows."""
    _check(grader)
    count = workers or min(pool.MAX_WORKERS, os.cpu_count() or 2)
    yield from in_order(lambda row: _ask(*row, grader), rows, count)


def equivalent(kind: str, a: str, b: str) -> bool | None:
    """Whether two answers to one problem are the same answer, for majority votes; None when that was not decided.

    Args:
        kind: The judge that says so: math, choice, exact, physics or integer.
        a: One model answer.
        b: The other.
    """
    request = {"do": "equivalent", "kind": kind, "a": a[-MAX_TEXT:], "b": b[-MAX_TEXT:]}
    reply = pool.shared().ask(request)
    return None if "failure" in reply else bool(reply["equal"])


def answer_in(kind: str, prediction: str) -> str | None:
    """The answer that a model's text states, found without looking at any gold; None where there is none."""
    request = {"do": "read", "kind": kind, "prediction": prediction[-MAX_TEXT:]}
    answer = pool.shared().ask(request).get("answer")
    return None if answer is None else str(answer)
