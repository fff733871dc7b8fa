"""From a checked data set to an Inspect task, the one way every benchmark here takes.

The whole prompt stands in `Sample.input`, so a runner may replace the solver (for seeded or entropy-minimised
decoding) without changing what is asked. Each sample carries its gold, its groups and its prompt profile, so a log can
be graded again and broken down without the data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inspect_ai import Task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessage, ChatMessageSystem, ChatMessageUser
from inspect_ai.scorer import Metric, Scorer, accuracy, grouped, stderr
from inspect_ai.solver import generate

from entmin.evals.scorers.graded import graded
from entmin.problem import Problem
from entmin.tasks.columns import GROUPS
from entmin.tasks.data import Loaded
from entmin.tasks.prompts import Family, profile, turns


def benchmark(
    name: str,
    data: Loaded,
    *,
    family: Family,
    prompt: str,
    grader: str,
    seed: int,
    rows: Sequence[Problem] | None = None,
    second_stage: Sequence[Scorer] = (),
    version: int = 1,
) -> Task:
    """The Inspect task of one benchmark.

    Args:
        name: The benchmark's name in the registry, which also names its grading rules.
        data: The data set it draws on.
        family: Which prompt its problems get.
        prompt: The prompt profile.
        grader: ``entmin``, or ``paper`` for the published verdict rules.
        seed: The seed of whatever the task itself draws, such as option orders.
        rows: The rows to ask, where they are not simply those of `data`.
        second_stage: Scorers that run after the rules and keep their verdicts apart.
        version: Raised when the same answers can get another score (data, gold or sample ids changed).
    """
    asked = profile(prompt).record()
    samples = [_sample(name, row, family, prompt, asked) for row in (data.rows if rows is None else rows)]
    return Task(
        dataset=MemoryDataset(samples, name=name),
        solver=generate(),
        scorer=[graded(name, grader), *second_stage],
        metrics=_metrics(samples),
        name=name,
        version=version,
        metadata={"benchmark": name, "data": data.record(), "grader": grader, "seed": seed, **asked},
    )


def _sample(name: str, row: Problem, family: Family, prompt: str, asked: dict[str, str | int]) -> Sample:
    from entmin.grading import gold_for

    gold = gold_for(name, row.gold)
    groups = {"level": row.level, "subject": row.subject, "year": row.year}
    known = {key: value for key, value in groups.items() if value is not None}
    return Sample(
        input=[_message(role, text) for role, text in turns(prompt, family, row)],
        target=", ".join(gold.answers),
        id=row.id,
        metadata={"gold": gold.to_dict(), **known, **row.extra, **asked},
    )


def _message(role: str, text: str) -> ChatMessage:
    return ChatMessageSystem(content=text) if role == "system" else ChatMessageUser(content=text)


def _metrics(samples: Sequence[Sample]) -> list[Metric | dict[str, list[Metric]]]:
    """Accuracy and its standard error, and accuracy by each group that every sample has and that divides them."""
    found: list[Metric | dict[str, list[Metric]]] = [accuracy(), stderr()]
    for key in GROUPS:
        values: set[Any] = {(sample.metadata or {}).get(key) for sample in samples}
        if None not in values and len(values) > 1:
            found.append(grouped(accuracy(), key, all=False, name_template=f"{key}: {{group_name}}"))
    return found
