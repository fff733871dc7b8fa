"""Find the knob that gives a rival the same mean entropy as the method it is compared with.

Entropy rises with the temperature that follows a method, so the match is a root: a secant step kept inside a bracket.
Each evaluation decodes the pilot problems anew, so there are few of them, and all are kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

TOLERANCE = 0.05
"""Nats between two mean entropies that count as equal."""
COLDEST, HOTTEST = 0.02, 5.0
"""Temperatures between which a match is looked for."""

_STEP, _LEAST = 2.0, 0.02
"""Largest factor of a step, and the least share by which it moves, while no two knobs enclose the target."""


@dataclass(frozen=True, slots=True)
class Match:
    """The knob found, and how well it matches."""

    knob: float
    entropy: float
    """Mean entropy at the knob, nats per token."""
    target: float
    evaluations: tuple[tuple[float, float], ...]
    """Every (knob, entropy) that was measured, in order."""

    @property
    def gap(self) -> float:
        """Distance to the target, nats."""
        return abs(self.entropy - self.target)

    def matched(self, tolerance: float = TOLERANCE) -> bool:
        """Whether the entropies count as equal."""
        return self.gap <= tolerance


def match(
    measure: Callable[[float], float],
    target: float,
    *,
    guess: float = 1.0,
    tolerance: float = TOLERANCE,
    most: int = 8,
) -> Match:
    """Look for the knob whose entropy is the target.

    Args:
        measure: from a knob to its mean entropy, nats; noisy, and rising on the whole.
        target: the entropy wanted, nats.
        guess: where to begin.
        tolerance: a gap at which the search ends, nats.
        most: evaluations at most.

    Returns:
        The best knob measured; ask `Match.matched` whether it is close enough.
    """
    seen: list[tuple[float, float]] = []
    low: tuple[float, float] | None = None
    high: tuple[float, float] | None = None
    knob = min(HOTTEST, max(COLDEST, guess))
    while len(seen) < most:
        entropy = measure(knob)
        seen.append((knob, entropy))
        if abs(entropy - target) <= tolerance:
            break
        if entropy < target:
            low = (knob, entropy)
        else:
            high = (knob, entropy)
        following = _beyond(seen, target) if low is None or high is None else _between(low, high, target)
        if following is None or any(abs(following - known) < 1e-6 for known, _ in seen):
            break
        knob = following
    best = min(seen, key=lambda pair: abs(pair[1] - target))
    return Match(best[0], best[1], target, tuple(seen))


def _beyond(seen: list[tuple[float, float]], target: float) -> float | None:
    """A step towards a target that no two knobs enclose yet, a little too long, so that it may be enclosed next."""
    knob, entropy = seen[-1]
    # Of a language model's distribution the entropy grows about with the cube of the temperature.
    power = 3.0
    if len(seen) > 1:
        ratios = math.log(entropy / seen[-2][1]) if min(entropy, seen[-2][1]) > 0 else 0.0
        power = min(4.0, max(0.2, ratios / math.log(knob / seen[-2][0])))
    step = (target / max(entropy, 1e-3)) ** (1.2 / power)
    nearest = 1 + _LEAST if target > entropy else 1 / (1 + _LEAST)
    step = max(step, nearest) if target > entropy else min(step, nearest)
    inside = min(HOTTEST, max(COLDEST, knob * min(_STEP, max(1 / _STEP, step))))
    return None if inside == knob else inside


def _between(low: tuple[float, float], high: tuple[float, float], target: float) -> float:
    """A secant step inside the bracket; noise can lay it on an end, where nothing new is learnt."""
    share = (target - low[1]) / (high[1] - low[1])
    return low[0] + min(0.9, max(0.1, share)) * (high[0] - low[0])
