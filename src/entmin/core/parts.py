"""Rows of logits as parts: the same sums, on fewer or better chosen numbers.

What happens to a logit in these methods depends on its own value and on a few scalars of its row, so equal logits stay
equal. Two representations follow:

- **distinct values**: logits that leave a bf16 head take only a few thousand distinct values per row. Count them, work
  on the values in float64, and read the result back through a table. Exact, and about as cheap as a softmax.
- **head and tail**: for other float32 rows, the tokens with p > 1e-4 (at most ten thousand, usually a few) go to
  float64, the rest stays in float32. Near p = e^-H the sign of a gradient hangs on its last digits, and Adam turns that
  sign into a full step; float32 is enough for a token only while its probability is small.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from entmin.core.entropy import FLOOR, cache_rows

_HEAD_PROBABILITY = 1e-4
_HEAD_LARGE = 4096
_HEAD_PLACES = 64
_VALUES_MIN_VOCABULARY = 4096
_VALUES_ROWS = 16
_CODES = 1 << 16
_GLANCE = 64


class Part(NamedTuple):
    """Some of a row's logits."""

    values: Tensor
    """``[A, n]``, float32 or float64."""
    counts: Tensor | None
    """``[A, n]`` how many tokens hold each value, float64; None means one each."""


Assemble = Callable[[list[Tensor]], Tensor]
"""Turns transformed part values back into ``[A, V]`` logits."""


class Piece(NamedTuple):
    """Some rows of a batch, and their representation."""

    rows: Tensor
    """``[A, V]``, a view of the batch."""
    parts: list[Part]
    assemble: Assemble


def pieces(batch: Tensor) -> Iterator[Piece]:
    """Cut ``[B, V]`` float32 or float64 rows into pieces that suit the device, each in the best representation."""
    if batch.dtype == torch.float64 or batch.device.type == "mps":
        yield Piece(batch, [Part(batch, None)], lambda values: values[0])
    elif batch.device.type != "cpu":
        yield Piece(batch, [Part(batch.double(), None)], lambda values: values[0].float())
    else:
        for start, stop, distinct in _runs(_takes_distinct_values(batch)):
            size = _VALUES_ROWS if distinct else cache_rows(batch)
            for first in range(start, stop, size):
                rows = batch[first : min(first + size, stop)]
                if distinct:
                    yield Piece(rows, *_distinct_values(rows))
                else:
                    yield from _heads_and_tails(rows)


def _runs(flags: Tensor) -> Iterator[tuple[int, int, Any]]:
    """Consecutive equal flags as (start, stop, flag)."""
    start = 0
    for flag, group in itertools.groupby(flags.tolist()):
        stop = start + sum(1 for _ in group)
        yield start, stop, flag
        start = stop


def _takes_distinct_values(batch: Tensor) -> Tensor:
    """Which rows hold bfloat16 numbers only: float32 with the low half of the bits zero. Each row is asked by itself.

    A few entries betray nearly every other row, so whole rows are read only where the answer may be yes.
    """
    if batch.shape[-1] < _VALUES_MIN_VOCABULARY:
        return torch.zeros(batch.shape[0], dtype=torch.bool)
    bits = batch.view(torch.int32)
    flags = ~(bits[:, :_GLANCE] & 0xFFFF).any(-1)
    if flags.all():
        return ~(bits & 0xFFFF).any(-1)
    flags[flags.clone()] = ~(bits[flags] & 0xFFFF).any(-1)
    return flags


