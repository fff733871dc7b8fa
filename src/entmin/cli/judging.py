"""How ``entmin grade`` judges the answers to a task, and what a verdict depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from entmin.api.options import tasks_named
from entmin.errors import EntminError, UsageError
from entmin.tasks.answer_files import ABSENT, Answer

if TYPE_CHECKING:
    from entmin.grading.gold import Gold
    from entmin.problem import Problem
    from entmin.tasks.benchmark import Benchmark
    from entmin.tasks.data import Loaded


@dataclass(frozen=True)
class Judging:
    """How the answers to a benchmark are judged."""

    right: Callable[[Answer], Any]
    """What an answer is judged against, a gold or a problem; raises a `UsageError` where there is none."""
    verdicts: Callable[[Iterator[tuple[str, Any]]], Iterator[dict[str, Any]]]
    """Judges (answer, what is right) pairs in order, as they come."""
    rules: Callable[[Any], Any]
    """From what is right to all else that a verdict depends on, as JSON."""
    with_gold: bool = False
    """Whether each row must hold its gold."""

    def key(self, answer: Answer, right: Any) -> str:
        """A name for everything that the verdict depends on, so that none is taken for another one's."""
        judged = [answer.id, answer.prediction, self.rules(right)]
        return hashlib.sha256(json.dumps(judged, sort_keys=True, default=str).encode()).hexdigest()[:20]


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
        return _by_rules(task, lambda answer: gold_for(task, answer.stated_gold()), grader, workers, with_gold=True)
    [info, *others] = tasks_named(task, judge)
    if others:
        raise UsageError(f"{task} is a group; grade the answers to one benchmark at a time")
    if not isinstance(info, Benchmark):
        raise UsageError(f"{task} is an Inspect task with a scorer of its own; `inspect score` grades its logs")
    if info.gold is None:
        return _by_running(info, {**options, "grader": grader}, workers)
    if options.keys() - {"data_dir"}:
        raise UsageError("--unsafe-no-sandbox and -T are only for code benchmarks")
    read = info.gold

    @cache
    def load() -> Loaded:
        try:
            return info.load(options.get("data_dir"))
        except EntminError as error:
            raise EntminError(f"rows without a gold take it from the data of {task}: {error}") from error

    if info.rules is not None and info.refuse is not None:
        info.refuse(info, load(), grader)

    def right(answer: Answer) -> Gold:
        if info.rules is None and answer.gold is not ABSENT:
            return gold_for(task, answer.stated_gold())
        return read(_problem(info.name, load(), answer).gold)

    return _by_rules(info.rules or task, right, grader, workers)


def _by_rules(
    name: str, right: Callable[[Answer], Gold], grader: str, workers: int, *, with_gold: bool = False
) -> Judging:
    from entmin.grading import grade_many
    from entmin.grading.judge import versions

    def verdicts(pairs: Iterator[tuple[str, Gold]]) -> Iterator[dict[str, Any]]:
        rows = ((name, prediction, gold) for prediction, gold in pairs)
        return (verdict.to_dict() for verdict in grade_many(rows, workers=workers, grader=grader))

    def rules(gold: Gold) -> Any:
        return [name, grader, versions((gold.kind,), grader), gold.to_dict()]

    return Judging(right, verdicts, rules, with_gold)


def _by_running(info: Benchmark, options: dict[str, Any], workers: int) -> Judging:
    from entmin.in_order import in_order
    from entmin.programs.judge import VERSION
    from entmin.tasks.registry import checked, judging_of, rules_of

    given = checked(info, options)
    rules = rules_of(info, given)
    rules.open()
    loaded = info.load(given.get("data_dir"), **{name: given[name] for name in info.own_options() if name in given})
    judging = judging_of(info)
    known = [info.name, VERSION, asdict(rules), loaded.record.get("sha256")]

    def verdicts(pairs: Iterator[tuple[str, Problem]]) -> Iterator[dict[str, Any]]:
        judged = in_order(lambda pair: judging(pair[1], pair[0], rules), pairs, workers)
        return (one.to_dict() for one in judged)

    return Judging(partial(_problem, info.name, loaded), verdicts, lambda problem: [*known, problem.id])


def _problem(task: str, loaded: Loaded, answer: Answer) -> Problem:
    """The problem that an id names: itself, or the first part of ``[problem, sample]``."""
    if answer.problem not in loaded.by_id:
        known = next(iter(loaded.by_id))
        raise UsageError(f"{task} has no problem {answer.id!r}; its ids look like {known!r}")
    return loaded.by_id[answer.problem]
