"""One question that belongs to no benchmark, answered by a strategy: the solvers of a run, without a run."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageSystem, ChatMessageUser
from inspect_ai.solver import Generate, Solver, TaskState, solver

from entmin.errors import EntminError, UsageError
from entmin.evals.cost import cost_of
from entmin.evals.opened import close_engines
from entmin.evals.provider import InProcess
from entmin.evals.run import RunSpec, generate_config
from entmin.evals.solvers import solver_of
from entmin.evals.stopping import NOT_STEERED
from entmin.mode import Mode
from entmin.terminal import say

JUDGE = "math500"
"""The benchmark whose rules say when two answers are the same, for strategies that vote."""
_TURNS = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}


class Answered(NamedTuple):
    """What a strategy came to."""

    text: str
    calls: int
    tokens: int
    """Written in all calls together."""


def answer(
    model: str,
    mode: Mode,
    turns: Sequence[Mapping[str, str]],
    max_tokens: int,
    said: Mapping[str, Any],
    options: Mapping[str, Any],
) -> Answered:
    """Answer a conversation; the first of several calls has the mode's own seed.

    Args:
        model: alias, folder or Hub id.
        mode: with a strategy.
        turns: role and content of each message.
        max_tokens: of one call.
        said: what requests say of the chat template (`EngineChoice.said`).
        options: of the engine.

    Raises:
        EntminError: the model cannot be loaded, or the strategy found no answer.
    """
    assert mode.strategy is not None
    try:
        engine = InProcess(model, dict(options), said)
        for notice in engine.notices:
            say(f"note: {notice}", err=True)
        if mode.strategy.confidence is not None and mode.strategy.confidence not in engine.measures:
            raise UsageError(f"{mode.strategy.name}: this engine does not measure {mode.strategy.confidence}")
        spec = RunSpec(model, mode)
        messages: list[ChatMessage] = [_TURNS[turn["role"]](content=turn["content"]) for turn in turns]
        task = Task(
            dataset=[Sample(input=messages, id="question")],
            solver=solver_of(mode.strategy, JUDGE, _seeded(spec.seed), in_parts=True),
            name="ask",
        )
        sent = generate_config(spec, max_tokens, engine).model_dump(exclude_none=True)
        with tempfile.TemporaryDirectory() as logs:
            [log] = eval(
                task, model=engine.model(), log_dir=logs, display="none", score=False, log_level="error",
                max_connections=engine.concurrency, **NOT_STEERED, **sent,
            )  # fmt: skip
            if log.status == "cancelled":
                raise KeyboardInterrupt
            if log.status != "success" or not log.samples:
                why = log.error.message if log.error else log.status
                raise EntminError(f"{mode.strategy.name} found no answer: {why}")
            output = log.samples[0].output  # read from the file, which goes with its folder
    finally:
        close_engines()
    cost = cost_of(output)
    return Answered(output.completion, int(cost.calls), int(cost.output_tokens))


@solver
def _seeded(seed: int) -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        return await generate(state, seed=seed)

    return solve
