"""The sign-flip test on problem differences, exact, and the interval that inverts it.

Under the null a problem's difference may as well have had the other sign. The differences are whole multiples of one
step, so the distribution of their sum under all 2^n flips is a convolution: exact, without draws and without a floor.

The interval holds the centres that the test does not reject. They are the means of random subsets of the differences
(Hartigan 1969): the bound below is the 2.5 % quantile of these means. Subsets are drawn, by how often each difference
occurs; the side of 0 is decided by the exact p-value.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import fmean

from entmin.stats.melded import melded

_DRAWS = 10_000
_MOST_STEPS = 200_000
"""Steps that the sizes of all differences may come to: memory and time of the convolution."""


def lattice(changes: Sequence[tuple[float, int]]) -> list[int]:
    """Differences as multiples of one step, from (right answers more than the baseline, samples) of each problem.

    The step is 1 / (least common multiple of the samples). Where that is too fine (many samples, of which different
    numbers were judged) or answers are partly right, differences are rounded; the test of rounded differences is exact
    too, because rounding treats both signs alike.
    """
    most = max(64, _MOST_STEPS // len(changes))
    whole = all(change == int(change) for change, _ in changes)
    steps = min(math.lcm(*(samples for _, samples in changes)), most) if whole else most
    return [round(change * steps / samples) for change, samples in changes]


def sign_flip(units: Sequence[int]) -> float:
    """Two-sided p-value of a zero mean.

    Args:
        units: a difference for each problem, in steps (`lattice`).
    """
    import numpy as np

    sizes = sorted(abs(unit) for unit in units if unit)
    whole, observed = sum(sizes), abs(sum(units))
    if observed == 0:
        return 1.0
    mass = np.zeros(whole + 1)
    mass[0], reached = 1.0, 0
    for size in sizes:
        moved = mass[: reached + 1] / 2
        mass[: reached + 1] = moved
        mass[size : reached + size + 1] += moved
        reached += size
    # A subset that adds up to t makes the sum 2 t - whole; both tails are alike.
    return min(1.0, 2 * float(mass[: (whole - observed) // 2 + 1].sum()))


def sign_flip_interval(differences: Sequence[float], p_value: float, level: float = 0.95) -> tuple[float, float]:
    """The interval that belongs to `sign_flip`, inside [-1, 1] and never of zero width.

    Args:
        differences: one for each problem, in [-1, 1].
        p_value: of the test.
        level: confidence.
    """
    mean, rejected = fmean(differences), p_value < 1 - level
    low, high = _subset_means(differences, level)
    wide = _without_spread(differences, level)
    low, high = min(low, wide[0]), max(high, wide[1])
    # Drawn subsets may place a bound on the wrong side of 0 by a hair. The exact test says which side it is on.
    hair = 1e-6
    if rejected:
        low, high = (max(low, min(hair, mean / 2)), high) if mean > 0 else (low, min(high, max(-hair, mean / 2)))
    else:
        low, high = min(low, -hair), max(high, hair)
    return max(-1.0, low), min(1.0, high)


def _subset_means(differences: Sequence[float], level: float) -> tuple[float, float]:
    import numpy as np

    values, times = np.array(sorted(Counter(differences).items())).T
    chosen = np.random.default_rng(0).binomial(times.astype(int), 0.5, size=(_DRAWS, len(values)))
    size = chosen.sum(axis=1)
    # The empty subset stands for the differences as they are, which no centre can make less extreme.
    means = np.divide(chosen @ values, size, out=np.full(_DRAWS, math.nan), where=size > 0)
    place = int(_DRAWS * (1 - level) / 2)
    low, high = np.sort(np.nan_to_num(means, nan=-1.0)), np.sort(np.nan_to_num(means, nan=1.0))
    return float(low[place]), float(high[-1 - place])


def _without_spread(differences: Sequence[float], level: float) -> tuple[float, float]:
    """What the sign-flip test is too sure of: few problems that differ at all, or all by the same.

    Each then counts as a flip of its own size; and where all are alike, a share of problems that n alike ones cannot
    rule out may differ by up to 1.
    """
    n, mean = len(differences), fmean(differences)
    gained, lost = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    alike = min(differences) == max(differences)
    if gained + lost >= 6 and not alike:
        return mean, mean
    size = max(map(abs, differences)) or 1.0
    low, high = (size * bound for bound in melded(gained, lost, n, level))
    if alike:
        unseen = 1 - ((1 - level) / 2) ** (1 / n)
        low, high = min(low, mean - unseen * (1 + mean)), max(high, mean + unseen * (1 - mean))
    return low, high
