"""The scorer of every code benchmark: `entmin.programs.judge` behind an Inspect scorer.

Programs run in sandboxes, several at a time, in threads, so the event loop keeps serving the model.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import anyio
from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer, stderr
from inspect_ai.solver import TaskState

from entmin.problem import Problem
from entmin.programs.judge import LIMITS, VERSION, Judgement, Rules, guarded, judge
from entmin.tasks.on_inspect.graded import score_of
from entmin.tasks.registry import benchmark, judging_of, problems

Judging = Callable[[Problem, str, Rules], Judgement]
NAME = "programs"
"""Under which its scores stand in a log."""


@cache
def _limiter() -> anyio.CapacityLimiter:
    # A program waits for a core inside the sandbox; here it only must not take the threads of the grading pool.
    return anyio.CapacityLimiter(2 * (os.cpu_count() or 1))


@scorer(metrics=[accuracy(), stderr()], name=NAME, version=VERSION)
def programs(
    task: str,
    grader: str = "entmin",
    sandbox: str = "bubblewrap",
    cpu_seconds: int | None = None,
    data_dir: str | None = None,
    source: dict[str, Any] | None = None,
) -> Scorer:
    """Run the program in the completion against the tests of the sample's problem.

    Args:
        task: The benchmark, or ``program`` for a file of problems.
        grader: ``entmin`` or ``paper``, the published extraction and header.
        sandbox: ``bubblewrap``, ``docker`` or ``unsafe-none``.
        cpu_seconds: Processor seconds of a case; None for the benchmark's own.
        data_dir: Mirror folder.
        source: The benchmark's own data options.
    """
    usual = LIMITS if task == "program" else benchmark(task).limits
    rules = Rules(grader=grader, sandbox=sandbox, cpu_seconds=cpu_seconds, usual=usual)

    async def score(state: TaskState, target: Target) -> Score:
        problem, judging = _problem(state, task, data_dir, source)
        work = partial(judging, problem, state.output.completion, rules)
        judged: Judgement = await anyio.to_thread.run_sync(work, limiter=_limiter())
        score = score_of(judged.verdict, state)
        reason = score.explanation or ""
        score.explanation = f"{reason}: {judged.detail}" if judged.detail else reason
        score.metadata = {**judged.to_dict(), **(score.metadata or {})}
        return score

    return score


def _problem(
    state: TaskState, task: str, data_dir: str | None, source: dict[str, Any] | None
) -> tuple[Problem, Judging]:
    """The problem of a sample and what judges it: from the sample, where its tests stand there, else from the data."""
    tests = state.metadata.get("gold")
    if tests is not None:
        return Problem(str(state.sample_id), state.input_text, tests), _guarded
    found = problems(task, data_dir, source).by_id[str(state.sample_id)]
    return found, judging_of(benchmark(task))


def _guarded(problem: Problem, completion: str, rules: Rules) -> Judgement:
    return guarded(partial(judge, problem, completion, rules), rules)