def _distinct_values(rows: Tensor) -> tuple[list[Part], Assemble]:
    """Parts of float64 ``[A, n]`` values, rows with fewer than n distinct ones filled up with -inf, zero times."""
    count = rows.shape[0]
    codes = (rows.contiguous().view(torch.int32) >> 16).bitwise_and_(_CODES - 1)
    codes += torch.arange(0, count * _CODES, _CODES, dtype=torch.int32)[:, None]
    codes = codes.view(-1)
    tallies = torch.bincount(codes, minlength=count * _CODES)
    present = tallies.nonzero().squeeze(-1)
    row = present >> 16
    lengths = torch.bincount(row, minlength=count)
    width = int(lengths.max())
    slot = torch.arange(present.numel()) - (lengths.cumsum(0) - lengths)[row] + row * width
    values = torch.full((count * width,), -torch.inf, dtype=torch.float64)
    values[slot] = ((present & (_CODES - 1)).int() << 16).view(torch.float32).double()
    counts = torch.zeros(count * width, dtype=torch.float64)
    counts[slot] = tallies[present].double()

    def assemble(transformed: list[Tensor]) -> Tensor:
        table = torch.empty(count * _CODES, dtype=torch.float32)
        table[present] = transformed[0].view(-1)[slot].float()
        return table.index_select(0, codes).view(rows.shape)

    return [Part(values.view(count, width), counts.view(count, width))], assemble


def _heads_and_tails(rows: Tensor) -> Iterator[Piece]:
    """Rows whose heads are held in equally many places stand in one piece.

    That number is a power of two of the row's own: a sum over more places, though they be empty, rounds differently,
    and a row's last bit would depend on its neighbours.
    """
    # p <= exp(z - max), so no token under this line has p > 1e-4, and finding it costs no exponential.
    cut = rows.amax(-1, keepdim=True) + math.log(_HEAD_PROBABILITY)
    sizes = (rows > cut).sum(-1, keepdim=True)
    large = sizes > _HEAD_LARGE
    if large.any():
        cut = torch.where(large, rows.logsumexp(-1, keepdim=True) + math.log(_HEAD_PROBABILITY), cut)
        sizes = (rows > cut).sum(-1, keepdim=True)
    places = sizes.squeeze(-1).clamp(min=_HEAD_PLACES).sub(1).double().log2().floor().add(1).exp2().long()
    for start, stop, width in _runs(places.clamp(max=rows.shape[-1])):
        yield Piece(rows[start:stop], *_head_and_tail(rows[start:stop], cut[start:stop], width))


def _head_and_tail(rows: Tensor, cut: Tensor, width: int) -> tuple[list[Part], Assemble]:
    head, where = rows.topk(width, dim=-1)
    # What is over in the head must stay in the tail.
    spare = ~(head > cut)
    head = head.double().masked_fill_(spare, -torch.inf)
    tail = rows.masked_fill(rows > cut, -torch.inf)

    def assemble(transformed: list[Tensor]) -> Tensor:
        moved = torch.where(spare, transformed[1].gather(-1, where), transformed[0].float())
        return transformed[1].scatter(-1, where, moved)

    return [Part(head, None), Part(tail, None)], assemble


class Moments(NamedTuple):
    """Sums over all parts of a chunk, at one inverse temperature."""

    shifted: list[Tensor]
    """Per part: values minus the row's maximum, times the inverse temperature, ``[A, n]``."""
    weights: list[Tensor]
    """Per part: exp(shifted), ``[A, n]``."""
    total: Tensor
    """Z, ``[A, 1]`` float64."""
    entropy: Tensor
    """H in nats, ``[A, 1]`` float64."""


def moments(values: list[Tensor], counts: list[Tensor | None], inverse_temperature: Tensor | float = 1.0) -> Moments:
    """Partition function and entropy of ``softmax(values * inverse_temperature)``, each value taken counts times."""
    wide = torch.float32 if values[0].device.type == "mps" else torch.float64
    top = torch.stack([v.amax(-1, keepdim=True).to(wide) for v in values]).amax(0)
    shifted, weights = [], []
    total, expected = torch.zeros_like(top), torch.zeros_like(top)
    for value, count in zip(values, counts, strict=True):
        scale = inverse_temperature.to(value.dtype) if isinstance(inverse_temperature, Tensor) else inverse_temperature
        s = ((value - top.to(value.dtype)) * scale).clamp_(min=FLOOR)
        e = s.exp()
        weighted = e if count is None else e * count
        total = total + weighted.sum(-1, keepdim=True, dtype=wide)
        expected = expected + (weighted * s).sum(-1, keepdim=True, dtype=wide)
        shifted.append(s)
        weights.append(e)
    return Moments(shifted, weights, total, total.log() - expected / total)
