"""EDT: a temperature from the entropy of the row, hotter where the model is less sure (Zhang et al. 2024).

    z / T,   T = t0 * 0.8^(theta / H)

arXiv 2403.14541. The method sets the temperature, so the one that follows should stay 1. T is held above 1e-4, which
divides logits without overflow and is greedy in effect.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

from entmin.methods.base import Method

if TYPE_CHECKING:
    from torch import Tensor

BASE = 0.8
"""The paper's N."""
COLDEST = 1e-4


@dataclasses.dataclass(frozen=True)
class Edt(Method):
    """Divides each row by a temperature that its entropy sets."""

    name: ClassVar[str] = "edt"
    summary: ClassVar[str] = "EDT: temperature t0 * 0.8^(theta / H) for each row"
    bounds: ClassVar[dict[str, tuple[float, float]]] = {"t0": (1e-4, 100), "theta": (0, 100)}

    t0: float = 1.0
    """Temperature of a row of infinite entropy; the paper tunes it for each task."""
    theta: float = 0.1
    """How fast sure rows cool; the paper tunes it for each task, and 0 is the fixed temperature t0."""

    def adjust(self, logits: Tensor) -> Tensor:
        """Cool ``[B, V]`` logits; a row that holds NaN or +inf, or is masked throughout, comes back all NaN."""
        from entmin.core import entropy
        from entmin.core.entropy import compute_dtype

        wide = logits.to(compute_dtype(logits))
        h = entropy(wide).clamp(min=1e-9)
        temperature = self.t0 * (math.log(BASE) * self.theta / h).exp()
        return wide / temperature.clamp(min=COLDEST)[:, None]
