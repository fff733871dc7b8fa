"""What `entmin eval` and `entmin compare` run: a mode with the options both have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from entmin.cli.options import take_choice
from entmin.cli.program_options import with_sandbox
from entmin.mode import Mode

if TYPE_CHECKING:
    from entmin.evals.run import RunSpec


def take_spec(model: str, mode: Mode, options: dict[str, Any]) -> RunSpec:
    """One run; engine and task options are removed from `options`.

    Raises:
        UsageError: an option that the engine cannot honour.
    """
    from entmin.evals.run import RunSpec

    return RunSpec(
        model,
        mode,
        limit=options["limit"],
        epochs=options["epochs"],
        max_tokens=options["max_tokens"],
        task_options=with_sandbox(options),
        engine=take_choice(options),
    )
