"""Tensors as memory that compiled functions read and write."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_COUNTED_MIN_VOCABULARY = 4096


class Rows(NamedTuple):
    """``[N, V]`` numbers in memory, row i from entry ``i * stride`` on."""

    address: int
    tensor: Tensor
    """Whose memory it is: it lives as long as this does."""
    stride: int
    length: int
    """V."""
    number: int
    """N."""


def rows_of(tensor: Tensor) -> Rows:
    """The tensor's own memory, a copy only where a row's entries are not neighbours."""
    tensor = tensor.detach()
    number, length = tensor.shape
    if length > 1 and tensor.stride(1) != 1:
        tensor = tensor.contiguous()
    return Rows(tensor.data_ptr(), tensor, tensor.stride(0), length, number)


def bits_of(tensor: Tensor) -> tuple[Rows, int]:
    """A float32 or bfloat16 tensor's memory, and how far right the upper 16 bits of its numbers are to be shifted."""
    return rows_of(tensor), 16 if tensor.dtype == torch.float32 else 0


def is_counted(rows: Rows) -> bool:
    """Whether the rows are long enough to look for repeated values."""
    return rows.length >= _COUNTED_MIN_VOCABULARY
