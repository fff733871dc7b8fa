"""The solver a task runs with: seeded, and asked several times where the mode has a strategy."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pkgutil import resolve_name
from typing import Any

from inspect_ai import Task
from inspect_ai.solver import Solver, TaskState

from entmin.evals.seeded import seeded_generate
from entmin.evals.several import best_of_n, lowest_centroid, power_sampling, self_refinement
from entmin.evals.voting import deepconf, require_equivalence, self_consistency
from entmin.strategies import (
    BestOfN,
    DeepConf,
    LowestCentroid,
    PowerSampling,
    SelfConsistency,
    SelfRefinement,
    Strategy,
)


def solver_for(
    task: Task,
    run_seed: int,
    on_done: Callable[[TaskState], None] | None = None,
    strategy: Strategy | None = None,
    record: Collection[str] = (),
) -> Solver:
    """The solver of a task, seeded: the one its metadata names (``module:function``), else its solver as it is.

    Args:
        task: the task.
        run_seed: the run's seed.
        on_done: called with the state after each answer.
        strategy: asks several times for each answer; their tokens are not recorded.
        record: ids of the problems whose first sample keeps its tokens.

    Raises:
        UsageError: the strategy does not suit the task.
    """
    metadata: dict[str, Any] = task.metadata or {}
    own = "solver" in metadata
    kept = record if strategy is None else ()
    inner = _own_solver(metadata, run_seed, on_done) if own else seeded_generate(run_seed, on_done, task.solver, kept)
    if strategy is None:
        return inner
    return solver_of(strategy, str(metadata.get("rules", task.name)), inner, in_parts=own)


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
    if isinstance(strategy, (SelfConsistency, DeepConf)):
        require_equivalence(task, strategy.name)
    if isinstance(strategy, SelfConsistency):
        return self_consistency(task, strategy.n, strategy.vote, inner)
    if isinstance(strategy, SelfRefinement):
        return self_refinement(strategy.n, strategy.style, not in_parts, inner)
    if isinstance(s := strategy, DeepConf):
        return deepconf(task, s.n, s.keep, s.trust, s.group, s.likeliest, inner)
    if isinstance(s, LowestCentroid):
        return lowest_centroid(s.n, s.high, s.low, s.calm, inner)
    if isinstance(s, PowerSampling):
        return power_sampling(s.power, s.steps, s.blocks, inner)
    assert isinstance(strategy, BestOfN)
    return best_of_n(strategy.n, strategy.by, inner)


def _own_solver(metadata: dict[str, Any], run_seed: int, on_done: Callable[[TaskState], None] | None) -> Solver:
    own: Callable[..., Solver] = resolve_name(metadata["solver"])
    return own(run_seed=run_seed, on_done=on_done, **metadata.get("solver_options", {}))
