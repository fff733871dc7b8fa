"""What `entmin eval` and `entmin compare` run: their arms with the options both have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from entmin.cli.options import take_choice
from entmin.cli.program_options import with_sandbox
from entmin.evals.arms import Arm

if TYPE_CHECKING:
    from entmin.evals.run import RunSpec


def take_specs(model: str, arms: Sequence[Arm], options: dict[str, Any]) -> list[RunSpec]:
    """A run for each arm, of `model` where the arm names none; engine and task options are removed from `options`.

    Raises:
        UsageError: an option that the engine cannot honour.
    """
    from entmin.evals.run import RunSpec

    engine, task_options = take_choice(options), with_sandbox(options)
    return [
        RunSpec(
            arm.model or model,
            arm.method,
            arm.sampling,
            limit=options["limit"],
            epochs=options["epochs"],
            seed=options["seed"],
            max_tokens=options["max_tokens"],
            task_options=task_options,
            engine=engine,
            strategy=arm.strategy,
        )
        for arm in arms
    ]
