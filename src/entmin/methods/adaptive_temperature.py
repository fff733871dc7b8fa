"""Adaptive temperature as a method: see `entmin.core.adaptive_temperature` for the mathematics."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from entmin.errors import UsageError
from entmin.methods.base import Method

if TYPE_CHECKING:
    from torch import Tensor


@dataclasses.dataclass(frozen=True)
class AdaptiveTemperature(Method):
    """Cool each row until its entropy is a fixed fraction of what it was (Agarwal et al. 2025, Algorithm 1)."""

    name: ClassVar[str] = "adaptive_temp"
    summary: ClassVar[str] = "adaptive temperature: cool each row until its entropy meets a target"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {"tol": 0.1, "absolute_tol": True},  # the published search: within 0.1 nat of the target
    }
    bounds: ClassVar[dict[str, tuple[float, float]]] = {
        "tmax": (1e-4, 100),
        "tmin": (1e-4, 100),
        "max_iter": (1, 10_000),
        "tol": (0, 20),
        "target_ratio": (0, 1),
        "threshold": (0, 20),
    }
    request_limits: ClassVar[dict[str, int]] = {"max_iter": 200}

    tmax: float = 1.0
    """Upper end of the temperature search."""
    tmin: float = 0.01
    """Lower end of the temperature search."""
    max_iter: int = 100
    """At most this many bisections."""
    tol: float = 1e-6
    """Accepted distance to the target entropy, as a fraction of it."""
    target_ratio: float = 0.85
    """Wanted entropy as a fraction of the row's own."""
    threshold: float = 1e-5
    """Rows at or under this entropy (nats) are left alone."""
    absolute_tol: bool = False
    """Read `tol` in nats instead, as the published code does."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tmin > self.tmax:
            raise UsageError(f"{self.name}: tmin {self.tmin:g} is above tmax {self.tmax:g}")

    def adjust(self, logits: Tensor) -> Tensor:
        """Run `entmin.core.adaptive_temperature` on ``[B, V]`` logits."""
        from entmin.core import adaptive_temperature

        return adaptive_temperature(logits, **vars(self))
