"""Plain decoding: the baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from entmin.methods.base import Method

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Normal(Method):
    """Leaves the logits as they are."""

    name: ClassVar[str] = "normal"
    summary: ClassVar[str] = "the model's own distribution, unchanged: the baseline"

    def adjust(self, logits: Tensor) -> Tensor:
        """Return `logits` itself."""
        return logits
