"""Folders that eval, compare, settle and train have left, as verbs that read them are given them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from entmin.errors import EntminError, UsageError

if TYPE_CHECKING:
    from entmin.evals.run import RunResult

    Arms = list[tuple[str, RunResult]]

_KINDS = {"settle": "plan.json", "compare": "comparison.json", "train": "run.json", "eval": "settings.json"}
"""What tells the folder of each verb."""


def by_kind(runs: Iterable[str]) -> dict[str, list[Path]]:
    """The folders by the verb that left them, each once.

    Raises:
        UsageError: one is no folder of results.
    """
    found: dict[str, list[Path]] = {kind: [] for kind in _KINDS}
    for run in dict.fromkeys(Path(run) for run in runs):
        found[_kind(run)].append(run)
    return found


def _kind(folder: Path) -> str:
    for kind, name in _KINDS.items():
        if (folder / name).exists():
            return kind
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; name one that eval, compare, settle or train has written")
    below = sorted({path.parent for name in _KINDS.values() for path in folder.glob(f"**/{name}")})
    shown = ", ".join(map(str, below[:6])) + (" and others" if len(below) > 6 else "")
    hint = f"; name one or several of those below it: {shown}" if below else ""
    raise UsageError(f"{folder} holds no results of eval, compare, settle or train{hint}")


def compared(folders: Sequence[Path]) -> list[tuple[str, Arms]]:
    """Task and arms of each comparison, as far as they were asked then."""
    from entmin.evals.finished import finished_run, read_json

    found: list[tuple[str, Arms]] = []
    for folder in folders:
        path, results = folder / "comparison.json", folder.resolve().parents[2]
        tasks: dict[str, Arms] = {}
        for row in read_json(path, "rows")["rows"]:
            try:
                task, label, problems = row["task"], row["label"], row["problems"]
                run, each = results.joinpath(*Path(row["log"]).parts[-3:]), row["samples"] // problems
            except (KeyError, TypeError, ZeroDivisionError) as error:
                raise EntminError(f"{path} is damaged or of another version; run its command again") from error
            tasks.setdefault(task, []).append((label, finished_run(run, problems, each)))
        found += tasks.items()
    return found


def evaluated(folders: Sequence[Path]) -> list[tuple[str, Arms]]:
    """Runs that asked the same questions together, in the order given."""
    from entmin.evals.arms import labels_of
    from entmin.evals.finished import finished_run

    groups: dict[str, list[RunResult]] = {}
    for folder in folders:
        run = finished_run(folder)
        asked = run.summary["settings"]
        groups.setdefault(f"{asked['task']} {asked['task_identity']}", []).append(run)
    return [
        (
            runs[0].summary["settings"]["task"],
            list(zip(labels_of([r.summary["settings"] for r in runs]), runs, strict=True)),
        )
        for runs in groups.values()
    ]
