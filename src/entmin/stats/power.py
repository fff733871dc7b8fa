"""How much a comparison could have seen, how large it must be, and a test that may be looked at any time."""

from __future__ import annotations

import math

_BOTH = 1.959963984540054 + 0.8416212335729143
"""Quantiles of the normal distribution at 97.5 % (5 %, two-sided) and at 80 % power."""


def e_value(gained: int, lost: int) -> float:
    """Evidence against "flips go either way equally often", valid whenever one chooses to stop.

    E = 2^m B(gained + 1/2, lost + 1/2) / B(1/2, 1/2), m = gained + lost: the likelihood of the flips under Jeffreys'
    prior over that under a fair coin. Under the null its mean is 1 at any stopping time, so the chance that it ever
    reaches 20 is at most 5 %.
    """

    def log_beta(a: float, b: float) -> float:
        return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)

    log_e = (gained + lost) * math.log(2) + log_beta(gained + 0.5, lost + 0.5) - math.log(math.pi)
    return math.exp(min(log_e, 700.0))


def sample_size(flips: float, difference: float) -> int:
    """Problems needed to see a difference with 80 % power at 5 %: n = 7.84 flips / difference^2.

    Args:
        flips: share of problems on which the two runs differ.
        difference: of accuracy, as a share.
    """
    return math.ceil(_BOTH**2 * flips / difference**2)


def minimum_detectable(n: int, flips: float) -> float:
    """The least gain that the exact McNemar test at 5 % finds with 80 % power; NaN where no gain is found so often.

    Args:
        n: problems, one sample each.
        flips: share of problems that flip without any gain, half of them in each direction.
    """
    most = 1.0 - flips / 2
    if power(n, flips / 2 + most, 0.0 if most == 1 else flips / 2) < 0.8:
        return math.nan
    low, high = 0.0, most
    while high - low > 1e-5:
        middle = (low + high) / 2
        found = power(n, flips / 2 + middle, flips / 2) >= 0.8
        low, high = (low, middle) if found else (middle, high)
    return high


def power(n: int, gained: float, lost: float) -> float:
    """The chance that the exact McNemar test finds a gain at 5 %.

    Args:
        n: problems.
        gained: share of problems on which only the run is right.
        lost: share on which only the baseline is right.
    """
    import numpy as np
    from scipy.stats import binom

    flips = min(1.0, gained + lost)
    spread = 9 * math.sqrt(n * flips * (1 - flips)) + 1
    m = np.arange(max(1, math.floor(n * flips - spread)), min(n, math.ceil(n * flips + spread)) + 1)
    # The least number of gains among m flips with P(X >= c) <= 2.5 %.
    needed = m - binom.ppf(0.025, m, 0.5) + 1
    needed -= binom.sf(needed - 2, m, 0.5) <= 0.025
    found = binom.pmf(m, n, flips) @ binom.sf(needed - 1, m, gained / flips)
    return float(found)
