"""GSM8K: 1,319 grade-school word problems, zero-shot."""

from __future__ import annotations

from inspect_ai import Task, task

from entmin.tasks.benchmark import benchmark
from entmin.tasks.data import load


@task
def gsm8k(prompt: str = "clean", data_dir: str | None = None, grader: str = "entmin", seed: int = 0) -> Task:
    """GSM8K test split: 1,319 word problems with integer answers."""
    return benchmark("gsm8k", load("gsm8k", data_dir), family="math", prompt=prompt, grader=grader, seed=seed)
