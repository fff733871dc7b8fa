"""A key-value cache whose rows come and go.

transformers' own `DynamicCache` copies every layer at every token and cannot take in new rows. Here each layer owns a
buffer with room to grow, all rows end at the same column (left padding), and `recompose` drops finished rows, trims
padding nobody needs any more, and merges freshly prefilled rows, in one copy.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

_ROOM = 64


class SlotLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values of one layer, ``[B, heads, capacity, dim]``, of which the first `length` columns are in use."""

    def __init__(self) -> None:
        super().__init__()
        self.length = 0

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Take shapes from the first update; called by transformers."""
        self.dtype, self.device = key_states.dtype, key_states.device
        self.keys = _buffer(key_states, key_states.shape[-2] + _ROOM)
        self.values = _buffer(value_states, key_states.shape[-2] + _ROOM)
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Append columns and return all columns in use, as views."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        end = self.length + key_states.shape[-2]
        if end > self.keys.shape[-2]:
            self.keys = _grown(self.keys, self.length, end + max(_ROOM, end // 4))
            self.values = _grown(self.values, self.length, end + max(_ROOM, end // 4))
        self.keys[:, :, self.length : end] = key_states
        self.values[:, :, self.length : end] = value_states
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def get_seq_length(self) -> int:
        """Columns in use; asked by transformers for masks and positions."""
        return self.length

    def recompose(self, keep: Tensor, trim: int, fresh: SlotLayer | None) -> None:
        """Keep rows `keep` without their first `trim` columns, and append the rows of `fresh` below, ends aligned."""
        length = max(self.length - trim, fresh.length if fresh else 0)
        self.keys = _merged(self.keys, keep, trim, self.length, fresh and fresh.keys, fresh and fresh.length, length)
        self.values = _merged(
            self.values, keep, trim, self.length, fresh and fresh.values, fresh and fresh.length, length
        )
        self.length = length


class SlotCache(Cache):  # type: ignore[misc]
    """A `SlotLayer` for every layer of a model with plain attention."""

    def __init__(self, layers: int) -> None:
        super().__init__(layers=[SlotLayer() for _ in range(layers)])

    def recompose(self, keep: list[int], trim: int, fresh: SlotCache | None) -> None:
        """Drop rows not in `keep`, trim columns on the left, append the rows of `fresh`."""
        for layer, new in zip(self.layers, fresh.layers if fresh else [None] * len(self.layers), strict=True):
            layer.recompose(torch.tensor(keep, dtype=torch.long, device=layer.device), trim, new)


def new_cache(config: Any) -> SlotCache | DynamicCache:
    """A `SlotCache` where every layer attends to everything; otherwise the cache transformers makes for the model.

    The latter (sliding windows, state-space layers) can drop rows but not take new ones in.
    """
    plain = DynamicCache(config=config)
    if plain.layers and all(type(layer) is DynamicLayer for layer in plain.layers):
        return SlotCache(len(plain.layers))
    return plain


def _buffer(like: Tensor, capacity: int) -> Tensor:
    return like.new_empty(like.shape[0], like.shape[1], capacity, like.shape[3])


def _grown(old: Tensor, length: int, capacity: int) -> Tensor:
    new = _buffer(old, capacity)
    new[:, :, :length] = old[:, :, :length]
    return new


def _merged(
    old: Tensor, keep: Tensor, trim: int, used: int, fresh: Tensor | None, fresh_used: int | None, length: int
) -> Tensor:
    rows = keep.numel() + (fresh.shape[0] if fresh is not None else 0)
    new = old.new_zeros(rows, old.shape[1], length + _ROOM, old.shape[3])
    new[: keep.numel(), :, length - (used - trim) : length] = old[:, :, trim:used].index_select(0, keep)
    if fresh is not None and fresh_used is not None:
        new[keep.numel() :, :, length - fresh_used : length] = fresh[:, :, :fresh_used]
    return new
