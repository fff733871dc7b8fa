"""A run of veRL as it goes on: its metrics as our curves, the collapse watch on them, Ctrl-C, and its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from entmin.durable import append_row, private_files, write_whole
from entmin.errors import EntminError, Interrupted
from entmin.jsonl import read_rows
from entmin.report.training_figure import CURVES, WATCH
from entmin.starting import spinning
from entmin.terminal import say
from entmin.train.config import TrainConfig
from entmin.train.curves import describe, keep_until
from entmin.train.levels import RULES
from entmin.train.rules import RuleEngine
from entmin.train.verl.flags import LOG, METRICS, SAVED, STOP

CURVE_OF = {
    "loss": "actor/loss",
    "entropy": "entmin/entropy",
    "length": "entmin/length",
    "kl": "actor/kl_loss",
    "repetition": "entmin/repetition",
    "distinct": "entmin/distinct",
    "agreement": "entmin/agreement",
    "reward": "entmin/reward",
    "reward_std": "entmin/reward_std",
    "grad_norm": "actor/grad_norm",
    "clipped": "entmin/clipped",
    "learning_rate": "actor/lr",
}
"""Name in ``curves.jsonl`` to what veRL, or `entmin.hosts.verl`, calls it."""
_PAUSE = 1.0
"""Seconds between looks at the metrics."""
_TAIL = 15
"""Lines of the log that are shown where a run failed."""


def as_curve(measured: Mapping[str, Any], config: TrainConfig, before: Mapping[str, Any]) -> dict[str, Any]:
    """A step of veRL as a line of ``curves.jsonl``.

    Args:
        measured: its line in ``verl.jsonl``.
        config: settings.
        before: the line before, whose tokens and seconds are counted on.
    """
    row: dict[str, Any] = {"step": int(measured["step"]) * config.updates_per_rollout}
    row |= {name: measured[theirs] for name, theirs in CURVE_OF.items() if theirs in measured}
    if config.method == "em-ft":
        del row["reward"], row["reward_std"]  # of the zeros
        if config.reduction == "sum" and row.get("kl") is not None:
            row["kl"] /= row["length"]  # theirs is a sum over the tokens of a completion
    row["tokens"] = before.get("tokens", 0.0) + measured.get("entmin/tokens", 0.0)
    row["seconds"] = round(before.get("seconds", 0.0) + measured.get("timing_s/step", 0.0), 2)
    return row


class Follower:
    """Turns new lines of ``verl.jsonl`` into curves, and watches them."""

    def __init__(self, folder: Path, config: TrainConfig, steps: int) -> None:
        """Follow a run of so many optimiser steps, from the lines that are already there."""
        self._folder, self._config, self._steps = folder, config, steps
        self._engine = RuleEngine(config, config.n)
        self._actions = {rule: config.action(rule) for rule in RULES}
        self._rows = read_rows(folder / CURVES)
        self._read, self._size = len(read_rows(folder / METRICS)), -1
        self.stopped_by: str | None = None
        for row in self._rows:
            self._engine.update(row["step"], row)

    @property
    def step(self) -> int:
        """Optimiser steps taken."""
        return int(self._rows[-1]["step"]) if self._rows else 0

    def look(self) -> None:
        """Take in what is new."""
        path = self._folder / METRICS
        if not path.exists() or path.stat().st_size == self._size:
            return
        self._size = path.stat().st_size
        new = read_rows(path)[self._read :]
        self._read += len(new)
        for measured in new:
            self._take(measured)

    def _take(self, measured: Mapping[str, Any]) -> None:
        first = int(measured["step"]) * self._config.updates_per_rollout
        if first <= self.step:  # resumed from a checkpoint before the last line
            self._rows = keep_until(self._folder / CURVES, first - 1)
        row = as_curve(measured, self._config, self._rows[-1] if self._rows else {})
        append_row(self._folder / CURVES, row)
        self._rows.append(row)
        say(describe(row, self._steps), err=True)
        for alarm in self._engine.update(row["step"], row):
            action = self._actions[alarm.rule]
            if action == "off":
                continue
            say(f"\nwatch: step {alarm.step}: {alarm.message}\n", err=True)
            if action == "stop":
                self.stopped_by = self.stopped_by or alarm.rule
                ask_to_stop(self._folder)

    def close(self) -> None:
        """Write what was seen."""
        if self._config.watch != "off" and self._rows:
            seen = {**self._engine.summary(), "actions": self._actions, "stopped_by": self.stopped_by, "kept": {}}
            write_whole(self._folder / WATCH, json.dumps(seen, indent=2) + "\n")


def ask_to_stop(folder: Path) -> None:
    """Have the run end after its next step, with a checkpoint."""
    (folder / STOP).touch()


def follow(command: Sequence[str], folder: Path, config: TrainConfig, steps: int) -> None:
    """Run veRL's command to its end.

    The first Ctrl-C or SIGTERM ends the run after its next step, with a checkpoint; a second one ends it at once.

    Args:
        command: what starts it.
        folder: of the run.
        config: settings.
        steps: optimiser steps that it is to take.

    Raises:
        Interrupted: stopped by the user.
        EntminError: the command failed.
    """
    (folder / STOP).unlink(missing_ok=True)
    follower = Follower(folder, config, steps)
    with private_files(), (folder / LOG).open("ab") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | spinning(), stdout=log, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip  # where veRL and what it logs to leave files of their own
    with _ending(process, folder) as asked:
        while process.poll() is None:
            follower.look()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PAUSE)
        follower.look()
    follower.close()
    if asked.is_set() and follower.step < steps:
        raise Interrupted(
            f"interrupted after step {follower.step}; the same command with --resume goes on from the newest "
            f"checkpoint in {folder / SAVED}"
        )
    if process.returncode:
        tail = "\n".join((folder / LOG).read_text(errors="replace").splitlines()[-_TAIL:])
        raise EntminError(f"veRL ended with exit code {process.returncode}; {folder / LOG} ends with:\n{tail}")


@contextmanager
def _ending(process: subprocess.Popen[bytes], folder: Path) -> Iterator[threading.Event]:
    """Pass on how the user ends the run; end it too where this process fails. Gives whether it was asked to end."""
    asked = threading.Event()

    def on_signal(*_: Any) -> None:
        if asked.is_set():
            os.killpg(process.pid, signal.SIGTERM)
            return
        asked.set()
        ask_to_stop(folder)
        say("stopping after the next step, which is saved; once more stops at once", err=True)

    numbers = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield asked
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
