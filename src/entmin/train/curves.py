"""``curves.jsonl``: one line per optimiser step, written as it happens; and the line a watching person sees."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

NAMES = (
    "loss",
    "entropy",
    "length",
    "kl",
    "repetition",
    "distinct",
    "agreement",
    "reward",
    "reward_std",
    "grad_norm",
    "clipped",
    "tokens",
    "learning_rate",
)
"""What every line may hold besides `step` and `seconds`; a curve that the method does not have is absent."""


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The complete lines of a JSONL file; a last line cut short by a kill is left out."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def keep_until(path: Path, step: int) -> list[dict[str, Any]]:
    """Drop the lines after `step`, which a resumed run will write again; returns those kept."""
    rows = [row for row in read_rows(path) if row["step"] <= step]
    if path.exists():
        scratch = path.with_suffix(".partial")
        scratch.write_text("".join(json.dumps(row) + "\n" for row in rows))
        os.replace(scratch, path)
    return rows


def append_row(path: Path, row: dict[str, Any]) -> None:
    """Add one line and hand it to the operating system."""
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


class Curves(TrainerCallback):  # type: ignore[misc]
    """Writes ``curves.jsonl``."""

    def __init__(self, folder: Path, show: Callable[[str], None] | None = None) -> None:
        self.path = folder / "curves.jsonl"
        self._show = show or (lambda line: print(line, file=sys.stderr, flush=True))
        self._before, self._started, self._shown = 0.0, 0.0, 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Continue the clock where an interrupted run left it."""
        if state.is_world_process_zero:
            rows = keep_until(self.path, state.global_step)
            self._before = float(rows[-1]["seconds"]) if rows else 0.0
        self._started = time.monotonic()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Write the step's line."""
        if not state.is_world_process_zero or not logs or "loss" not in logs:
            return
        row: dict[str, Any] = {"step": state.global_step}
        row |= {name: logs[name] for name in NAMES if isinstance(logs.get(name), (int, float))}
        row["seconds"] = round(self._before + time.monotonic() - self._started, 2)
        if not math.isfinite(row["loss"]):
            row["loss"] = None
        append_row(self.path, row)
        if sys.stderr.isatty() or time.monotonic() - self._shown > 15 or state.global_step >= state.max_steps:
            self._shown = time.monotonic()
            self._show(describe(row, state.max_steps))


def describe(row: dict[str, Any], steps: int) -> str:
    """One line for a person."""
    shown = {name: row[name] for name in ("loss", "reward", "entropy", "length", "kl", "agreement") if name in row}
    values = "  ".join(f"{name} {value:.4g}" for name, value in shown.items() if value is not None)
    return f"step {row['step']}/{steps}  {values}  {row['seconds']:.0f} s"
