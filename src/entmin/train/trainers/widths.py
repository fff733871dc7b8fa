"""Rows of unequal lengths as tensors, and micro-batches of rows that are about equally long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from trl.trainer.utils import split_tensor_dict


def stack(rows: Sequence[Sequence[int]], pad: int, *, left: bool = False) -> tuple[Tensor, Tensor]:
    """Token ids and mask, both ``[B, longest]``."""
    width = max(len(row) for row in rows)
    ids = torch.full((len(rows), width), pad, dtype=torch.long)
    mask = torch.zeros(len(rows), width, dtype=torch.long)
    for i, row in enumerate(rows):
        place = slice(width - len(row), width) if left else slice(len(row))
        ids[i, place], mask[i, place] = torch.tensor(row, dtype=torch.long), 1
    return ids, mask


def by_length(parts: list[dict[str, Any]], step: int) -> list[dict[str, Any]]:
    """The same micro-batches with rows exchanged, longest first, among the `step` ones of each optimiser step."""
    return [part for first in range(0, len(parts), step) for part in _sorted(parts[first : first + step])]


def _sorted(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    lengths = torch.cat([part["prompt_mask"].sum(-1) + part["completion_mask"].sum(-1) for part in parts])
    order = lengths.argsort(descending=True, stable=True)

    def moved(values: list[Any]) -> Any:
        if isinstance(values[0], Tensor) and values[0].ndim:
            return torch.cat(values)[order]
        if isinstance(values[0], list):
            joined = [one for value in values for one in value]
            return [joined[i] for i in order.tolist()]
        return values[0]

    return list(split_tensor_dict({name: moved([part[name] for part in parts]) for name in parts[0]}, len(parts)))
