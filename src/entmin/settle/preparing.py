"""What a pilot needs: the task, the in-process engine, and prompts as the run will send them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from entmin.errors import UsageError
from entmin.settle.pilot import Pilot
from entmin.tasks.identity import identity

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.dataset import Sample

    from entmin.evals.provider import InProcess
    from entmin.evals.run import RunSpec
    from entmin.tasks.registry import Named


def one_question_task(spec: RunSpec, info: Named) -> Task:
    """The task of a benchmark that asks once for each problem.

    Raises:
        UsageError: it asks in several steps.
    """
    from entmin.evals.run import require_data
    from entmin.tasks.benchmark import Benchmark

    task = require_data([spec], [info])[info.name]
    if not isinstance(info, Benchmark) or "solver" in (task.metadata or {}):
        raise UsageError(f"{info.name} has a solver of its own, for which there is no pilot; use `entmin compare`")
    for number, sample in enumerate(task.dataset, 1):
        sample.id = number if sample.id is None else sample.id
    return task


def in_process(spec: RunSpec) -> InProcess:
    """The engine in this process.

    Raises:
        UsageError: the run wants another one, which reports no entropies.
    """
    from entmin.evals.engines import open_engine
    from entmin.evals.provider import InProcess

    engine = open_engine(spec.model, spec.engine)
    if not isinstance(engine, InProcess):
        raise UsageError(
            "rivals are matched by entropy, which only the in-process engine reports: leave out --engine, or compare "
            "on servers at temperatures that you name"
        )
    return engine


def open_pilot(
    spec: RunSpec,
    info: Named,
    task: Task,
    engine: InProcess,
    ids: Sequence[str],
    home: Path,
    notify: Callable[[str], None],
    *,
    seed: int,
) -> Pilot:
    """A pilot on these problems of the task, which goes on with what an earlier one left under `home`."""
    from inspect_ai.model import ChatMessageUser

    from entmin.engine.prompts import encode_chat, switches_of
    from entmin.evals.provider import as_turns

    loaded, samples = engine.engine.loaded, {str(sample.id): sample for sample in task.dataset}
    prompts = []
    for one in ids:
        asked = samples[one].input
        turns = [ChatMessageUser(content=asked)] if isinstance(asked, str) else asked
        prompts.append((one, encode_chat(loaded, as_turns(list(turns)), switches_of(engine.said))))
    limit = spec.max_tokens or info.max_tokens
    about = json.dumps([prompts, limit, seed, spec.model, engine.identity(), identity(task)], default=str)
    return Pilot(
        engine.engine,
        prompts,
        _judge(_rules(info), samples),
        max_tokens=limit,
        seed=seed,
        folder=home / f"pilot-{hashlib.sha256(about.encode()).hexdigest()[:12]}",
        on_mode=lambda mode: notify(f"pilot: {mode} on {len(prompts)} problems"),
    )


def _rules(info: Named) -> str:
    """The name that graders know a benchmark, or a file of problems, by."""
    return getattr(info, "rules", None) or info.name


def _judge(task: str, samples: Mapping[str, Sample]) -> Callable[[str, str], bool | None]:
    """Judges by the rules of a benchmark; a task whose answers our graders do not know has no verdicts here."""
    from entmin.tasks.answers import grade

    def verdict(one: str, text: str) -> bool | None:
        gold = (samples[one].metadata or {}).get("gold")
        try:
            return None if gold is None else grade(task, text, gold).correct
        except UsageError:
            return None

    return verdict
