"""Completions for training and held-out evaluation, by entmin's own scheduler on the model being trained.

One stream of random numbers per completion, so that a completion depends on seed, stream number and weights, not on its
batch mates. Nothing is taken from the checkpoint's generation config but its end-of-sequence tokens: temperature as
configured, no truncation, no penalties.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from entmin.engine.requests import Completion, Request
from entmin.engine.scheduler import Scheduler
from entmin.mode import Sampling
from entmin.seeds import derive_seed
from entmin.train.policy import Twin


class Rollouts:
    """Draws completions; callable as `entmin.train.trainers.samples.Sampler`."""

    def __init__(self, twin: Twin, *, max_tokens: int, temperature: float, batch_size: int, seed: int) -> None:
        self._twin, self._max_tokens, self._batch_size, self._seed = twin, max_tokens, batch_size, seed
        self._sampling = Sampling(temperature=temperature)

    def __call__(self, model: Any, prompts: list[list[int]], streams: list[int]) -> list[list[int]]:
        """Token ids of one completion per prompt and stream."""
        seeds = [derive_seed(self._seed, "rollout", stream) for stream in streams]
        return [done.tokens for done in self.draw(model, prompts, seeds)]

    def draw(self, model: Any, prompts: Sequence[list[int]], seeds: Sequence[int | None]) -> list[Completion]:
        """Completions of the model as it is now, with their entropies, in order; its training mode is given back.

        Args:
            model: all processes must ask where it is sharded.
            prompts: as token ids.
            seeds: one for each; None decodes greedily.

        Raises:
            EntminError: the model gave NaN, a prompt does not fit its context, or one completion does not fit memory.
        """
        greedy = Sampling(temperature=0)
        requests = [
            Request(
                prompt=prompt,
                sampling=greedy if seed is None else self._sampling,
                max_tokens=self._max_tokens,
                seed=seed or 0,
            )
            for prompt, seed in zip(prompts, seeds, strict=True)
        ]
        training = model.training
        model.eval()
        try:
            scheduler = Scheduler(self._twin.of(model), self._batch_size)
            done = scheduler.generate(requests)
        finally:
            model.train(training)
        self._batch_size = scheduler.batch_size  # smaller where memory ran out
        return done
