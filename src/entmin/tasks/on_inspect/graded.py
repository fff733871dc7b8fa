"""The rule-based scorer of every benchmark with a gold answer: `entmin.grading` behind an Inspect scorer.

Grading blocks (a pool of child processes), so it runs in a thread and the event loop keeps serving the model. A problem
nobody could judge scores NaN, which Inspect leaves out of its metrics; `entmin.evals.metrics` counts them.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import anyio
from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer, stderr
from inspect_ai.solver import TaskState

from entmin.grading import integer
from entmin.grading.gold import Gold
from entmin.verdict import Verdict

NAME = "graded"
"""Under which its scores stand in a log."""


@scorer(metrics=[accuracy(), stderr()], name=NAME)
def graded(task: str, grader: str = "entmin") -> Scorer:
    """Judge the completion against the gold in the sample's metadata by the rules of `task`."""

    async def score(state: TaskState, target: Target) -> Score:
        return score_of(await verdict_of(task, state, grader), state)

    return score


async def verdict_of(task: str, state: TaskState, grader: str) -> Verdict:
    """The grader's verdict on a finished sample, without blocking the event loop."""
    from entmin.grading import grade

    gold = Gold.from_dict(state.metadata["gold"])
    if gold.kind == "integer" and task in integer.RULES:
        # A bounded search for digits needs no process of its own, so a procedural task starts at once.
        return integer.grade(state.output.completion, gold)
    return await anyio.to_thread.run_sync(partial(grade, task, state.output.completion, gold, grader=grader))


def score_of(verdict: Verdict, state: TaskState) -> Score:
    """Score 1.0, 0.0 or NaN (not judged), with the verdict in `Score.metadata`.

    An answer that hit the token limit before stating a result is reported as ``truncated``, not as ``no-answer``.
    """
    truncated = state.output.stop_reason in ("max_tokens", "model_length")
    if truncated and verdict.reason in ("no-answer", "no-code"):
        verdict = replace(verdict, reason="truncated")
    return Score(
        value=math.nan if verdict.correct is None else float(verdict.correct),
        answer=verdict.answer,
        explanation=verdict.reason,
        metadata=verdict.to_dict() | {"truncated": truncated},
    )
