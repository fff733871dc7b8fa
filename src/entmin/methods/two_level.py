"""Two-level tilt: the closed form that EM-INF's few Adam steps are close to (docs/method.md).

    z + c sign(p - e^-H)   where   H > threshold        odds between the two groups of tokens change by e^2c

Ours, as a rival that costs one softmax: c = learning_rate * n_grad_steps gives EM-INF's strength. Before temperature.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from entmin.methods.base import Method

if TYPE_CHECKING:
    from torch import Tensor


@dataclasses.dataclass(frozen=True)
class TwoLevel(Method):
    """Raises the tokens likelier than e^-H and lowers the others by one constant."""

    name: ClassVar[str] = "two_level"
    summary: ClassVar[str] = "two-level tilt: tokens likelier than e^-H up by c, the others down by c"
    bounds: ClassVar[dict[str, tuple[float, float]]] = {"c": (0, 100), "threshold": (0, 20)}

    c: float = 0.3
    """How far each logit moves; the default is EM-INF's 0.1 times 3 steps."""
    threshold: float = 0.3
    """Rows at or under this entropy (nats) are left alone."""

    def adjust(self, logits: Tensor) -> Tensor:
        """Tilt ``[B, V]`` logits; a row that holds NaN or +inf, or is masked throughout, comes back all NaN."""
        from entmin.core import entropy
        from entmin.core.entropy import compute_dtype

        wide = logits.to(compute_dtype(logits))
        h = entropy(wide)[:, None]
        side = (wide.log_softmax(-1) + h).sign_().masked_fill_(h <= self.threshold, 0)  # of log p + H
        return (wide + self.c * side).masked_fill_(h.isnan(), float("nan"))
