"""The published way, for comparison: autograd and a fresh `torch.optim.Adam` for every row, float32.

Paraphrased from the algorithm of Agarwal et al. 2025, not from their code; kept here and used by benchmarks only.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

_RECORDED = Path(__file__).parents[1] / "tests" / "data" / "real_logits.npz"


def autograd_em_inf(
    logits: Tensor,
    *,
    threshold: float = 0.3,
    kl_weight: float = 0.05,
    learning_rate: float = 0.1,
    n_grad_steps: int = 3,
) -> Tensor:
    """EM-INF on ``[B, V]`` logits, one row after the other."""
    rows = []
    for row in logits.float():
        original = row.log_softmax(-1)
        x = row.clone().requires_grad_()
        optimizer = torch.optim.Adam([x], lr=learning_rate)
        for _ in range(n_grad_steps):
            log_p = x.log_softmax(-1)
            h = -(log_p.exp() * log_p).sum()
            if h < threshold:
                break
            optimizer.zero_grad()
            (h + kl_weight * (original.exp() * (original - log_p)).sum()).backward()
            optimizer.step()
        rows.append(x.detach())
    return torch.stack(rows)


def recorded_rows() -> Tensor:
    """``[11, 49152]`` bf16 logits of a real model (see tests/data/record_logits.py)."""
    planes = np.load(_RECORDED)
    bits = (planes["high"].astype(np.uint16) << 8) | planes["low"]
    return torch.from_numpy(bits.view(np.int16)).view(torch.bfloat16)
