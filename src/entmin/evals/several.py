"""Several answers to one question as Inspect solvers: best of n, lowest centroid, self-refinement, power sampling.

Each wraps the `generate` that an ordinary solver calls, so it works for every task, step-by-step ones included,
on every engine and under every decoding method. Answer i has its own seed, derived from the sample's; answer 0 has the
sample's own and so is the answer of the plain run. Tokens and seconds of all calls are kept (`entmin.evals.cost`).

    inspect eval entmin/math500 --model ... --solver entmin/best_of_n -S n=8

The strategies that vote are in `entmin.evals.voting`.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

from inspect_ai.model import ChatMessage, ChatMessageUser, GenerateConfig, ModelOutput, get_model
from inspect_ai.scorer import score as score_now
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import collect

from entmin.engine.requests import PromptTooLongError
from entmin.errors import EntminError, UsageError
from entmin.evals.cost import total
from entmin.evals.seeded import seeded_generate
from entmin.seeds import answer_seed
from entmin.strategies import BestOfN, Confidence, LowestCentroid, PowerSampling, SelfRefinement, Strategy

BEFORE = "entmin_before"
"""Metadata of a conversation's last message: text that stands before the formatted conversation, ``""`` for none.

A provider that honours it puts the whole prompt as text in the output's metadata (``prompt``).
"""
STRATEGY = "entmin_strategy"
"""Metadata of a conversation's last message: the strategy whose measure of the answer is wanted, in its flat form.

A provider that honours it puts the number in the output's metadata, under the name of `Strategy.confidence`. Of a
`PowerSampling` it returns the answer that the whole chain comes to, with the cost of the chain.
"""
REVISE = (
    "Check your answer above step by step. If you find a mistake, correct it. Then give your complete final answer "
    "again, in the form that was asked for."
)
"""What the clean refinement says between two rounds."""

MARKED = frozenset({"trace_confidence", "entropy_centroid", "power"})
"""Measures that a provider takes only where `STRATEGY` asks for them."""
_FIELD: dict[str, str] = {"entropy": "entropy_before", "logprob": "log_probability"}
_LOWER = frozenset({"entropy", "entropy_centroid"})
"""Measures that are lower for a surer answer."""

Answerer = Callable[[TaskState, int], Awaitable[TaskState]]
"""From a state and its seed to the state with its answer."""


@solver
def best_of_n(n: int = 4, by: str = "entropy", inner: Solver | None = None) -> Solver:
    """Sample `n` answers and return the one the model was most sure of.

    Args:
        n: answers.
        by: ``entropy``, ``logprob`` or ``self_certainty``; see `entmin.strategies.BestOfN`.
        inner: how a question is put; by default one seeded request.
    """
    strategy = BestOfN(n, by)
    return asking(strategy, partial(_best, strategy=strategy), inner)


@solver
def lowest_centroid(
    n: int = 4, high: float = 5.0, low: float = 50.0, calm: int = 3, inner: Solver | None = None
) -> Solver:
    """Sample `n` answers and return the one whose uncertain passages come earliest.

    Args:
        n: answers.
        high: see `entmin.strategies.LowestCentroid`.
        low: as well.
        calm: as well.
        inner: how a question is put; by default one seeded request.
    """
    strategy = LowestCentroid(n, high, low, calm)
    return asking(strategy, partial(_best, strategy=strategy), inner)


@solver
def power_sampling(power: float = 4.0, steps: int = 10, blocks: int = 16, inner: Solver | None = None) -> Solver:
    """Draw one answer from p(answer)^power.

    Args:
        power: see `entmin.strategies.PowerSampling`.
        steps: as well.
        blocks: as well.
        inner: how a question is put; by default one seeded request.
    """
    strategy = PowerSampling(power, steps, blocks)
    return asking(strategy, partial(_power, strategy=strategy), inner)


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
    return asking(strategy, partial(_refine, strategy=strategy, score_rounds=score_rounds), inner)


def asking(strategy: Strategy, answer: Answerer, inner: Solver | None) -> Solver:
    """The inner solver with `answer` in the place of its `generate`."""
    put = inner or seeded_generate()

    async def ask(state: TaskState, *args: Any, **config: Any) -> TaskState:
        if "seed" not in config:
            raise EntminError(f"{strategy.name} needs a solver that passes a seed, such as entmin's seeded_generate")
        return await answer(state, int(config["seed"]))

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        return await put(state, cast(Generate, ask))  # in the place of `generate`

    return solve


async def _call(messages: list[ChatMessage], seed: int, strategy: Strategy) -> ModelOutput:
    # Entropies are always measured where they can be; the rest costs a pass over the logits.
    wanted = True if strategy.confidence in ("logprob", "self_certainty") else None
    if strategy.confidence in MARKED:
        last = messages[-1]
        marked = {**(last.metadata or {}), STRATEGY: strategy.to_args()}
        messages = [*messages[:-1], last.model_copy(update={"metadata": marked})]
    return await get_model().generate(messages, config=GenerateConfig(seed=seed, logprobs=wanted))


async def sample(state: TaskState, seed: int, n: int, strategy: Strategy) -> list[ModelOutput]:
    """Ask `n` times, side by side; the first answer is the plain run's."""
    return await collect(*(_call(state.messages, answer_seed(seed, i), strategy) for i in range(n)))


def finish(state: TaskState, output: ModelOutput, messages: list[ChatMessage]) -> TaskState:
    """Make an output the answer."""
    state.output = output
    state.messages = [*messages, output.message]
    return state


def sureness(output: ModelOutput, confidence: Confidence) -> float:
    """Larger is surer; the engine's own number, with the sign turned where lower is surer.

    Raises:
        UsageError: the engine did not measure it.
    """
    value = (output.metadata or {}).get(_FIELD.get(confidence, confidence))
    if value is None:
        raise UsageError(
            f"this engine does not measure {confidence}: use --engine transformers, or logprob where the server "
            "returns log-probabilities"
        )
    return -float(value) if confidence in _LOWER else float(value)


def candidates(outputs: list[ModelOutput], seed: int, **columns: list[Any]) -> list[dict[str, Any]]:
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


async def _best(state: TaskState, seed: int, *, strategy: BestOfN | LowestCentroid) -> TaskState:
    confidence = cast(Confidence, strategy.confidence)
    outputs = await sample(state, seed, strategy.n, strategy)
    sure = [sureness(output, confidence) for output in outputs]
    chosen = max(range(len(outputs)), key=lambda i: (sure[i], -i))
    records = candidates(outputs, seed, sureness=sure)
    return finish(state, total(outputs[chosen], outputs, candidates=records, chosen=chosen), state.messages)


async def _power(state: TaskState, seed: int, *, strategy: PowerSampling) -> TaskState:
    return finish(state, await _call(state.messages, seed, strategy), state.messages)


async def _refine(state: TaskState, seed: int, *, strategy: SelfRefinement, score_rounds: bool) -> TaskState:
    asked = list(state.messages)
    outputs: list[ModelOutput] = []
    rounds: list[dict[str, Any]] = []
    stopped: str | None = None
    while len(outputs) < strategy.n:
        try:
            turns = _turns(asked, outputs, strategy.style)
            outputs.append(await _call(turns, answer_seed(seed, len(outputs)), strategy))
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
    return finish(state, total(outputs[-1], outputs, **noted), said)


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
    finish(now, output, asked)
    found = (await score_now(now))[0]
    metadata = found.metadata or {}
    return {"answer": found.answer, "correct": metadata.get("correct"), "reason": metadata.get("reason")}
