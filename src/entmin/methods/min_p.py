"""Min-p: keep the tokens whose probability is at least a share of the likeliest one's (Nguyen et al. 2024).

    keep i   where   p_i >= p_base max p        that is   z_i >= max z + log p_base

arXiv 2407.01082, section 3; after temperature. A critique of its evaluation is arXiv 2506.13681.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

from entmin.methods.truncation import Truncation

if TYPE_CHECKING:
    from torch import Tensor


@dataclasses.dataclass(frozen=True)
class MinP(Truncation):
    """Keeps tokens at least `p_base` times as likely as the likeliest."""

    name: ClassVar[str] = "min_p"
    summary: ClassVar[str] = "min-p: keep tokens at least p_base times as likely as the likeliest"
    bounds: ClassVar[dict[str, tuple[float, float]]] = {"p_base": (0, 1)}

    p_base: float = 0.1
    """Share of the largest probability; 0 keeps every token, 1 the likeliest."""

    def kept(self, logits: Tensor) -> Tensor:
        """Compare with the largest logit, which needs no softmax."""
        cut = math.log(self.p_base) if self.p_base else -math.inf
        return logits - logits.amax(-1, keepdim=True) >= cut
