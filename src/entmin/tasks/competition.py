"""Competition mathematics: MATH-500, AMC 12 and AIME. One answer per problem; AMC and AIME answers are integers.

The published harness reports AIME over 2022-2024 and 2024 apart: the year is a group, so one run gives both. Its AMC
and AIME averages over 32 samples are ``--epochs 32``.
"""

from __future__ import annotations

from inspect_ai import Task, task

from entmin.tasks.benchmark import benchmark
from entmin.tasks.data import load


def _competition(name: str, prompt: str, data_dir: str | None, grader: str, seed: int) -> Task:
    return benchmark(name, load(name, data_dir), family="math", prompt=prompt, grader=grader, seed=seed)


@task
def math500(prompt: str = "clean", data_dir: str | None = None, grader: str = "entmin", seed: int = 0) -> Task:
    """MATH-500: 500 problems in seven subjects and five levels."""
    return _competition("math500", prompt, data_dir, grader, seed)


@task
def amc(prompt: str = "clean", data_dir: str | None = None, grader: str = "entmin", seed: int = 0) -> Task:
    """AMC 12 A and B of 2022 and 2023, 83 problems rewritten to integer answers."""
    return _competition("amc", prompt, data_dir, grader, seed)


@task
def aime(prompt: str = "clean", data_dir: str | None = None, grader: str = "entmin", seed: int = 0) -> Task:
    """AIME I and II of 2022 to 2024, 90 problems; the accuracy of each year is reported too."""
    return _competition("aime", prompt, data_dir, grader, seed)


@task
def aime24(prompt: str = "clean", data_dir: str | None = None, grader: str = "entmin", seed: int = 0) -> Task:
    """AIME I and II of 2024, 30 problems."""
    return _competition("aime24", prompt, data_dir, grader, seed)


@task
def aime25(prompt: str = "clean", data_dir: str | None = None, grader: str = "entmin", seed: int = 0) -> Task:
    """AIME I and II of 2025, 30 problems."""
    return _competition("aime25", prompt, data_dir, grader, seed)
