"""How sure a model was along an answer: what `DeepConf` and `LowestCentroid` go by, as pure functions of its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from entmin.strategies import DeepConf, LowestCentroid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def trace_confidence(likeliest: Sequence[Sequence[float]], strategy: DeepConf) -> float:
    """The confidence of an answer; see `entmin.strategies.DeepConf`.

    Args:
        likeliest: of each token, the log-probabilities of the likeliest tokens at its place, nats.
        strategy: which confidence.

    Returns:
        The confidence in nats, larger for a surer answer.

    Raises:
        ValueError: there is no token, or one without likeliest tokens.
    """
    import numpy as np

    if not likeliest or not all(likeliest):
        raise ValueError("every token needs the log-probabilities of its likeliest tokens")
    tokens = np.array([-np.mean(one[: strategy.likeliest]) for one in likeliest])
    if strategy.trust == "mean":
        return float(tokens.mean())
    if strategy.trust == "tail":
        return float(tokens[-strategy.group :].mean())
    sums = np.concatenate([[0.0], np.cumsum(tokens)])
    size = min(strategy.group, len(tokens))
    groups = np.sort((sums[size:] - sums[:-size]) / size)
    count = max(1, len(groups) // 10) if strategy.trust == "bottom" else 1
    return float(groups[:count].mean())


def most_confident(confidences: Sequence[float | None], keep: float) -> list[bool]:
    """Which answers vote: those at or above the (1 - keep) quantile of the confidences that are there."""
    import numpy as np

    known = [one for one in confidences if one is not None]
    if not known:
        return [False] * len(confidences)
    least = float(np.percentile(known, 100 * (1 - keep)))
    return [one is not None and one >= least for one in confidences]


def phases(entropies: Sequence[float], strategy: LowestCentroid) -> list[tuple[int, int]]:
    """Start and duration of each high-entropy phase of an answer; see `entmin.strategies.LowestCentroid`."""
    import numpy as np

    if not entropies:
        return []
    high, low = (float(x) for x in np.percentile(entropies, [100 - strategy.high, strategy.low]))
    found: list[tuple[int, int]] = []
    start: int | None = None
    calm = 0
    for i, entropy in enumerate(entropies):
        if start is None:
            if entropy >= high:
                start, calm = i, 0
            continue
        calm = calm + 1 if entropy <= low else 0
        if calm == strategy.calm:
            found.append((start, i + 1 - calm - start))
            start = None
    return found if start is None else [*found, (start, len(entropies) - start)]


def entropy_centroid(entropies: Sequence[float], strategy: LowestCentroid) -> float:
    """Where the uncertain passages of an answer lie, from 0 (its beginning) to 1.

    Raises:
        ValueError: there is no token.
    """
    found = phases(entropies, strategy)
    if not found:
        raise ValueError("an answer without tokens has no centroid")
    weight = sum(duration for _, duration in found)
    return sum(duration * (start + duration / 2) for start, duration in found) / weight / len(entropies)
