"""SLS: Spectral Logit Sculpting, which strengthens what the recent rows of a sequence had in common (Li et al. 2025).

For a row z with the entropy H, the k largest logits x_1 >= ... >= x_k, the gap D = x_1 - x_2, and c = x - mean(x):

    C   the last `window` vectors c of the sequence, this one included, less their mean      (a [window, k] matrix)
    V   the `rank` leading right singular vectors of C
    y   c + g V V^T c     where H > threshold and D < gap,     g = alpha (1 - threshold / H) (1 - D / gap)

arXiv 2509.25204; before temperature, and the first published method with memory here.

**From the source** (its abstract and public summaries; its full text and any code of it were out of reach): a sliding
buffer of the sequence's last top-k logits; the singular value decomposition of the centred buffer, at every step; its
leading directions; a rescaling that depends on entropy and on the gap of the two largest logits; and that nothing
happens where the model is sure. **Our reading**, since the formulas were not to be had: the columns of the buffer are
ranks, not tokens; each vector is centred by itself too, because logits stand for the same distribution when a number is
added to all; the projection is added, so that V V^T c is rescaled by 1 + g and the rest of c stays; the two factors of
g, which take it to 0 without a jump; and every default. docs/deviations.md says so as well.

Two more rules of ours keep the order of the tokens, and so greedy decoding: y is sorted, and tokens of equal logits get
the mean of theirs; all tokens below the k-th move as the k-th does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from entmin.methods.memory import MethodWithMemory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from entmin.core import Adjusted
    from entmin.methods.memory import State

    Floats = NDArray[np.float64]

NOISE = 1e-9
"""Singular values below this share of the largest are rounding, and their directions nothing."""


@dataclasses.dataclass(frozen=True)
class Sls(MethodWithMemory):
    """Strengthens a row's leading spectral directions where the model is unsure."""

    name: ClassVar[str] = "sls"
    summary: ClassVar[str] = "SLS: strengthen leading directions of the last top-k logits; remembers each sequence"
    bounds: ClassVar[dict[str, tuple[float, float]]] = {
        "window": (2, 1024), "k": (2, 1024), "rank": (1, 1024), "alpha": (0, 100), "threshold": (0, 100),
        "gap": (1e-6, 1000),
    }  # fmt: skip
    request_limits: ClassVar[dict[str, int]] = {"window": 64, "k": 128, "rank": 64}

    window: int = 16
    """Steps of the sequence in the buffer, the present one included."""
    k: int = 20
    """Logits kept of each step."""
    rank: int = 2
    """Leading directions."""
    alpha: float = 1.0
    """Strength where the model is least sure."""
    threshold: float = 0.3
    """Entropy, in nats, up to which a row is left alone."""
    gap: float = 3.0
    """Difference of the two largest logits from which a row is left alone."""

    def start(self) -> State:
        """An empty buffer, ``[0, k]``."""
        import numpy as np

        return np.zeros((0, self.k))

    def adjust_with(self, logits: Tensor, states: Sequence[State]) -> tuple[Adjusted, list[State]]:
        """Sculpt ``[B, V]`` logits; a broken row comes back all NaN and leaves its buffer as it was.

        The buffers' part of the work is done on the CPU in float64, row by row: no bit depends on the other rows.
        """
        import torch

        from entmin.core import Adjusted, entropy
        from entmin.core.entropy import compute_dtype

        wide = logits.detach().to(compute_dtype(logits))
        if wide.numel() == 0:
            return Adjusted(wide.clone(), entropy(wide), entropy(wide)), list(states)
        top, where = wide.topk(min(self.k, wide.shape[1]), dim=-1)
        before = entropy(wide)
        whole = top[:, 0].isfinite()
        profiles = self._profiles(top.cpu().double().numpy())
        following = [
            self._remembering(state, profile) if fine else state
            for state, profile, fine in zip(states, profiles, whole.tolist(), strict=True)
        ]
        strength = self._strength(before.cpu().double().numpy(), profiles)
        shifts = torch.from_numpy(self._shifts(profiles, following, strength)).to(wide)
        moved = wide + shifts[:, -1:]
        moved.scatter_(-1, where, top + shifts[:, : top.shape[1]])
        moved[~whole] = float("nan")
        return Adjusted(moved, before, entropy(moved) if strength.any() else before), following

    def _profiles(self, top: Floats) -> Floats:
        """Vectors c, ``[B, k]``: where fewer than k tokens are left, the lowest of them stands for the missing ones."""
        import numpy as np

        filled = np.full((len(top), self.k), -np.inf)
        filled[:, : top.shape[1]] = top
        lowest = np.where(np.isfinite(filled), filled, np.inf).min(-1, keepdims=True)
        filled = np.maximum(filled, lowest)
        broken = ~np.isfinite(filled).all(-1)
        filled[broken] = 0.0
        centred: Floats = filled - filled.mean(-1, keepdims=True)
        return centred

    def _remembering(self, state: State, profile: Floats) -> State:
        import numpy as np

        grown: State = np.concatenate([state, profile[None]])
        return grown[-self.window :]

    def _strength(self, entropies: Floats, profiles: Floats) -> Floats:
        """g, ``[B]``; 0 for rows that are left alone and for broken ones."""
        import numpy as np

        gaps = profiles[:, 0] - profiles[:, 1]
        unsure = (entropies > self.threshold) & (gaps < self.gap)
        h = np.where(unsure, entropies, 1.0)
        strength: Floats = np.where(unsure, self.alpha * (1 - self.threshold / h) * (1 - gaps / self.gap), 0.0)
        return strength

    def _shifts(self, profiles: Floats, buffers: list[State], strength: Floats) -> Floats:
        """How far the k largest logits of each row move, ``[B, k]``."""
        import numpy as np

        shifts = np.zeros_like(profiles)
        for row in np.flatnonzero(strength > 0):
            profile = profiles[row]
            sculpted = np.sort(profile + strength[row] * self._projected(profile, buffers[row]))[::-1]
            alike = profile[:, None] == profile
            shifts[row] = alike @ sculpted / alike.sum(-1) - profile
        return shifts

    def _projected(self, profile: Floats, buffer: State) -> Floats:
        """V V^T c; zero where the buffer has no direction, as at the first step."""
        import numpy as np

        _, values, directions = np.linalg.svd(buffer - buffer.mean(0), full_matrices=False)
        leading: Floats = directions[: self.rank][values[: self.rank] > NOISE * max(values[0], 1.0)]
        found: Floats = leading.T @ (leading @ profile)
        return found
