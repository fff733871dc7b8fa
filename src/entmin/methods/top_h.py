"""Top-H: keep the likeliest tokens while their share of the entropy is small (Potraghloo et al. 2025).

    sort so that p_1 >= p_2 >= ...;   keep 1..k   for the largest k with   sum_{j<=k} -p_j log p_j <= alpha H

arXiv 2509.02510; after temperature. As in the published code p is the distribution over the 100 likeliest tokens, H its
entropy, and the likeliest token stays always (here all that are tied for it). Other tied tokens may be parted.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from entmin.methods.truncation import Truncation

if TYPE_CHECKING:
    from torch import Tensor

LIKELIEST = 100
"""How many tokens are looked at."""


@dataclasses.dataclass(frozen=True)
class TopH(Truncation):
    """Keeps the likeliest tokens up to the share `alpha` of the row's entropy."""

    name: ClassVar[str] = "top_h"
    summary: ClassVar[str] = "top-H: keep the likeliest tokens that make up the share alpha of the entropy"
    bounds: ClassVar[dict[str, tuple[float, float]]] = {"alpha": (0, 1)}

    alpha: float = 0.4
    """Share of the entropy; the paper's setting is the default."""

    def kept(self, logits: Tensor) -> Tensor:
        """One selection of the likeliest tokens, and a softmax over them."""
        import torch

        from entmin.core.entropy import sum_dtype

        top, where = logits.topk(min(LIKELIEST, logits.shape[-1]), dim=-1)
        terms = torch.special.entr(top.softmax(-1, dtype=sum_dtype(logits)))
        stays = terms.cumsum(-1) <= self.alpha * terms.sum(-1, keepdim=True)
        return torch.zeros_like(logits, dtype=torch.bool).scatter_(-1, where, stays)
