"""The interval of a difference of paired proportions that agrees with the exact McNemar test (Fay and Lumbard 2021).

Of n problems, m = gained + lost flip. The difference is psi (2 theta - 1): psi is the rate of flips, theta the share of
flips that are gains. Each has exact (Clopper-Pearson) confidence distributions, which are beta distributions. A bound
is a quantile of psi (2 theta - 1) under those distributions that make it most cautious. Its sign is that of
2 theta - 1, whatever psi is. So the interval leaves out 0 exactly when McNemar's p-value is below 1 - level: interval
and test cannot contradict each other.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_NODES = 100


def melded(gained: int, lost: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The interval of the population's (gained - lost) / n, inside [-1, 1].

    Args:
        gained: problems on which only the run is right.
        lost: problems on which only the baseline is right.
        n: all problems.
        level: confidence.
    """
    tail = (1 - level) / 2
    return _low(gained, lost, n, tail), -_low(lost, gained, n, tail)


@lru_cache(maxsize=4096)
def _low(gained: int, lost: int, n: int, tail: float) -> float:
    from scipy.optimize import brentq
    from scipy.special import betainc, betaincinv

    flips = gained + lost
    if gained == 0:  # theta may be 0, so the difference may be minus the rate of flips
        return -1.0 if flips == n else -float(betaincinv(flips + 1, n - flips, 1 - tail))
    weights, slopes = _share_of_gains(gained, lost)
    down = slopes < 0

    def excess(bound: float) -> float:
        """P(psi (2 theta - 1) <= bound) - tail; psi is at its largest where theta is below 1/2, else at its least."""
        if bound >= 0:
            rates = betainc(flips, n - flips + 1, _ratio(bound, slopes[~down]))
            return float(weights[down].sum() + weights[~down] @ rates)
        if flips == n:  # the rate of flips may be 1
            return float(betainc(gained, lost + 1, (1 + bound) / 2))
        return float(weights[down] @ (1 - betainc(flips + 1, n - flips, _ratio(bound, slopes[down]))))

    return float(brentq(lambda bound: excess(bound) - tail, -1.0, 1.0, xtol=1e-10))


def _ratio(bound: float, slopes: Array) -> Array:
    import numpy as np

    ratio: Array = np.divide(bound, slopes, out=np.ones_like(slopes), where=slopes != 0)
    return np.minimum(ratio, 1.0)


def _share_of_gains(gained: int, lost: int) -> tuple[Array, Array]:
    """Quadrature over theta ~ Beta(gained, lost + 1): weights, and 2 theta - 1 at the nodes, none of them across 0."""
    import numpy as np
    from scipy.special import betainc, betaincinv

    x, w = np.polynomial.legendre.leggauss(_NODES)
    half = float(betainc(gained, lost + 1, 0.5))
    spans = ((0.0, half), (half, 1.0))
    quantiles = np.concatenate([start + (end - start) * (x + 1) / 2 for start, end in spans])
    weights = np.concatenate([(end - start) * w / 2 for start, end in spans])
    return weights, 2 * betaincinv(gained, lost + 1, quantiles) - 1
