"""Rows of logits of every kind, seeded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

_RECORDED = Path(__file__).parents[1] / "data" / "real_logits.npz"


def real_rows() -> Tensor:
    """``[11, 49152]`` bf16 logits of a real model, from certain to undecided (see tests/data/record_logits.py)."""
    planes = np.load(_RECORDED)
    bits = (planes["high"].astype(np.uint16) << 8) | planes["low"]
    return torch.from_numpy(bits.view(np.int16)).view(torch.bfloat16)


def rows_of_kind(kind: str, vocabulary: int, count: int = 3, seed: int = 0) -> Tensor:
    """``[count, vocabulary]`` float32 rows."""
    generator = torch.Generator().manual_seed(seed + vocabulary)
    noise = torch.randn(count, vocabulary, generator=generator)
    if kind == "random":
        return noise * 3
    if kind == "peaked":
        noise[:, vocabulary // 2] += 20
        return noise
    if kind == "flat":
        return torch.full((count, vocabulary), 1.5)
    if kind == "near_tied":
        return noise * 1e-4
    if kind == "two_tied":
        noise[:, :2] = 15.0
        return noise
    if kind == "masked":
        masked = noise * 3
        masked[:, 1::3] = -torch.inf
        return masked
    assert kind == "realistic"
    return noise * 1.5 + 12 * torch.rand(count, vocabulary, generator=generator).pow(vocabulary / 8)


KINDS = ["random", "peaked", "flat", "near_tied", "two_tied", "masked", "realistic"]
