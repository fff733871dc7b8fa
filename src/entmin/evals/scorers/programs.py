"""The scorer of every code benchmark: `entmin.programs.judge` behind an Inspect scorer.

Programs run in sandboxes, several at a time, in threads, so the event loop keeps serving the model.
"""

from __future__ import annotations

import os
from functools import cache, partial
from typing import Any

import anyio
from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer, stderr
from inspect_ai.solver import TaskState

from entmin.evals.scorers.verdicts import score_of
from entmin.programs.judge import VERSION, Judgement, Rules
from entmin.programs.judges import judge_any
from entmin.programs.problems import problems

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
        task: The benchmark.
        grader: ``entmin`` or ``paper``, the published extraction and header.
        sandbox: ``bubblewrap``, ``docker`` or ``unsafe-none``.
        cpu_seconds: Processor seconds of a case; None for the benchmark's own.
        data_dir: Mirror folder.
        source: The benchmark's own data options.
    """
    rules = Rules(task, grader, sandbox, cpu_seconds)

    async def score(state: TaskState, target: Target) -> Score:
        row = problems(task, data_dir, source).rows[str(state.sample_id)]
        work = partial(judge_any, row, state.output.completion, rules)
        judged: Judgement = await anyio.to_thread.run_sync(work, limiter=_limiter())
        score = score_of(judged.verdict, state)
        reason = score.explanation or ""
        score.explanation = f"{reason}: {judged.detail}" if judged.detail else reason
        score.metadata = {**judged.to_dict(), **(score.metadata or {})}
        return score

    return score
