"""EM-INF as a method: see `entmin.core.em_inf` for the mathematics."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from entmin.methods.base import Method

if TYPE_CHECKING:
    from torch import Tensor

    from entmin.core import Adjusted


@dataclasses.dataclass(frozen=True)
class EmInf(Method):
    """A few Adam steps on the logits towards lower entropy (Agarwal et al. 2025, section 4)."""

    name: ClassVar[str] = "em_inf"
    summary: ClassVar[str] = "EM-INF: a few Adam steps on each row's logits, minimising its entropy"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},  # the settings of the published run script are the defaults
        "paper_math": {"threshold": 0.1, "kl_weight": 0.001},  # defaults of the published math500/amc/aime harness
        "paper_qwen": {"kl_weight": 0.01, "learning_rate": 0.05},  # defaults of the published minerva/olympiad one
    }
    bounds: ClassVar[dict[str, tuple[float, float]]] = {
        "threshold": (0, 20),
        "kl_weight": (0, 1000),
        "learning_rate": (0, 100),
        "n_grad_steps": (0, 1000),
    }
    request_limits: ClassVar[dict[str, int]] = {"n_grad_steps": 200}

    threshold: float = 0.3
    """Rows under this entropy (nats) are left alone; steps stop once it is reached."""
    kl_weight: float = 0.05
    """Weight of KL(original || adjusted) in the loss."""
    learning_rate: float = 0.1
    """Adam's step size, in logits."""
    n_grad_steps: int = 3
    """At most this many updates per token."""

    def adjust(self, logits: Tensor) -> Tensor:
        """Run `entmin.core.em_inf` on ``[B, V]`` logits."""
        from entmin.core import em_inf

        return em_inf(logits, **vars(self))

    def adjust_measured(self, logits: Tensor, out: Tensor | None = None) -> Adjusted:
        """Run `entmin.core.em_inf_measured`, which knows the entropies from its steps, into `out` if given."""
        from entmin.core import em_inf_measured

        return em_inf_measured(logits, **vars(self), out=out)

    def adjust_in_place(self, logits: Tensor) -> Tensor:
        """Run `entmin.core.em_inf` into the logits themselves."""
        from entmin.core import em_inf

        return em_inf(logits, **vars(self), out=logits)
