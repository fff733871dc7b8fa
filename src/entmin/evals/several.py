"""Several answers to one question as Inspect solvers: self-consistency, self-refinement, best of n.

Each wraps the `generate` that an ordinary solver calls, so it works for every task, step-by-step ones included,
on every engine and under every decoding method. Answer i has its own seed, derived from the sample's; answer 0 has the
sample's own and so is the answer of the plain run. Tokens and seconds of all calls are kept (`entmin.evals.cost`).

    inspect eval entmin/math500 --model ... --solver entmin/self_consistency -S task=math500 -S n=8
"""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

import anyio
from inspect_ai.model import ChatMessage, ChatMessageUser, GenerateConfig, ModelOutput, get_model
from inspect_ai.scorer import score as score_now
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import collect

from entmin.engine.requests import PromptTooLongError
from entmin.errors import EntminError, UsageError
from entmin.evals.cost import total
from entmin.evals.seeded import seeded_generate
from entmin.seeds import answer_seed
from entmin.stats.estimates import elect, group_answers
from entmin.strategies import BestOfN, Confidence, SelfConsistency, SelfRefinement, Strategy

BEFORE = "entmin_before"
"""Metadata of a conversation's last message: text that stands before the formatted conversation, ``""`` for none.

A provider that honours it puts the whole prompt as text in the output's metadata (``prompt``).
"""
REVISE = (
    "Check your answer above step by step. If you find a mistake, correct it. Then give your complete final answer "
    "again, in the form that was asked for."
)
"""What the clean refinement says between two rounds."""

_FIELD: dict[str, str] = {"entropy": "entropy_before", "logprob": "log_probability", "self_certainty": "self_certainty"}

Answerer = Callable[[TaskState, int], Awaitable[TaskState]]
"""From a state and its seed to the state with its answer."""


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
    return _asking(strategy, partial(_vote, strategy=strategy, task=task), inner)


@solver
def best_of_n(n: int = 4, by: str = "entropy", inner: Solver | None = None) -> Solver:
    """Sample `n` answers and return the one the model was most sure of.

    Args:
        n: answers.
        by: ``entropy``, ``logprob`` or ``self_certainty``; see `entmin.strategies.BestOfN`.
        inner: how a question is put; by default one seeded request.
    """
    strategy = BestOfN(n, by)
    return _asking(strategy, partial(_best, strategy=strategy), inner)


@solver
def self_refinement(
    n: int = 3, style: str = "published", score_rounds: bool = True, inner: Solver | None = None
) -> Solver:
    """Answer `n` times in sequence, the earlier answers in view; the last one counts.

    Args:
        n: rounds.
        style: ``published`` or ``clean``; see `entmin.strategies.SelfRefinement`.
        score_rounds: score every round; not for solvers that ask for an answer in parts.
        inner: how a question is put; by default one seeded request.
    """
    strategy = SelfRefinement(n, style)
    return _asking(strategy, partial(_refine, strategy=strategy, score_rounds=score_rounds), inner)


def solver_of(strategy: Strategy, task: str, inner: Solver, *, in_parts: bool) -> Solver:
    """The solver of a strategy.

    Args:
        strategy: which.
        task: the benchmark.
        inner: the task's plain solver.
        in_parts: whether it asks for an answer in several parts, whose rounds cannot be scored alone.

    Raises:
        UsageError: the strategy has to compare answers and those of this benchmark have no equivalence.
    """
    if isinstance(strategy, SelfConsistency):
        require_equivalence(task)
        return self_consistency(task, strategy.n, strategy.vote, inner)
    if isinstance(strategy, SelfRefinement):
        return self_refinement(strategy.n, strategy.style, not in_parts, inner)
    assert isinstance(strategy, BestOfN)
    return best_of_n(strategy.n, strategy.by, inner)


def require_equivalence(task: str) -> None:
    """Refuse a vote on a benchmark whose answers cannot be compared with one another.

    Raises:
        UsageError: there is no equivalence; the message names what works instead.
    """
    from entmin.tasks.answers import judge_of

    try:
        judge_of(task)
    except UsageError:
        raise UsageError(
            f"self_consistency cannot vote on {task}: nothing says when two of its answers are the same; "
            "use best_of_n or self_refinement"
        ) from None


def _asking(strategy: Strategy, answer: Answerer, inner: Solver | None) -> Solver:
    """The inner solver with `answer` in the place of its `generate`."""
    put = inner or seeded_generate()

    async def ask(state: TaskState, *args: Any, **config: Any) -> TaskState:
        if "seed" not in config:
            raise EntminError(f"{strategy.name} needs a solver that passes a seed, such as entmin's seeded_generate")
        return await answer(state, int(config["seed"]))

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        return await put(state, cast(Generate, ask))  # in the place of `generate`

    return solve


async def _call(messages: list[ChatMessage], seed: int, confidence: Confidence | None = None) -> ModelOutput:
    # Entropies are always measured where they can be; the rest costs a pass over the logits.
    wanted = True if confidence in ("logprob", "self_certainty") else None
    return await get_model().generate(messages, config=GenerateConfig(seed=seed, logprobs=wanted))


async def _sample(state: TaskState, seed: int, n: int, confidence: Confidence | None) -> list[ModelOutput]:
    return await collect(*(_call(state.messages, answer_seed(seed, i), confidence) for i in range(n)))


def _finish(state: TaskState, output: ModelOutput, messages: list[ChatMessage]) -> TaskState:
    state.output = output
    state.messages = [*messages, output.message]
    return state


