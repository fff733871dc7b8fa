"""A cache whose rows come and go.

transformers' own `DynamicCache` copies every layer at every token and cannot take in new rows. Here each layer of
attention owns a buffer with room to grow, all rows end at the same column (left padding), and `recompose` drops
finished rows, trims padding nobody needs any more, and merges freshly prefilled rows, in one copy. Layers with a state
(Mamba, gated delta nets, short convolutions) have no columns: rows of theirs are selected and appended.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers.cache_utils import (
    Cache,
    DynamicCache,
    DynamicLayer,
    LinearAttentionAndFullAttentionLayer,
    LinearAttentionLayer,
)

_ROOM = 64


class _Layer(Protocol):
    def recompose(self, keep: list[int], trim: int, fresh: Sequence[Any]) -> None: ...


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

    def recompose(self, keep: list[int], trim: int, fresh: Sequence[SlotLayer]) -> None:
        """Keep rows `keep` without their first `trim` columns, and append the rows of `fresh` below, ends aligned."""
        if not self.is_initialized:  # a layer without attention
            return
        rows = torch.tensor(keep, dtype=torch.long, device=self.device)
        kept = slice(trim, self.length)
        self.keys = _stacked([self.keys[:, :, kept][rows], *(new.keys[:, :, : new.length] for new in fresh)])
        self.values = _stacked([self.values[:, :, kept][rows], *(new.values[:, :, : new.length] for new in fresh)])
        self.length = max(self.length - trim, *(new.length for new in fresh), 0)


class StateLayer(LinearAttentionLayer):  # type: ignore[misc]
    """States of one layer, ``[B, ...]`` each."""

    def recompose(self, keep: list[int], trim: int, fresh: Sequence[StateLayer]) -> None:
        """Keep rows `keep`, and append the rows of `fresh`; states have no columns to trim."""
        for name in ("conv_states", "recurrent_states"):
            states = getattr(self, name)
            for i, state in states.items():
                if state is not None:
                    states[i] = torch.cat([state[keep], *(getattr(new, name)[i] for new in fresh)])


class SlotStateLayer(LinearAttentionAndFullAttentionLayer, SlotLayer, StateLayer):  # type: ignore[misc]
    """A layer with both, and the layers of models whose configuration does not say which of the two they are."""

    update = SlotLayer.update
    get_seq_length = SlotLayer.get_seq_length

    def __init__(self, number_of_states: int = 1) -> None:
        LinearAttentionAndFullAttentionLayer.__init__(self, number_of_states)
        self.length = 0

    def lazy_initialization(self, *args: Any, **kwargs: Any) -> None:
        """Take shapes from the first update: of keys and values, or, by name, of a state."""
        (StateLayer if kwargs else SlotLayer).lazy_initialization(self, *args, **kwargs)

    def recompose(self, keep: list[int], trim: int, fresh: Sequence[SlotStateLayer]) -> None:
        """Keep and append rows of both."""
        StateLayer.recompose(self, keep, trim, fresh)
        SlotLayer.recompose(self, keep, trim, fresh)


class SlotCache(Cache):  # type: ignore[misc]
    """A layer that rows can join for every layer of a model."""

    def recompose(self, keep: list[int], trim: int, fresh: Sequence[SlotCache] = ()) -> None:
        """Drop rows not in `keep`, trim columns on the left, append the rows of `fresh`, one after another."""
        for i, layer in enumerate(self.layers):
            layer.recompose(keep, trim, [new.layers[i] for new in fresh])


def new_cache(config: Any) -> SlotCache | DynamicCache:
    """A `SlotCache` where every layer attends to everything or keeps a state; otherwise transformers' own cache.

    The latter (sliding windows) can drop rows but not take new ones in.
    """
    plain = DynamicCache(config=config)
    layers = [_slot(layer) for layer in plain.layers]
    return SlotCache(layers=layers) if layers and all(layers) else plain


def reaches_all(config: Any) -> bool:
    """Whether every layer attends to all columns, however far away: no states, and no windows over columns."""
    try:
        layers = DynamicCache(config=config).layers
    except Exception:  # a model with a cache of its own, or with none
        return False
    settings = config.get_text_config(decoder=True).to_dict()
    windows = [
        name for name, value in settings.items() if value and name.endswith(("window", "window_size", "chunk_size"))
    ]
    return bool(layers) and all(type(layer) is DynamicLayer for layer in layers) and not windows


def _slot(layer: Any) -> _Layer | None:
    if type(layer) is DynamicLayer:
        return SlotLayer()
    if type(layer) is LinearAttentionLayer:
        return StateLayer(layer.number_of_states)
    if type(layer) is LinearAttentionAndFullAttentionLayer:
        return SlotStateLayer(layer.number_of_states)
    return None


def _buffer(like: Tensor, capacity: int) -> Tensor:
    return like.new_empty(like.shape[0], like.shape[1], capacity, like.shape[3])


def _grown(old: Tensor, length: int, capacity: int) -> Tensor:
    new = _buffer(old, capacity)
    new[:, :, :length] = old[:, :, :length]
    return new


def _stacked(parts: Sequence[Tensor]) -> Tensor:
    """Rows of ``[rows, heads, columns, dim]`` parts one below the other, ends aligned, with room to grow."""
    length = max(part.shape[2] for part in parts)
    new = parts[0].new_zeros(sum(len(part) for part in parts), parts[0].shape[1], length + _ROOM, parts[0].shape[3])
    first = 0
    for part in parts:
        new[first : first + len(part), :, length - part.shape[2] : length] = part
        first += len(part)
    return new
