"""``curves.jsonl``: one line per optimiser step, written as it happens; and the line a watching person sees."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import Any, Self

from transformers import TrainerCallback

from entmin.durable import append_row, write_whole
from entmin.jsonl import read_rows
from entmin.terminal import console, say

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
    "waited",
    "staleness",
    "learning_rate",
)
"""What every line may hold besides `step` and `seconds`; a curve that the method does not have is absent."""

_PLAIN_EVERY = 15.0
"""Seconds between lines where there is no terminal."""


def keep_until(path: Path, step: int) -> list[dict[str, Any]]:
    """Drop the lines after `step`, which a resumed run will write again; returns those kept."""
    rows = [row for row in read_rows(path) if row["step"] <= step]
    if path.exists():
        write_whole(path, "".join(json.dumps(row) + "\n" for row in rows))
    return rows


class Curves(TrainerCallback):  # type: ignore[misc]
    """Writes ``curves.jsonl`` and shows how far the run is; as a context manager, ends the display with the run."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "curves.jsonl"
        self._before, self._started, self._shown = 0.0, 0.0, 0.0
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._bar is not None:
            self._bar.stop()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Continue the clock where an interrupted run left it."""
        if state.is_world_process_zero:
            rows = keep_until(self.path, state.global_step)
            self._before = float(rows[-1]["seconds"]) if rows else 0.0
            if sys.stderr.isatty():
                self._bar = Bar(state.global_step, state.max_steps)
        self._started = time.monotonic()

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Write the step's line."""
        if not state.is_world_process_zero or not logs or "loss" not in logs:
            return
        row: dict[str, Any] = {"step": state.global_step}
        row |= {name: logs[name] for name in NAMES if isinstance(logs.get(name), (int, float))}
        row["seconds"] = round(self._before + time.monotonic() - self._started, 2)
        row = {name: value if math.isfinite(value) else None for name, value in row.items()}
        append_row(self.path, row)
        self._show(row, state.max_steps)

    def _show(self, row: dict[str, Any], steps: int) -> None:
        line = describe(row, steps)
        if self._bar is not None:
            self._bar.advance(line, row["step"])
        elif time.monotonic() - self._shown > _PLAIN_EVERY or row["step"] >= steps:
            self._shown = time.monotonic()
            say(line, err=True)


class Bar:
    """On a terminal: a line per step, and under them a bar with the time left."""

    def __init__(self, done: int, steps: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

        columns = (
            BarColumn(),
            MofNCompleteColumn(),
            "steps ",
            TimeElapsedColumn(),
            "gone ",
            TimeRemainingColumn(),
            "left",
        )
        self._progress = Progress(*columns, console=console(stderr=True), transient=True)
        self._task = self._progress.add_task("training", total=steps, completed=done)
        self._progress.start()

    def advance(self, line: str, step: int) -> None:
        """Show a finished step."""
        self._progress.console.print(line, soft_wrap=True)
        self._progress.update(self._task, completed=step)

    def stop(self) -> None:
        """Take the bar away and give the terminal back."""
        self._progress.stop()


def describe(row: dict[str, Any], steps: int) -> str:
    """One line for a person."""
    shown = {name: row[name] for name in ("loss", "reward", "entropy", "length", "kl", "agreement") if name in row}
    values = "  ".join(f"{name} {value:.4g}" for name, value in shown.items() if value is not None)
    return f"step {row['step']}/{steps}  {values}  {row['seconds']:.0f} s"
