"""How far a row of logits is from uniform: a second measure of certainty beside entropy.

    KL(uniform || p) = log sum_j exp(z_j) - mean_j z_j - log V     self-certainty (Kang et al. 2025, arXiv 2502.18581)

Masked entries (-inf) are left out of the mean and of V. A row with NaN or +inf gives NaN.
"""

from __future__ import annotations

import torch
from torch import Tensor

from entmin.core.entropy import compute_dtype, rows_at_once, sum_dtype


def self_certainty(logits: Tensor) -> Tensor:
    """KL divergence of each row's distribution from the uniform one, KL(uniform || p).

    Args:
        logits: ``[B, V]``, any floating dtype; ``-inf`` masks an entry.

    Returns:
        ``[B]``, nats, at least 0; large when the row is sure.
    """
    found = [_certainty(piece.to(compute_dtype(piece))) for piece in torch.split(logits, rows_at_once(logits))]
    return torch.cat(found)


def _certainty(wide: Tensor) -> Tensor:
    open_ = wide != -torch.inf
    count = open_.sum(-1).to(sum_dtype(wide))
    total = torch.where(open_, wide, torch.zeros_like(wide)).sum(-1, dtype=sum_dtype(wide))
    return (wide.logsumexp(-1) - total / count - count.log()).to(wide.dtype)
