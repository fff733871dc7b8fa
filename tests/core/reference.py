"""The published algorithms, written again with none of our code: autograd and `torch.optim.Adam`, one row at a time.

`dtype` is float64 for the truth and float32 for what a user of the published code gets. Masked entries (-inf) are taken
out before and put back after, because 0 * -inf has no gradient.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Settings(NamedTuple):
    """EM-INF's hyper-parameters."""

    threshold: float = 0.3
    kl_weight: float = 0.05
    learning_rate: float = 0.1
    n_grad_steps: int = 3


def entropy_of(logits: Tensor) -> Tensor:
    """H of one row without masked entries."""
    log_p = logits.log_softmax(-1)
    return -(log_p.exp() * log_p).sum()


def adam_row(row: Tensor, settings: Settings, dtype: torch.dtype = torch.float64) -> Tensor:
    """EM-INF on one ``[V]`` row: fresh Adam, loss H + kl_weight * KL(p0 || p), threshold checked before each update."""
    kept = row != -torch.inf
    x = row[kept].detach().to(dtype).requires_grad_()
    original = x.detach().log_softmax(-1)
    optimizer = torch.optim.Adam([x], lr=settings.learning_rate)
    for _ in range(settings.n_grad_steps):
        h = entropy_of(x)
        if h < settings.threshold:
            break
        kl = (original.exp() * (original - x.log_softmax(-1))).sum()
        optimizer.zero_grad()
        (h + settings.kl_weight * kl).backward()
        optimizer.step()
    out = row.detach().to(dtype).clone()
    out[kept] = x.detach()
    return out


def adam_rows(logits: Tensor, settings: Settings, dtype: torch.dtype = torch.float64) -> Tensor:
    """`adam_row` on every row of ``[B, V]``."""
    return torch.stack([adam_row(row, settings, dtype) for row in logits])


def bisect_row(
    row: Tensor, *, tmax: float, tmin: float, max_iter: int, tol: float, target_ratio: float, threshold: float
) -> float:
    """Algorithm 1 on one row in float64, `tol` in nats as published: the temperature; 1 for a row left alone."""
    row = row[row != -torch.inf].double()
    before = float(entropy_of(row))
    if before <= threshold:
        return 1.0
    target = max(threshold, target_ratio * before)
    low, high, tau = tmin, tmax, 1.0
    for _ in range(max_iter):
        tau = (low + high) / 2
        h = float(entropy_of(row / tau))
        if abs(h - target) < tol:
            break
        low, high = (tau, high) if h < target else (low, tau)
    return tau


def probability_error(logits: Tensor, truth: Tensor) -> float:
    """Largest difference of any probability, over all rows."""
    return float((logits.double().softmax(-1) - truth.double().softmax(-1)).abs().max())


def total_variation(logits: Tensor, truth: Tensor) -> float:
    """Largest total-variation distance of any row."""
    return float(((logits.double().softmax(-1) - truth.double().softmax(-1)).abs().sum(-1) / 2).max())
