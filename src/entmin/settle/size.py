"""How many problems a question asks for, and what to do where the run has fewer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from entmin.stats import sample_size
from entmin.tasks import procedural

if TYPE_CHECKING:
    from entmin.settle.plan import Plan
    from entmin.tasks.registry import Named

FEWEST = 30
"""Problems of a run at least: with fewer, intervals say next to nothing."""
_ROUND = 500


def problems_wanted(flips: float, margin: float) -> int:
    """Problems that see the margin with 80 % power at this rate of flips, both as shares."""
    return max(FEWEST, sample_size(flips, margin))


def shortfall(plan: Plan, info: Named, *, pool: int) -> str:
    """What the run lacks and how to have it, in a sentence or two; empty where it has what the margin asks for.

    Args:
        plan: what will be run.
        info: its benchmark.
        pool: the task's problems without those of the pilot.
    """
    wanted, points = problems_wanted(plan.flips, plan.margin), f"{100 * plan.margin:g} points"
    if plan.n >= wanted:
        return ""
    lack = (
        f"To see {points} at the pilot's rate of flips takes {wanted:,} problems; this run has {plan.n:,} and sees "
        f"{100 * plan.detectable:.1f} points."
    )
    if pool >= wanted:
        return f"{lack} The task has enough: raise --limit or leave it out."
    if _makes_more(plan, info):
        pilot = plan.task_identity["samples"] - pool
        enough = math.ceil((wanted + pilot) / _ROUND) * _ROUND
        return f"{lack} The task can make enough: -T size={enough}{' without --limit' if plan.n < pool else ''}."
    left = f" (--limit leaves out {pool - plan.n:,} of them)" if plan.n < pool else ""
    return f"{lack} The task has {pool:,} besides those of the pilot{left}: name a larger --mde, or a larger task."


def _makes_more(plan: Plan, info: Named) -> bool:
    """Whether the task is procedural, and has not given all its different problems already."""
    if "size" not in info.options():
        return False
    asked = (plan.settings.get("task_options") or {}).get("size") or procedural.USUAL
    return bool(plan.task_identity["samples"] >= asked)