def _sureness(output: ModelOutput, confidence: Confidence) -> float:
    """Larger is surer; the engine's own number, with the sign of the entropy turned.

    Raises:
        UsageError: the engine did not measure it.
    """
    value = (output.metadata or {}).get(_FIELD[confidence])
    if value is None:
        raise UsageError(
            f"this engine does not measure {confidence}: use --engine transformers, or logprob where the server "
            "returns log-probabilities"
        )
    return -float(value) if confidence == "entropy" else float(value)


def _candidates(outputs: list[ModelOutput], seed: int, **columns: list[Any]) -> list[dict[str, Any]]:
    """One record for each answer."""
    return [
        {
            "seed": answer_seed(seed, i),
            "output_tokens": output.usage.output_tokens if output.usage else None,
            "stop_reason": output.stop_reason,
            **{name: values[i] for name, values in columns.items()},
        }
        for i, output in enumerate(outputs)
    ]


async def _vote(state: TaskState, seed: int, *, strategy: SelfConsistency, task: str) -> TaskState:
    outputs = await _sample(state, seed, strategy.n, strategy.confidence)
    weights = [_weight(output, strategy) for output in outputs]
    answers = await anyio.to_thread.run_sync(partial(_read_all, task, [output.completion for output in outputs]))
    groups = await anyio.to_thread.run_sync(partial(_group, task, answers))
    # Its own stream of chance, so that the lots drawn do not depend on how the answers were sampled.
    winner = elect(groups, weights, random.Random(f"{seed}:vote")) if groups else [0]
    # The group's surest member speaks for it; under a plain majority that is the first.
    chosen = max(winner, key=lambda member: (weights[member], -member))
    group = [next((g for g, members in enumerate(groups) if i in members), None) for i in range(len(outputs))]
    records = _candidates(outputs, seed, answer=answers, group=group, weight=weights)
    return _finish(state, total(outputs[chosen], outputs, candidates=records, chosen=chosen), state.messages)


def _weight(output: ModelOutput, strategy: SelfConsistency) -> float:
    """1, or how sure the model was: the geometric mean of its token probabilities, or its self-certainty."""
    if strategy.confidence is None:
        return 1.0
    sure = _sureness(output, strategy.confidence)
    return math.exp(sure) if strategy.confidence == "logprob" else sure


def _read_all(task: str, completions: list[str]) -> list[str | None]:
    from entmin.tasks.answers import answer_in

    return [answer_in(task, completion) for completion in completions]


def _group(task: str, answers: list[str | None]) -> list[list[int]]:
    from entmin.tasks.answers import equivalent

    return group_answers(answers, partial(equivalent, task))


async def _best(state: TaskState, seed: int, *, strategy: BestOfN) -> TaskState:
    confidence = cast(Confidence, strategy.confidence)
    outputs = await _sample(state, seed, strategy.n, confidence)
    sureness = [_sureness(output, confidence) for output in outputs]
    chosen = max(range(len(outputs)), key=lambda i: (sureness[i], -i))
    records = _candidates(outputs, seed, sureness=sureness)
    return _finish(state, total(outputs[chosen], outputs, candidates=records, chosen=chosen), state.messages)


async def _refine(state: TaskState, seed: int, *, strategy: SelfRefinement, score_rounds: bool) -> TaskState:
    asked = list(state.messages)
    outputs: list[ModelOutput] = []
    rounds: list[dict[str, Any]] = []
    stopped: str | None = None
    while len(outputs) < strategy.n:
        try:
            outputs.append(await _call(_turns(asked, outputs, strategy.style), answer_seed(seed, len(outputs))))
        except PromptTooLongError:
            if not outputs:
                raise
            stopped = "context"
            break
        rounds.append({"completion": outputs[-1].completion, "output_tokens": _written(outputs[-1])})
        if score_rounds and len(outputs) < strategy.n:
            rounds[-1] |= await _verdict(state, asked, outputs[-1])
    said = asked if strategy.style == "published" else _turns(asked, outputs[:-1], "clean")
    noted = {"rounds": rounds} | ({"refinement_stopped": stopped} if stopped else {})
    return _finish(state, total(outputs[-1], outputs, **noted), said)


def _written(output: ModelOutput) -> int:
    return output.usage.output_tokens if output.usage else 0


def _turns(asked: list[ChatMessage], outputs: list[ModelOutput], style: str) -> list[ChatMessage]:
    """What the next round is sent."""
    if style == "clean":
        said = [turn for output in outputs for turn in (output.message, ChatMessageUser(content=REVISE))]
        return [*asked, *said]
    before = ""
    if outputs:
        prompt = (outputs[-1].metadata or {}).get("prompt")
        if prompt is None:
            raise UsageError(
                "this engine does not take prompts as text, which the published refinement needs: use "
                "self_refinement:style=clean"
            )
        before = f"{prompt}{outputs[-1].completion}\n\n"
    return [*asked[:-1], asked[-1].model_copy(update={"metadata": {**(asked[-1].metadata or {}), BEFORE: before}})]


async def _verdict(state: TaskState, asked: list[ChatMessage], output: ModelOutput) -> dict[str, Any]:
    """What the task's first scorer says of one round."""
    now = copy.copy(state)
    _finish(now, output, asked)
    found = (await score_now(now))[0]
    metadata = found.metadata or {}
    return {"answer": found.answer, "correct": metadata.get("correct"), "reason": metadata.get("reason")}
