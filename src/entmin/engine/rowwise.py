"""Decoding without padding, for models that read padding as text or whose state rows cannot share.

Each row runs alone, with whatever the model keeps between steps, in the way of transformers' `generate`; where it keeps
nothing that is right, all tokens are read again at every step. Slower than `Batch`, and right wherever one row is.
"""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache

from entmin.engine.batch import Batch
from entmin.engine.loaded import LoadedModel
from entmin.engine.rows import BatchRow


class RowwiseBatch(Batch):
    """Rows that decode beside each other."""

    def __init__(self, loaded: LoadedModel) -> None:
        super().__init__(loaded)
        self._memories: dict[BatchRow, _Memory] = {}

    @property
    def wasteful(self) -> bool:
        """Whether a row is dead: dropping it costs nothing."""
        return self.live < len(self.rows)

    @property
    def refillable(self) -> bool:
        """New rows can always join."""
        return True

    @torch.inference_mode()
    def refill(self, arriving: list[BatchRow]) -> Tensor:
        """Drop finished rows and take `arriving` in, as `Batch.refill` does."""
        self.rows = [row for row in self.rows if not row.done] + arriving
        for row in arriving:
            row.started = row.started or time.monotonic()
        fresh = {row: _Memory(self.loaded, self._cache_name) for row in arriving}
        self._memories = {row: self._memories.get(row) or fresh[row] for row in self.rows}
        return self._logits(arriving) if arriving else torch.empty(0, 0)

    @torch.inference_mode()
    def step(self) -> Tensor:
        """``[B, V]`` logits of the next token of every row; those of dead ones mean nothing."""
        live = [row for row in self.rows if not row.done]
        logits = self._logits(live)
        place = {row: i for i, row in enumerate(live)}
        return logits[torch.tensor([place.get(row, 0) for row in self.rows], device=logits.device)]

    def _logits(self, rows: list[BatchRow]) -> Tensor:
        return torch.cat([self._memories[row].next(row.request.prompt + row.tokens) for row in rows])


def batch_for(loaded: LoadedModel) -> Batch:
    """An empty batch that decodes the model rightly."""
    return Batch(loaded) if loaded.decoding == "padded" else RowwiseBatch(loaded)


class _Memory:
    """What a model keeps of one row: outside of it, and in its modules, from which it is taken between two steps."""

    def __init__(self, loaded: LoadedModel, cache_name: str) -> None:
        self._model, self._device, self._cache_name = loaded.model, loaded.device, cache_name
        self._recompute = loaded.decoding == "recomputed"
        self._positions = loaded.decoding == "rowwise with positions"
        self._kept: dict[str, Any] = {}
        self._inside: dict[tuple[torch.nn.Module, str], Tensor | None] = {}

    def next(self, tokens: list[int]) -> Tensor:
        """``[1, V]`` logits of the token after `tokens`, which continue those of the last call."""
        ids = torch.tensor([tokens], device=self._device)
        if self._recompute:
            logits: Tensor = self._model(input_ids=ids, use_cache=False, return_dict=True).logits[:, -1]
            return logits
        first = not self._kept
        if first:
            self._kept = {"use_cache": True, "attention_mask": torch.ones_like(ids)} | self._new_cache()
            if self._positions:
                self._kept["position_ids"] = torch.arange(len(tokens), device=self._device)[None]
        before = {key: getattr(*key) for key in (self._places() if first else self._inside)}
        for key, state in self._inside.items():
            setattr(*key, state)
        inputs = self._model.prepare_inputs_for_generation(
            ids, next_sequence_length=None if first else 1, is_first_iteration=first, **self._kept
        )
        output = self._model(**inputs, return_dict=True)
        self._kept = self._model._update_model_kwargs_for_generation(output, self._kept)
        for key, old in before.items():
            if (new := getattr(*key)) is not old:
                self._inside[key] = new
                setattr(*key, old)
        logits = output.logits[:, -1]
        return logits

    def _new_cache(self) -> dict[str, Any]:
        if not self._model._supports_default_dynamic_cache():
            return {}  # the model makes its own
        return {self._cache_name: DynamicCache(config=self._model.config.get_text_config(decoder=True))}

    def _places(self) -> list[tuple[torch.nn.Module, str]]:
        """Where modules may keep a state: RecurrentGemma's do, as plain attributes."""
        modules = self._model.modules() if self._model._is_stateful else ()
        return [
            (m, name) for m in modules for name, value in vars(m).items() if value is None or torch.is_tensor(value)
        ]
