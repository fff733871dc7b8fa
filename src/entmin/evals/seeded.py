"""One seeded answer per problem and sample."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, cast

from inspect_ai.solver import Generate, Solver, TaskState, solver

from entmin.seeds import derive_seed

TOKENS = "entmin_tokens"
"""Metadata of a conversation's last message that asks for a record of the answer's tokens: entropies, alternatives.

A provider that honours it puts them in the output's metadata, as ``tokens``.
"""


@solver
def seeded_generate(
    run_seed: int = 0,
    on_done: Callable[[TaskState], None] | None = None,
    inner: Solver | None = None,
    record: Collection[str] = (),
) -> Solver:
    """Generate with the (problem, sample)'s own seed.

    Args:
        run_seed: the run's seed.
        on_done: called with the state after each answer, for progress displays.
        inner: the task's own solver, which may write the prompt and generate; by default one request.
        record: ids of the problems whose first sample keeps its tokens.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        seed = derive_seed(run_seed, state.sample_id, state.epoch)

        async def seeded(now: TaskState, *args: Any, **config: Any) -> TaskState:
            return await generate(now, *args, **{"seed": seed, **config})

        if state.epoch == 1 and str(state.sample_id) in record:
            asked = state.messages[-1]
            asked.metadata = {**(asked.metadata or {}), TOKENS: True}
        state = await (generate(state, seed=seed) if inner is None else inner(state, cast(Generate, seeded)))
        if on_done is not None:
            on_done(state)
        return state

    return solve
