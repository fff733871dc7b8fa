"""SciCode: scientific problems solved step by step, each step on the model's own earlier code."""

from __future__ import annotations

from typing import Any

from inspect_ai import Task, task

from entmin.programs.judge import Rules
from entmin.programs.problems import problems
from entmin.programs.scicode import targets_for
from entmin.programs.stepwise import step_turns, stepwise
from entmin.tasks.programs import code_benchmark


@task
def scicode(
    prompt: str = "clean",
    data_dir: str | None = None,
    grader: str = "entmin",
    seed: int = 0,
    split: str = "test",
    background: bool | None = None,
    targets: str | None = None,
    sandbox: str = "bubblewrap",
    cpu_seconds: int | None = None,
) -> Task:
    """SciCode: 65 problems in 291 steps (288 asked), or the 15 development problems.

    A problem is right when all of its steps are; the rate of right steps is reported beside it (``sub-problems``).

    Args:
        prompt: Prompt profile.
        data_dir: Mirror folder.
        grader: Accepted as every task does; both are the same here.
        seed: Unused; every benchmark takes it.
        split: ``test``, or ``dev``, whose reference programs make the targets.
        background: Show each step's scientific background; by default with ``paper``, which always does.
        targets: Path of ``test_data.h5``.
        sandbox: ``bubblewrap``, ``docker`` or ``unsafe-none``.
        cpu_seconds: Processor seconds of one step; by default 300.
    """
    rules = Rules("scicode", grader, sandbox, cpu_seconds)
    source: dict[str, Any] = {"split": split} | ({"targets": targets} if targets else {})
    shown = prompt == "paper" if background is None else background
    options: dict[str, Any] = {"prompt": prompt, "background": shown, "data_dir": data_dir, "source": source}
    # Prompts and targets are tried once here: a missing column or file must be known before a model is asked.
    first = next(iter(problems("scicode", data_dir, source).rows.values()))
    made = code_benchmark(
        rules,
        prompt=prompt,
        data_dir=data_dir,
        seed=seed,
        source=source,
        solver="own",
        solver_options=options,
        background=shown,
        split=split,
    )
    assert isinstance(first.gold, dict)
    step_turns(first, first.gold["steps"][0]["id"], {}, prompt, shown)
    if first.gold["targets"] != "reference":
        targets_for(first, sandbox)
    made.solver = stepwise(**options)
    return made
