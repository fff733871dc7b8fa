"""The solver benchmarks run with: one seeded answer per problem and sample, or the task's own where it asks more."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from inspect_ai import Task
from inspect_ai.solver import Generate, Solver, TaskState, solver

from entmin.evals.several import solver_of
from entmin.seeds import derive_seed
from entmin.strategies import Strategy


@solver
def seeded_generate(run_seed: int = 0, on_done: Callable[[TaskState], None] | None = None) -> Solver:
    """Generate with the (problem, sample)'s own seed.

    Args:
        run_seed: the run's seed.
        on_done: called with the state after each answer, for progress displays.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state = await generate(state, seed=derive_seed(run_seed, state.sample_id, state.epoch))
        if on_done is not None:
            on_done(state)
        return state

    return solve


_OWN = {"scicode": "entmin.programs.stepwise:stepwise"}
"""Solvers of tasks that ask several times, by benchmark; they take the run's seed, `on_done` and their own options."""


def solver_for(
    task: Task, run_seed: int, on_done: Callable[[TaskState], None] | None = None, strategy: Strategy | None = None
) -> Solver:
    """The seeded solver of a task: its own where its metadata has ``solver: own``, else `seeded_generate`.

    Args:
        task: the task.
        run_seed: the run's seed.
        on_done: called with the state after each answer.
        strategy: asks several times for each answer.

    Raises:
        UsageError: the strategy does not suit the task.
    """
    metadata: dict[str, Any] = task.metadata or {}
    own = metadata.get("solver") == "own"
    inner = _own_solver(metadata, run_seed, on_done) if own else seeded_generate(run_seed, on_done)
    if strategy is None:
        return inner
    return solver_of(strategy, str(metadata.get("benchmark", task.name)), inner, in_parts=own)


def _own_solver(metadata: dict[str, Any], run_seed: int, on_done: Callable[[TaskState], None] | None) -> Solver:
    module, _, name = _OWN[metadata["benchmark"]].partition(":")
    own: Callable[..., Solver] = getattr(importlib.import_module(module), name)
    return own(run_seed=run_seed, on_done=on_done, **metadata.get("solver_options", {}))
