"""The collapse watch: a trainer callback that says in words when a run is past its best, and keeps what came before.

Every few steps it asks for a checkpoint. For each rule it holds on to the last checkpoint that was safe from it, as
hard links under ``<output>/watch``, so that the trainer's own rotation cannot take it. When a rule fires, that one
becomes ``<output>/before-<rule>``. Optimiser states are left out: the kept folder is a model to use, not a run to
resume. At the end, ``watch.json`` and ``curves.png`` say what was seen.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from entmin.durable import make_folder, write_whole
from entmin.jsonl import read_rows
from entmin.report.training_figure import CURVES, WATCH, draw
from entmin.terminal import say
from entmin.train.fields import Action
from entmin.train.levels import RULES, WatchSettings
from entmin.train.rules import Alarm, RuleEngine

_KEPT = "watch"
_STATE = "kept.json"
_FOR_RESUMING = ("optimizer", "scheduler", "rng_state", "scaler", "global_step", "training_args")


def _announce(message: str) -> None:
    say(f"\nwatch: {message}\n", err=True)


class CollapseWatch(TrainerCallback):  # type: ignore[misc]  # transformers is untyped here
    """Watches one run; also works with any trainer of transformers or TRL that logs the metrics of `rules.METRICS`."""

    def __init__(
        self,
        settings: WatchSettings | None = None,
        n: int = 4,
        updates_per_rollout: int = 1,
        announce: Callable[[str], None] = _announce,
    ) -> None:
        """Watch one run.

        Args:
            settings: thresholds, actions and how often to save; a `TrainConfig` is one.
            n: samples per prompt.
            updates_per_rollout: checkpoints are made after a multiple of this many steps, where a run can resume.
            announce: receives the warnings; by default they go to standard error.
        """
        settings = settings or WatchSettings()
        self.actions: dict[str, Action] = {rule: settings.action(rule) for rule in RULES}
        self.engine = RuleEngine(settings, n)
        self.save_every = -(-settings.watch_save_every // updates_per_rollout) * updates_per_rollout
        self.announce = announce
        self.stopped_by: str | None = None
        self._kept: dict[str, int] = {}
        self._before: dict[str, str | None] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """On resuming, go through the steps already taken, so that rules and first values are as they were."""
        output = Path(args.output_dir)
        if not state.global_step:
            return
        for row in read_rows(output / CURVES):
            if row.get("step", 0) <= state.global_step:
                for alarm in self.engine.update(int(row["step"]), row):
                    self._before[alarm.rule] = self._before_folder(output, alarm.rule)
        notes = output / _KEPT / _STATE
        kept = json.loads(notes.read_text()) if notes.exists() else {}
        self._kept = {rule: step for rule, step in kept.items() if step <= state.global_step}

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Look at one step's metrics; warn, and stop where that was asked for."""
        for alarm in self.engine.update(state.global_step, logs or {}):
            action = self.actions[alarm.rule]
            if action == "off":
                continue
            if state.is_world_process_zero:
                self._report(alarm, Path(args.output_dir))
            if action == "stop":
                self.stopped_by = self.stopped_by or alarm.rule
                control.should_training_stop = True

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Ask for a checkpoint often enough that there is one from before a fall."""
        if self.save_every and state.global_step % self.save_every == 0:
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Hold on to the new checkpoint for every rule that it is safe from."""
        checkpoint = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        safe = [rule for rule in RULES if self.actions[rule] != "off" and self.engine.safe(rule)]
        if not state.is_world_process_zero or not safe or not checkpoint.is_dir():
            return
        folder = Path(args.output_dir) / _KEPT
        _link(checkpoint, folder / f"step-{state.global_step}")
        self._kept.update(dict.fromkeys(safe, state.global_step))
        needed = {f"step-{step}" for step in self._kept.values()}
        for old in folder.glob("step-*"):
            if old.name not in needed:
                shutil.rmtree(old)
        write_whole(folder / _STATE, json.dumps(self._kept))

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Write what was seen, as ``watch.json`` and as a figure."""
        if not state.is_world_process_zero:
            return
        output = Path(args.output_dir)
        found = {**self.engine.summary(), "actions": self.actions, "stopped_by": self.stopped_by, "kept": self._before}
        write_whole(output / WATCH, json.dumps(found, indent=2) + "\n")
        if (output / CURVES).exists():
            draw({output.name: output}, output / "curves.png")

    def _report(self, alarm: Alarm, output: Path) -> None:
        step = self._kept.pop(alarm.rule, None)
        source = output / _KEPT / f"step-{step}"
        if step is None or not source.is_dir():
            self._before[alarm.rule] = None
            kept = "no checkpoint was saved before that, so only the initial model is from before the fall"
        else:
            target = output / f"before-{alarm.rule}"
            shutil.rmtree(target, ignore_errors=True)
            _link(source, target)
            self._before[alarm.rule] = target.name
            kept = f"step {step} is kept in {target}"
        stopping = "; training stops" if self.actions[alarm.rule] == "stop" else ""
        self.announce(f"step {alarm.step}: {alarm.message}; {kept}{stopping}")

    @staticmethod
    def _before_folder(output: Path, rule: str) -> str | None:
        return f"before-{rule}" if (output / f"before-{rule}").is_dir() else None


def _link(source: Path, target: Path) -> None:
    """Copy a checkpoint's model as hard links (real copies where the file system has none)."""
    if target.exists():
        return
    weights = any(source.glob("*.safetensors"))
    scratch = target.with_name(f".{target.name}")
    shutil.rmtree(scratch, ignore_errors=True)
    for file in sorted(source.rglob("*")):
        inner = file.relative_to(source)
        # DeepSpeed's own folders hold the weights too where nothing else does.
        if file.is_file() and not (weights and inner.parts[0].startswith(_FOR_RESUMING)):
            make_folder((scratch / inner).parent)
            try:
                os.link(file, scratch / inner)
            except OSError:
                shutil.copy2(file, scratch / inner)
    os.replace(scratch, target)
