"""p-less and p-less-norm: a threshold from the row itself, with nothing to tune (Tan et al. 2025).

    p-less        keep i   where   p_i >= sum_j p_j^2                        the probability that two draws agree
    p-less-norm   keep i   where   p_i >= (V sum_j p_j^2 - 1) / (V - 1)      the same, less what uniform draws agree on

arXiv 2509.23234; after temperature. V is the number of tokens that are not masked. The likeliest token always stays,
since sum p^2 <= max p.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from entmin.methods.truncation import Truncation

if TYPE_CHECKING:
    from torch import Tensor


@dataclasses.dataclass(frozen=True)
class PLess(Truncation):
    """Keeps tokens at least as likely as two draws of the row are to agree."""

    name: ClassVar[str] = "p_less"
    summary: ClassVar[str] = "p-less: keep tokens at least as likely as two draws are to agree; nothing to tune"

    def kept(self, logits: Tensor) -> Tensor:
        """One softmax."""
        p = logits.softmax(-1)
        return p >= p.square().sum(-1, keepdim=True)


@dataclasses.dataclass(frozen=True)
class PLessNorm(Truncation):
    """p-less with the normalised threshold, which keeps more."""

    name: ClassVar[str] = "p_less_norm"
    summary: ClassVar[str] = "p-less-norm: p-less less what uniform draws agree on, which keeps more"

    def kept(self, logits: Tensor) -> Tensor:
        """One softmax."""
        p = logits.softmax(-1)
        count = (logits > -float("inf")).sum(-1, keepdim=True)
        return p >= (count * p.square().sum(-1, keepdim=True) - 1) / (count - 1).clamp(min=1)
