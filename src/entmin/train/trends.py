"""A metric of a training run as a series of observations: where it began, its noise, and whether it still rises."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import fmean, median

CLEAR = 3.5
"""A difference of two medians of five that is no noise, in standard deviations of one observation: 4.6 of its own."""
_BEGINNING = 3
_SURE = 4.0
"""Standard errors between the slope that was estimated and the largest that is believed."""
_MATTERS = 0.25
"""Share of a rise; a pace that would add less over as many observations again does not matter."""


def logarithm(value: float) -> float:
    """The natural logarithm; of numbers that have none, that of a very small one."""
    return math.log(max(value, 1e-9))


class Series:
    """One metric so far."""

    def __init__(self, window: int) -> None:
        """Smooth by medians of `window` observations."""
        self.window, self.first_step = window, 0
        self.values: list[float] = []

    def add(self, step: int, value: float) -> None:
        """Take in an observation."""
        if not self.values:
            self.first_step = step
        self.values.append(value)

    @property
    def start(self) -> float:
        """Median of the first three; NaN before there is one."""
        return median(self.values[:_BEGINNING]) if self.values else math.nan

    @property
    def recent(self) -> float:
        """Median of the last `window`, or of fewer."""
        return median(self.values[-self.window :])

    @property
    def smooth(self) -> float | None:
        """The same, None until the window is full."""
        return self.recent if len(self.values) >= self.window else None

    @property
    def before_last_two(self) -> float:
        """Median of the window that ends before the last two."""
        return median(self.values[-2 - self.window : -2])

    def fall(self) -> float:
        """Logarithm of the factor by which the last two both lie below those before; 0 while there are too few."""
        if len(self.values) < _BEGINNING + 2:
            return 0.0
        return max(0.0, logarithm(self.before_last_two) - logarithm(max(self.values[-2:])))

    def noise(self, scale: Callable[[float], float] = float) -> float:
        """Standard deviation of one observation about its trend, from the spread of differences between observations.

        The larger of two: of neighbours, and of those a window apart, since neighbours may be of one rollout.
        """
        scaled = [scale(value) for value in self.values]
        return max(_spread(scaled, 1), _spread(scaled, self.window)) / math.sqrt(2)


def _spread(values: list[float], lag: int) -> float:
    """Robust standard deviation of the differences between values so far apart."""
    steps = [after - before for before, after in zip(values, values[lag:], strict=False)]
    if not steps:
        return 0.0
    middle = median(steps)
    return 1.4826 * median(abs(step - middle) for step in steps)


def has_levelled(series: Series, latest: int, rise: float) -> bool:
    """Whether a series that rose by `rise` no longer does, at a pace that matters, over its latest observations.

    A line is fitted by least squares. The largest slope that is believed, four standard errors above the estimate,
    must add less than a quarter of the rise over as many observations again; so noise never passes for a plateau.
    """
    values = series.values[-latest:]
    count = len(values)
    if count < max(latest, 3) or rise < CLEAR * series.noise():
        return False
    middle, mean = (count - 1) / 2, fmean(values)
    spread = sum((place - middle) ** 2 for place in range(count))
    slope = sum((place - middle) * (value - mean) for place, value in enumerate(values)) / spread
    left = sum((value - mean - slope * (place - middle)) ** 2 for place, value in enumerate(values))
    error = math.sqrt(left / (count - 2) / spread)
    return (slope + _SURE * error) * count < _MATTERS * rise
