"""The strategies that vote, as Inspect solvers: self-consistency and DeepConf.

inspect eval entmin/math500 --model ... --solver entmin/self_consistency -S task=math500 -S n=8
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import partial

import anyio
from inspect_ai.model import ModelOutput
from inspect_ai.solver import Solver, TaskState, solver

from entmin.errors import UsageError
from entmin.evals.cost import total
from entmin.evals.several import asking, candidates, finish, sample, sureness
from entmin.evals.traces import most_confident
from entmin.stats.estimates import elect, group_answers
from entmin.strategies import DeepConf, SelfConsistency


@solver
def self_consistency(task: str, n: int = 4, vote: str = "majority", inner: Solver | None = None) -> Solver:
    """Sample `n` answers and return one of the answer that got the most votes.

    Args:
        task: the benchmark, whose grader says when two answers are the same.
        n: answers.
        vote: ``majority``, ``logprob`` or ``self_certainty``; see `entmin.strategies.SelfConsistency`.
        inner: how a question is put; by default one seeded request.
    """
    strategy = SelfConsistency(n, vote)
    return asking(strategy, partial(_vote, strategy=strategy, task=task), inner)


@solver
def deepconf(
    task: str,
    n: int = 8,
    keep: float = 0.9,
    trust: str = "tail",
    group: int = 2048,
    likeliest: int = 20,
    inner: Solver | None = None,
) -> Solver:
    """Sample `n` answers and let the most confident vote, each with its confidence as weight.

    Args:
        task: the benchmark, whose grader says when two answers are the same.
        n: answers.
        keep: see `entmin.strategies.DeepConf`.
        trust: as well.
        group: as well.
        likeliest: as well.
        inner: how a question is put; by default one seeded request.
    """
    strategy = DeepConf(n, keep, trust, group, likeliest)
    return asking(strategy, partial(_vote, strategy=strategy, task=task), inner)


def require_equivalence(task: str, name: str = SelfConsistency.name) -> None:
    """Refuse a vote on a benchmark whose answers cannot be compared with one another.

    Raises:
        UsageError: there is no equivalence; the message names what works instead.
    """
    from entmin.tasks.answers import judge_of

    try:
        judge_of(task)
    except UsageError:
        raise UsageError(
            f"{name} cannot vote on {task}: nothing says when two of its answers are the same; "
            "use best_of_n or self_refinement"
        ) from None


async def _vote(state: TaskState, seed: int, *, strategy: SelfConsistency | DeepConf, task: str) -> TaskState:
    outputs = await sample(state, seed, strategy.n, strategy)
    answers = await anyio.to_thread.run_sync(partial(_read_all, task, [output.completion for output in outputs]))
    weights = _weights(outputs, answers, strategy)
    voting = [None if weight is None else answer for answer, weight in zip(answers, weights, strict=True)]
    groups = await anyio.to_thread.run_sync(partial(_group, task, voting))
    counted = [weight or 0.0 for weight in weights]
    # Its own stream of chance, so that the lots drawn do not depend on how the answers were sampled.
    winner = elect(groups, counted, random.Random(f"{seed}:vote")) if groups else [0]
    # The group's surest member speaks for it; under a plain majority that is the first.
    chosen = max(winner, key=lambda member: (counted[member], -member))
    group = [next((g for g, members in enumerate(groups) if i in members), None) for i in range(len(outputs))]
    records = candidates(outputs, seed, answer=answers, group=group, weight=weights)
    return finish(state, total(outputs[chosen], outputs, candidates=records, chosen=chosen), state.messages)


def _weights(
    outputs: Sequence[ModelOutput], answers: Sequence[str | None], strategy: SelfConsistency | DeepConf
) -> list[float | None]:
    """What each vote counts; None for answers that have no vote."""
    if isinstance(strategy, SelfConsistency):
        return [_weight(output, strategy) for output in outputs]
    sure = [sureness(output, strategy.confidence) for output in outputs]
    answered = [one if answer is not None else None for one, answer in zip(sure, answers, strict=True)]
    return [one if stays else None for one, stays in zip(sure, most_confident(answered, strategy.keep), strict=True)]


def _weight(output: ModelOutput, strategy: SelfConsistency) -> float:
    """1, or how sure the model was: the geometric mean of its token probabilities, or its self-certainty."""
    if strategy.confidence is None:
        return 1.0
    sure = sureness(output, strategy.confidence)
    return math.exp(sure) if strategy.confidence == "logprob" else sure


def _read_all(task: str, completions: list[str]) -> list[str | None]:
    from entmin.tasks.answers import answer_in

    return [answer_in(task, completion) for completion in completions]


def _group(task: str, answers: list[str | None]) -> list[list[int]]:
    from entmin.tasks.answers import equivalent

    return group_answers(answers, partial(equivalent, task))
