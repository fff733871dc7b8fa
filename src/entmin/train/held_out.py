"""Held-out evaluation during training: ``evals.jsonl``, one line per evaluated step, and every answer beside it.

Labels are used here and in no unsupervised update. Each problem gets one greedy answer and k samples at the training
temperature from streams of its own, the same streams at every step, so that steps share their random numbers.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from statistics import fmean
from typing import Any

from datasets import Dataset
from transformers import TrainerCallback

from entmin.durable import append_row, make_folder, write_whole
from entmin.engine.requests import Completion
from entmin.jsonl import read_rows
from entmin.seeds import derive_seed
from entmin.stats.estimates import avg_at_k, pass_at_k
from entmin.train.answers import Answers
from entmin.train.curves import keep_until
from entmin.train.rollouts import Rollouts


class HeldOut(TrainerCallback):  # type: ignore[misc]
    """Evaluates before the first step, every `every` steps, and at the end."""

    def __init__(
        self, folder: Path, problems: Dataset, prompt_ids: list[list[int]], answers: Answers, rollouts: Rollouts,
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
        if state.is_world_process_zero and state.global_step not in {row["step"] for row in read_rows(self.path)}:
            append_row(self.path, self.evaluate(model, state.global_step))

    def evaluate(self, model: Any, step: int) -> dict[str, Any]:
        """Sample, grade and estimate; writes every answer to ``evals/step-N.jsonl``."""
        started = time.monotonic()
        model = getattr(model, "module", model)
        ids = self._problems["id"]
        seeds = [derive_seed(self._seed, f"held-out:{problem}", epoch) for problem in ids for epoch in range(self._k)]
        repeated = [prompt for prompt in self._prompts for _ in range(self._k)]
        sampled = self._rollouts.draw(model, repeated, seeds)
        greedy = self._rollouts.draw(model, self._prompts, [0] * len(ids), greedy=True)
        golds = self._problems["answer"]
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
            "entropy": fmean(c.entropy_before for c in sampled),
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
            | {"tokens": len(c.tokens), "entropy": c.entropy_before}
            for i, c in enumerate(sampled)
        ]
        rows += [
            {"id": ids[i], "sample": "greedy", "correct": right[i], "text": c.text, "tokens": len(c.tokens)}
            for i, c in enumerate(greedy)
        ]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        write_whole(self._folder / f"step-{step}.jsonl", text)


def _distinct(answers: Answers, group: list[Completion], kinds: list[str]) -> float:
    return len(set(answers.keys([c.text for c in group], kinds))) / len(group)
