"""Base of the methods that cut tokens off: which stay is all that such a method says."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from entmin.methods.base import Method, Stage

if TYPE_CHECKING:
    from torch import Tensor


@dataclasses.dataclass(frozen=True)
class Truncation(Method):
    """Gives every token outside a set the logit -inf and leaves the others as they are."""

    stage: ClassVar[Stage] = "after"

    def kept(self, logits: Tensor) -> Tensor:
        """Which tokens of ``[B, V]`` float32 or float64 logits stay: ``[B, V]`` booleans.

        The likeliest tokens stay whatever this says, and rows that are broken or masked throughout do not matter.
        """
        raise NotImplementedError

    def adjust(self, logits: Tensor) -> Tensor:
        """Cut ``[B, V]`` logits; a row that holds NaN or +inf, or is masked throughout, comes back all NaN."""
        import torch

        from entmin.core.entropy import compute_dtype, rows_at_once

        # A few rows at a time: a sum over a long row may round otherwise when the row stands alone.
        pieces = torch.split(logits.to(compute_dtype(logits)), rows_at_once(logits))
        return torch.cat([self._cut(rows) for rows in pieces])

    def _cut(self, rows: Tensor) -> Tensor:
        top = rows.amax(-1, keepdim=True)
        stays = self.kept(rows) | (rows == top)
        return rows.masked_fill(~stays, -float("inf")).masked_fill_(~top.isfinite(), float("nan"))
