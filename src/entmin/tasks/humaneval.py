"""HumanEval: 164 functions to complete from their docstring."""

from __future__ import annotations

from inspect_ai import Task, task

from entmin.programs.judge import Rules
from entmin.tasks.programs import code_benchmark


@task
def humaneval(
    prompt: str = "clean",
    data_dir: str | None = None,
    grader: str = "entmin",
    seed: int = 0,
    sandbox: str = "bubblewrap",
    cpu_seconds: int | None = None,
) -> Task:
    """HumanEval: 164 functions to complete from their docstring.

    Args:
        prompt: Prompt profile.
        data_dir: Mirror folder.
        grader: ``entmin``, or ``paper`` for the published extraction and program.
        seed: Unused; every benchmark takes it.
        sandbox: ``bubblewrap``, ``docker`` or ``unsafe-none``.
        cpu_seconds: Processor seconds a program may use; by default the benchmark's own limit.
    """
    rules = Rules("humaneval", grader, sandbox, cpu_seconds)
    return code_benchmark(rules, prompt=prompt, data_dir=data_dir, seed=seed)
