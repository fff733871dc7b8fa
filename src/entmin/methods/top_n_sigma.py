"""Top-n-sigma: keep the logits within n standard deviations of the largest (Tang et al. 2024).

    keep i   where   z_i >= max z - n_sigma std(z)

arXiv 2411.07641. Dividing by a temperature divides both sides, so the set is the same before and after it; as in the
paper the cut is made before. The standard deviation is over the tokens that are not masked, and divides by their number
(one less would be undefined for one token, and is the same to one part in V).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from entmin.methods.base import Stage
from entmin.methods.truncation import Truncation

if TYPE_CHECKING:
    from torch import Tensor


@dataclasses.dataclass(frozen=True)
class TopNSigma(Truncation):
    """Keeps tokens whose logit is within `n_sigma` standard deviations of the largest."""

    name: ClassVar[str] = "top_n_sigma"
    summary: ClassVar[str] = "top-n-sigma: keep logits within n_sigma standard deviations of the largest"
    stage: ClassVar[Stage] = "before"
    bounds: ClassVar[dict[str, tuple[float, float]]] = {"n_sigma": (0, 1000)}

    n_sigma: float = 1.0
    """How many standard deviations below the largest logit a token may lie and be kept; the paper's n."""

    def kept(self, logits: Tensor) -> Tensor:
        """One pass for the mean, one for the deviation."""
        from entmin.core.entropy import sum_dtype

        wide = logits.to(sum_dtype(logits))
        masked = wide == -float("inf")
        count = (~masked).sum(-1, keepdim=True)
        mean = wide.masked_fill(masked, 0).sum(-1, keepdim=True) / count
        variance = (wide - mean).masked_fill(masked, 0).square().sum(-1, keepdim=True) / count
        return wide >= wide.amax(-1, keepdim=True) - self.n_sigma * variance.sqrt()
