"""Held-out evaluation during training: ``evals.jsonl``, one line per evaluated step, and every answer beside it.

Labels are used here and in no unsupervised update. Each problem gets one greedy answer and k samples at the training
temperature from streams of its own, the same streams at every step, so that steps share their random numbers. Several
processes divide the problems among themselves; the first one grades and writes.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, Protocol

from datasets import Dataset
from transformers import TrainerCallback

from entmin.durable import append_row, make_folder, write_whole
from entmin.engine.requests import Completion
from entmin.jsonl import read_rows
from entmin.seeds import derive_seed
from entmin.stats.estimates import avg_at_k, pass_at_k
from entmin.train.answers import Answers
from entmin.train.curves import keep_until
from entmin.train.processes import from_first, in_turn, share_of


class Drawer(Protocol):
    """What draws the answers: `Rollouts` or `VllmRollouts`."""

    def draw(self, model: Any, prompts: Sequence[list[int]], seeds: Sequence[int | None]) -> list[Completion]:
        """A completion per prompt and seed; None decodes greedily."""
        ...


class HeldOut(TrainerCallback):  # type: ignore[misc]
    """Evaluates before the first step, every `every` steps, and at the end."""

    def __init__(
        self, folder: Path, problems: Dataset, prompt_ids: list[list[int]], answers: Answers, rollouts: Drawer,
        *, every: int, samples: int, seed: int,
    ) -> None:  # fmt: skip
        self.path, self._folder = folder / "evals.jsonl", folder / "evals"
        self._problems, self._prompts, self._answers, self._rollouts = problems, prompt_ids, answers, rollouts
        self._every, self._k, self._seed = every, samples, seed
        self._kinds = list(problems["kind"])
        self._repeated_kinds = [kind for kind in self._kinds for _ in range(samples)]

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Evaluate the untrained model."""
        if state.is_world_process_zero:
            make_folder(self._folder)
            keep_until(self.path, state.global_step)
        self._once(state, model)

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Evaluate every so often."""
        if state.global_step % self._every == 0:
            self._once(state, model)

    def on_train_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Evaluate the trained model."""
        self._once(state, model)

    def _once(self, state: Any, model: Any) -> None:
        first = state.is_world_process_zero
        if not from_first(first and state.global_step not in {row["step"] for row in read_rows(self.path)}):
            return
        started = time.monotonic()
        sampled, greedy = self._drawn(getattr(model, "module", model))
        if first:
            append_row(self.path, self._estimated(sampled, greedy, state.global_step, started))

    def _drawn(self, model: Any) -> tuple[list[Completion], list[Completion]]:
        """All samples, problem by problem, and the greedy answers, each with what the other processes drew."""
        ids, mine = self._problems["id"], share_of(range(len(self._prompts)))
        streams: list[list[int | None]] = [
            [*(derive_seed(self._seed, f"held-out:{ids[i]}", epoch) for epoch in range(self._k)), None] for i in mine
        ]
        prompts = [self._prompts[i] for i in mine for _ in range(self._k + 1)]
        drawn = self._rollouts.draw(model, prompts, [seed for row in streams for seed in row])
        groups = in_turn([drawn[i : i + self._k + 1] for i in range(0, len(drawn), self._k + 1)])
        return [one for group in groups for one in group[:-1]], [group[-1] for group in groups]

    def _estimated(
        self, sampled: list[Completion], greedy: list[Completion], step: int, started: float
    ) -> dict[str, Any]:
        """Grade and estimate; writes every answer to ``evals/step-N.jsonl``."""
        ids, golds = self._problems["id"], self._problems["answer"]
        verdicts = self._answers.verdicts(
            [c.text for c in sampled], [g for g in golds for _ in range(self._k)], self._repeated_kinds
        )
        right = self._answers.verdicts([c.text for c in greedy], list(golds), self._kinds)
        groups = {problem: verdicts[i * self._k : (i + 1) * self._k] for i, problem in enumerate(ids)}
        self._record(step, list(ids), sampled, verdicts, greedy, right)
        return {
            "step": step,
            "problems": len(ids),
            "k": self._k,
            "pass@1": avg_at_k(groups).to_dict(),
            f"pass@{self._k}": pass_at_k(groups, self._k).to_dict(),
            "greedy": avg_at_k({problem: [verdict] for problem, verdict in zip(ids, right, strict=True)}).to_dict(),
            "length": fmean(len(c.tokens) for c in sampled),
            "entropy": _number(fmean(c.entropy_before for c in sampled)),
            "clipped": fmean(c.stop_reason != "stop" for c in sampled),
            "distinct": fmean(
                _distinct(self._answers, sampled[i : i + self._k], self._repeated_kinds[i : i + self._k])
                for i in range(0, len(sampled), self._k)
            ),
            "not_judged": sum(verdict is None for verdict in [*verdicts, *right]),
            "seconds": round(time.monotonic() - started, 2),
        }

    def _record(
        self, step: int, ids: list[str], sampled: list[Completion], verdicts: list[bool | None],
        greedy: list[Completion], right: list[bool | None],
    ) -> None:  # fmt: skip
        rows = [
            {"id": ids[i // self._k], "sample": i % self._k, "correct": verdicts[i], "text": c.text}
            | {"tokens": len(c.tokens), "entropy": _number(c.entropy_before)}
            for i, c in enumerate(sampled)
        ]
        rows += [
            {"id": ids[i], "sample": "greedy", "correct": right[i], "text": c.text, "tokens": len(c.tokens)}
            for i, c in enumerate(greedy)
        ]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        write_whole(self._folder / f"step-{step}.jsonl", text)


def _number(entropy: float) -> float | None:
    """An entropy as JSON holds it; a server does not say it."""
    return None if math.isnan(entropy) else entropy


def _distinct(answers: Answers, group: list[Completion], kinds: list[str]) -> float:
    return len(set(answers.keys([c.text for c in group], kinds))) / len(group)
