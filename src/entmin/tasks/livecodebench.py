"""LiveCodeBench, code generation; release and date window are fields of the result."""

from __future__ import annotations

from typing import Any

from inspect_ai import Task, task

from entmin.programs.judge import Rules
from entmin.programs.livecodebench import PAPER_WINDOW
from entmin.tasks.programs import code_benchmark


@task
def livecodebench(
    prompt: str = "clean",
    data_dir: str | None = None,
    grader: str = "entmin",
    seed: int = 0,
    release: str = "release_v2",
    start: str = PAPER_WINDOW[0],
    end: str = PAPER_WINDOW[1],
    sandbox: str = "bubblewrap",
    cpu_seconds: int | None = None,
) -> Task:
    """LiveCodeBench: contest problems of a release within a window of dates, by difficulty and platform.

    Args:
        prompt: Prompt profile.
        data_dir: Mirror folder.
        grader: ``entmin``, or ``paper`` for the published extraction and header.
        seed: Unused; every benchmark takes it.
        release: ``release_v1`` to ``release_v6``; ``release_v2`` is the published one.
        start: First contest date.
        end: Last contest date.
        sandbox: ``bubblewrap``, ``docker`` or ``unsafe-none``.
        cpu_seconds: Processor seconds of one test; by default 6.
    """
    rules = Rules("livecodebench", grader, sandbox, cpu_seconds)
    source = {"release": release, "start": start, "end": end}
    window: dict[str, Any] = {"release": release, "window": [start, end]}
    return code_benchmark(rules, prompt=prompt, data_dir=data_dir, seed=seed, source=source, **window)
