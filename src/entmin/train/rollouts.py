"""Completions for training and held-out evaluation, by the house's own batched decoding.

One stream of random numbers per completion, so that a completion depends on seed, stream number and weights, not on its
batch mates. Nothing is taken from the checkpoint's generation config but its end-of-sequence tokens: temperature as
configured, no truncation, no penalties.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import torch

from entmin.engine.batch import Batch, Row
from entmin.engine.loading import LoadedModel
from entmin.engine.requests import Completion, Request, Sampling
from entmin.errors import EntminError
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

    def draw(
        self, model: Any, prompts: Sequence[list[int]], seeds: Sequence[int], *, greedy: bool = False
    ) -> list[Completion]:
        """Completions with their entropies, in order."""
        sampling = Sampling(temperature=0) if greedy else self._sampling
        requests = [
            Request(prompt=prompt, sampling=sampling, max_tokens=self._max_tokens, seed=seed)
            for prompt, seed in zip(prompts, seeds, strict=True)
        ]
        training = model.training
        model.eval()
        try:
            return self._decode(self._twin.of(model), requests)
        finally:
            model.train(training)

    def _decode(self, loaded: LoadedModel, requests: list[Request]) -> list[Completion]:
        while True:
            try:
                return decode(loaded, requests, self._batch_size)
            except torch.OutOfMemoryError as error:
                if self._batch_size == 1:
                    raise EntminError(f"out of memory with a single completion: {error}; lower max_tokens") from error
                self._batch_size //= 2  # streams belong to completions, so starting over draws the same ones


def decode(loaded: LoadedModel, requests: list[Request], batch_size: int) -> list[Completion]:
    """Decode all requests, at most `batch_size` together; finished rows make room for waiting ones.

    Raises:
        EntminError: the model gave NaN, or a prompt does not fit its context.
    """
    too_long = max((len(request.prompt) for request in requests), default=0)
    if too_long >= loaded.max_length:
        raise EntminError(f"a prompt has {too_long} tokens; {loaded.name} takes {loaded.max_length}")
    batch, results = Batch(loaded), {}
    waiting = deque(Row(request, ticket=i) for i, request in enumerate(requests))
    while waiting or batch.live:
        free = batch_size - batch.live
        join = bool(waiting) and (not batch.live or (batch.refillable and free >= max(1, batch_size // 4)))
        arriving = [waiting.popleft() for _ in range(min(free, len(waiting)))] if join else []
        finished = batch.recompose(arriving) if arriving or batch.live * 4 <= len(batch.rows) * 3 else []
        finished += batch.step() if batch.live else []
        for row in finished:
            if row.failure is not None:
                raise row.failure
            results[row.ticket] = batch.completion(row)
    return [results[i] for i in range(len(requests))]
