"""What stands beside a run's logs: how long each session took, and the summary that is made from all of them."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

from inspect_ai import Task
from inspect_ai.log import EvalLog

from entmin.durable import append_row, write_whole
from entmin.engine.requests import EngineStats
from entmin.evals.choice import RunningEngine
from entmin.evals.cost import mean_cost
from entmin.evals.metrics import summarize_log
from entmin.evals.record import git_revision, hardware, versions
from entmin.jsonl import read_rows
from entmin.tasks.procedural import trivial

SIZE = ("limit", "epochs")
"""Settings that are no part of a run's digest: how much of it is asked for."""


def of_other_tasks(folder: Path, settings: dict[str, Any]) -> list[str]:
    """A notice for each run of the same settings whose questions, golds or scorer were others."""
    notices = []
    for path in sorted(folder.parent.glob(f"{settings['task']}-*/settings.json")):
        try:
            other = json.loads(path.read_text())
        except (OSError, ValueError):
            continue
        aside = {*SIZE, "task_identity"}
        same = all(other.get(key) == settings.get(key) for key in {*other, *settings} - aside)
        if path.parent != folder and same and other.get("task_identity") != settings["task_identity"]:
            why = (
                "questions, golds or scorer were others"
                if "task_identity" in other
                else "it does not say what it asked"
            )
            notices.append(f"{path.parent} has answers that are not used here: {why}; `inspect view` shows them")
    return notices


def note_session(folder: Path, before: EngineStats, engine: RunningEngine) -> None:
    """Append what this session decoded and with what, so that both are known for a run that took several."""
    after = engine.stats
    if after.completed == before.completed:
        return
    row = {
        "ended": time.time(),
        "completed": after.completed - before.completed,
        "prompt_tokens": after.prompt_tokens - before.prompt_tokens,
        "generated_tokens": after.generated_tokens - before.generated_tokens,
        "seconds": after.busy_seconds - before.busy_seconds,
        "engine": engine.record(),
        "notices": list(engine.notices),
    }
    append_row(folder / "sessions.jsonl", row)


def _about(task: Task, log: EvalLog) -> dict[str, Any]:
    """What the task says of itself; what always saying the same scores is of the problems that were asked."""
    about = dict(task.metadata or {})
    if "trivial" in about and log.samples:
        about["trivial"] = trivial({sample.id: str(sample.target) for sample in log.samples}.values())
    return about


def write_summary(
    folder: Path, settings: dict[str, Any], task: Task, log: EvalLog, record: dict[str, Any], read: dict[str, Any]
) -> dict[str, Any]:
    """Make summary.json from the log and the sessions.

    Args:
        folder: the run's.
        settings: the run's.
        task: what was asked.
        log: the samples that were asked for.
        record: what the engine says of itself.
        read: what the run read (`entmin.evals.opening`).
    """
    written = read_rows(folder / "sessions.jsonl")
    rows = [
        row for row in written if isinstance(row, dict) and row.keys() >= {"seconds", "generated_tokens", "notices"}
    ]
    lost = len(written) - len(rows)
    seconds, tokens = sum(r["seconds"] for r in rows), sum(r["generated_tokens"] for r in rows)
    told = [row["engine"] for row in rows if "engine" in row] or [record]
    engines = [{key: value for key, value in engine.items() if key != "requests"} for engine in told]
    summary = {
        "settings": settings,
        "engines": [engine for i, engine in enumerate(engines) if engine not in engines[:i]],
        "dtype_used": record.get("dtype"),
        "task": _about(task, log),
        "read": read,
        "results": summarize_log(log),
        "cost_per_answer": dataclasses.asdict(mean_cost(log.samples or [])),
        "generated_tokens": sum(
            sample.output.usage.output_tokens for sample in log.samples or [] if sample.output.usage
        ),
        "decoding_seconds": seconds,
        "tokens_per_second": tokens / seconds if seconds else None,
        "notices": ([f"{lost} sessions cannot be read; times and speeds are of the others"] if lost else [])
        + of_other_tasks(folder, settings)
        + [notice for row in rows for notice in row["notices"]],
        "versions": versions(),
        "hardware": hardware(),
        "git_revision": git_revision(),
        "log": Path(str(log.location)).name,
    }
    write_whole(folder / "summary.json", json.dumps(summary, indent=2, default=str) + "\n")
    return summary
