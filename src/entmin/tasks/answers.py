r"""Golds, verdicts and votes by the name of a benchmark.

`entmin.grading` judges an answer against a `Gold`. Here a benchmark's name says how its answers read, so that an
answer can be judged with nothing but the name: ``grade("math500", "so \boxed{5}", "5")``. The name of a judge
(``math``, ``choice``, ``exact``, ``physics``, ``integer``) serves as well, for problems that no benchmark holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from entmin import grading
from entmin.errors import UsageError, closest
from entmin.grading.gold import Gold
from entmin.tasks.benchmark import Benchmark
from entmin.tasks.golds import READERS
from entmin.tasks.registry import tasks
from entmin.verdict import Verdict


def _reading(name: str) -> tuple[str, Callable[[Any], Gold]]:
    """The judge and the gold reader of a benchmark or of a judge."""
    if name in READERS:
        return name, READERS[name]
    readable = {one.name: (one.judge, one.gold) for one in tasks().values() if isinstance(one, Benchmark) and one.gold}
    if name not in readable:
        known = [*readable, *READERS]
        raise UsageError(f"no grader for task {name!r}{closest(name, known)}; there is one for {', '.join(known)}")
    return readable[name]


def gold_for(name: str, raw: Any) -> Gold:
    """The gold of a benchmark's record, answer column, or an already made gold in any form.

    Raises:
        UsageError: the name is unknown, or the record lacks its answer.
    """
    if isinstance(raw, Gold):
        return raw
    if isinstance(raw, dict) and "kind" in raw and "answers" in raw:
        return Gold.from_dict(raw)
    return _reading(name)[1](raw)


def grade(name: str, prediction: str, gold: Any, *, grader: str = "entmin") -> Verdict:
    """Judge one model answer by the rules of a benchmark; blocks until the verdict is there.

    Args:
        name: the benchmark, or a judge.
        prediction: the model's whole answer.
        gold: as the data set writes it, or a `Gold`.
        grader: ``entmin`` or ``paper``.

    Raises:
        UsageError: the name or grader is unknown, or the gold malformed.
    """
    found = tasks().get(name)
    rules = found.rules if isinstance(found, Benchmark) else None
    return grading.grade(rules or name, prediction, gold_for(name, gold), grader=grader)


def judge_of(name: str) -> str:
    """The judge of a benchmark's answers, which says when two of them are the same.

    Raises:
        UsageError: its answers have no reading, as those of code benchmarks.
    """
    return _reading(name)[0]


def equivalent(name: str, a: str, b: str) -> bool | None:
    """Whether two answers to one problem are the same answer, for majority votes; None when that was not decided."""
    return grading.equivalent(judge_of(name), a, b)


def answer_in(name: str, prediction: str) -> str | None:
    """The answer that a model's text states, found without looking at any gold; None where there is none."""
    return grading.answer_in(judge_of(name), prediction)
