"""The folder of a run: whether it may be used, and the settings that are kept in it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from entmin.durable import write_whole
from entmin.errors import UsageError
from entmin.jsonl import read_rows
from entmin.report.training_figure import CURVES, RECORD
from entmin.train.config import TrainConfig, default_settings, fixed_settings
from entmin.train.data.report import FILE as REPORT
from entmin.train.opening import Opening
from entmin.train.verl.flags import LOG, ROWS

MERGED = "base"
"""Folder, in that of a run, of the model that its adapters build on where that is an adapter merged into its base."""


def checkpoints(folder: Path) -> list[Path]:
    """The complete checkpoints of a run, oldest first."""
    found = [path for path in folder.glob("checkpoint-*") if path.name.partition("-")[2].isdigit()]
    return sorted(found, key=lambda path: int(path.name.partition("-")[2]))


def write_record(path: Path, config: TrainConfig, opening: Opening) -> None:
    """Write down the settings of a run and what it read."""
    record = json.loads(config.model_dump_json()) | {"read": opening.to_dict()}
    write_whole(path, json.dumps(record, indent=2) + "\n")


def check_folder(folder: Path, config: TrainConfig, resume: bool) -> Path | None:
    """Whether the run may use its output folder; the checkpoint to resume from, if any.

    Raises:
        UsageError: the folder holds something else, or a run with other settings.
    """
    record, found = folder / RECORD, checkpoints(folder)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; choose another --output")
    if not resume:
        if os.environ.get("RANK", "0") == "0" and not _only_begun(folder):
            raise UsageError(
                f"{folder} is not empty; go on with that run by --resume, choose another --output, or delete it"
            )
        return None
    if not record.exists():
        raise UsageError(f"{folder} holds no run to resume; leave --resume out to start one")
    now = config.model_dump(mode="json")
    before = default_settings(config.method, config.model) | json.loads(record.read_text())
    if changed := [name for name in fixed_settings() if before[name] != now[name]]:
        listed = ", ".join(f"{name} was {before[name]!r}, is {now[name]!r}" for name in changed)
        raise UsageError(f"{folder} was started with other settings ({listed}); a resumed run must keep them")
    lengths = ("max_steps", "epochs")
    if config.schedule != "constant" and (changed := [name for name in lengths if before[name] != now[name]]):
        raise UsageError(
            f"{changed[0]} was {before[changed[0]]!r}, is {now[changed[0]]!r}: the {config.schedule} schedule "
            "depends on the length of the run, so a resumed run must keep it; train longer with schedule=constant, or "
            "start anew"
        )
    return found[-1] if found else None


def _only_begun(folder: Path) -> bool:
    """Whether nothing is in the folder but what is written before a first step, which a corrected command replaces."""
    begun = {REPORT, RECORD, MERGED, ROWS, LOG, "runs", "tensorboard_log", "evals", CURVES}
    return {path.name for path in folder.glob("[!.]*")} <= begun and not read_rows(folder / CURVES)


def require_same_data(record: Path, opening: Opening) -> None:
    """Whether a resumed run reads what it read at its start.

    Raises:
        UsageError: it does not.
    """
    before = json.loads(record.read_text()).get("read", {}).get("digest")
    if before and before != opening.digest:
        raise UsageError(
            f"{record.parent} was started on other prompts than are read now: the data, the held-out problems or what "
            "prompts were compared with has changed, and a resumed run must keep them; bring them back, or start anew"
        )
