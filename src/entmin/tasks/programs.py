"""From the problems of a code benchmark to an Inspect task, the one way all five take.

The sandbox is opened while the task is made: where programs cannot run safely, nothing is asked of a model first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inspect_ai import Task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessage, ChatMessageSystem, ChatMessageUser
from inspect_ai.scorer import Metric, accuracy, grouped, stderr
from inspect_ai.solver import generate

from entmin.evals.scorers.programs import programs
from entmin.problem import Problem
from entmin.programs.judge import Rules
from entmin.programs.problems import problems
from entmin.programs.prompts import profile, turns
from entmin.tasks.columns import GROUPS
from entmin.tasks.prompts import Turns


def code_benchmark(
    rules: Rules,
    *,
    prompt: str,
    data_dir: str | None,
    seed: int,
    source: dict[str, Any] | None = None,
    version: int = 1,
    **metadata: Any,
) -> Task:
    """The Inspect task of a code benchmark.

    Args:
        rules: How answers are judged.
        prompt: The prompt profile.
        data_dir: Mirror folder.
        seed: The seed of whatever the task itself draws; nothing here.
        source: The benchmark's own data options.
        version: Raised when the same answers can get another score.
        metadata: What else the log must say.
    """
    asked = profile(prompt).record()
    found = problems(rules.task, data_dir, source)
    samples = [_sample(rules.task, row, prompt, asked) for row in found.rows.values()]
    return Task(
        dataset=MemoryDataset(samples, name=rules.task),
        solver=generate(),
        scorer=programs(rules.task, rules.grader, rules.sandbox, rules.cpu_seconds, data_dir, source),
        metrics=_metrics(samples),
        name=rules.task,
        version=version,
        metadata={
            "benchmark": rules.task,
            "kind": "code",
            "data": dict(found.record),
            "grader": rules.grader,
            "seed": seed,
            "limits": rules.limits().record(),
            **rules.open().record(),
            **metadata,
            **asked,
        },
    )


def _sample(task: str, row: Problem, prompt: str, asked: dict[str, str | int]) -> Sample:
    groups = {"level": row.level, "subject": row.subject, "year": row.year}
    known = {key: value for key, value in groups.items() if value is not None}
    return Sample(
        input=[_message(role, text) for role, text in _turns(task, row, prompt)],
        id=row.id,
        metadata={**known, **row.extra, **asked},
    )


def _turns(task: str, row: Problem, prompt: str) -> Turns:
    if task == "scicode":
        # Its own solver asks step by step; this only shows the problem in a log.
        return [("user", row.question)]
    return turns(prompt, task, row)


def _message(role: str, text: str) -> ChatMessage:
    return ChatMessageSystem(content=text) if role == "system" else ChatMessageUser(content=text)


def _metrics(samples: Sequence[Sample]) -> list[Metric | dict[str, list[Metric]]]:
    found: list[Metric | dict[str, list[Metric]]] = [accuracy(), stderr()]
    for key in GROUPS:
        values = {(sample.metadata or {}).get(key) for sample in samples}
        if None not in values and len(values) > 1:
            found.append(grouped(accuracy(), key, all=False, name_template=f"{key}: {{group_name}}"))
    return found
