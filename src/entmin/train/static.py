"""A fixed set of self-generated answers: sampled once from the initial model, written down, used for a whole run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from accelerate import PartialState

from entmin.durable import write_whole
from entmin.errors import EntminError
from entmin.seeds import derive_seed
from entmin.train.rollouts import Rollouts


class StaticSamples:
    """Hands out the stored completions of each prompt; callable as `entmin.train.trainers.samples.Sampler`."""

    def __init__(self, path: Path, rollouts: Rollouts, n: int, seed: int) -> None:
        self._path, self._rollouts, self._n, self._seed = path, rollouts, n, seed
        self._stored: dict[tuple[int, ...], list[list[int]]] = {}

    def prepare(self, model: Any, prompts: list[list[int]]) -> None:
        """Sample n completions for every prompt, or read them where an earlier session has; rank 0 samples for all."""
        with PartialState().main_process_first():
            if not self._path.exists():
                self._sample(model, [list(p) for p in dict.fromkeys(map(tuple, prompts))])
            rows = [json.loads(line) for line in self._path.read_text().splitlines()]
        self._stored = {tuple(row["prompt"]): row["completions"] for row in rows}

    def _sample(self, model: Any, prompts: list[list[int]]) -> None:
        repeated = [prompt for prompt in prompts for _ in range(self._n)]
        seeds = [derive_seed(self._seed, "static", i) for i in range(len(repeated))]
        drawn = [done.tokens for done in self._rollouts.draw(model, repeated, seeds)]
        rows = [
            {"prompt": prompt, "completions": drawn[i * self._n : (i + 1) * self._n]}
            for i, prompt in enumerate(prompts)
        ]
        write_whole(self._path, "".join(json.dumps(row) + "\n" for row in rows))

    def __call__(self, model: Any, prompts: list[list[int]], streams: list[int]) -> list[list[int]]:
        """The stored completions; groups of n identical prompts get the n stored ones."""
        try:
            return [self._stored[tuple(prompt)][i % self._n] for i, prompt in enumerate(prompts)]
        except KeyError:
            raise EntminError(f"{self._path} lacks answers to some prompts; delete the run and start again") from None
