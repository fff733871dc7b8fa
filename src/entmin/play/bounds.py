"""What the likeliest tokens of a step say of the whole distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence


def least_entropy(known: Sequence[float], most: float) -> float:
    """The least entropy, in nats, of a distribution some of whose tokens have these log-probabilities.

    Every other token has at most the probability `most` says, and at most what the known ones leave over, so each unit
    of the rest adds at least minus the logarithm of that.

    Args:
        known: log-probabilities in nats, of different tokens.
        most: log-probability in nats that no other token exceeds.
    """
    shares = [math.exp(one) for one in known]
    found = -sum(share * one for share, one in zip(shares, known, strict=True) if share)
    rest = 1 - sum(shares)
    if rest <= 1e-9:  # rounding of the probabilities
        return max(0.0, found)
    return found - rest * min(most, math.log(rest))
