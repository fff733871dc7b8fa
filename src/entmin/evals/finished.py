"""Finished runs read from their folders, without an engine: what a report is made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from entmin.errors import EntminError, UsageError
from entmin.evals import kept
from entmin.evals.metrics import summarize_log
from entmin.evals.run import RunResult


def finished_run(folder: Path, problems: int | Sequence[str] | None = None, epochs: int | None = None) -> RunResult:
    """The run in a folder, cut to what is asked for where it has grown since.

    Args:
        folder: ``results/<model>/<mode>/<task>-<digest>``.
        problems: how many of the first, or their ids; None takes what the run's newest log holds.
        epochs: samples of each; None takes all.

    Raises:
        UsageError: the folder holds no run.
        EntminError: the run is not finished, or its files cannot be read.
    """
    summary, logs = read_json(folder / "summary.json", "settings", "results", "task"), kept.logs_of(folder / "logs")
    for log in logs:
        held = {str(sample.id) for sample in log.samples or []}
        ids = [one for one in map(str, log.eval.dataset.sample_ids or []) if one in held]
        wanted = ids[:problems] if problems is None or isinstance(problems, int) else problems
        enough = len(wanted) >= (problems if isinstance(problems, int) else 1)
        asked = kept.Extent(tuple(wanted), epochs or log.eval.config.epochs or 1)
        if enough and (found := kept.whole([log], asked)) is not None:
            results = summary["results"] if problems is None and epochs is None else summarize_log(found)
            return RunResult(folder, found, summary | {"results": results})
    raise EntminError(f"{folder} holds no finished log of the samples asked for; run the same command again to go on")


def read_json(path: Path, *parts: str) -> dict[str, Any]:
    """A JSON object that a finished command left, with these parts in it, each an object or a list.

    Raises:
        UsageError: there is none.
        EntminError: it cannot be read.
    """
    if not path.exists():
        raise UsageError(
            f"{path} is missing, so the run in that folder is not finished; run its command again to go on"
        )
    try:
        found = json.loads(path.read_text())
        if not isinstance(found, dict):
            raise ValueError("it is no JSON object")
        if damaged := [name for name in parts if not isinstance(found.get(name), dict | list)]:
            raise ValueError(f"it has no {damaged[0]}, so it is damaged or of another version; run its command again")
    except (OSError, ValueError) as error:
        raise EntminError(f"{path} cannot be read: {error}") from error
    return found
