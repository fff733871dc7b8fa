"""The interval of avg@k: problems differ, and the samples of one problem share its chance to be right.

Each problem's chance of a right sample is drawn from a beta distribution with mean m and concentration s, so the number
of right samples is beta-binomial. The prior is flat in m and in log s. The interval holds the middle 95 % of the
posterior of m. It never has zero width, lies inside [0, 1], and covers 93 to 98 % at accuracies from 2 to 95 %, where
Student's t over problem means covers 77 to 95 % (docs/statistics.md).

Where chances are no beta distribution (a few problems always right, all others never), no interval from so few kinds of
problem can be trusted; `NOTICE` says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

INTERMEDIATE = 5
NOTICE = (
    f"fewer than {INTERMEDIATE} problems are right in some samples and wrong in others, so the data hardly say how "
    "problems differ: the interval may be too narrow"
)
_MEANS, _CONCENTRATIONS = 241, 61
_LOG_CONCENTRATION = (-4.6, 9.2)
"""From 0.01, where every problem is always right or always wrong, to 10,000, where all have the same chance."""


def interval(counts: Iterable[tuple[int, int]], level: float = 0.95) -> tuple[float, float]:
    """The equal-tailed posterior interval of the mean over problems.

    Args:
        counts: (samples judged, samples right) of each problem.
        level: probability inside.
    """
    import numpy as np

    tally = Counter(counts)
    # Two passes: the first finds where the posterior lies, the second looks closely there.
    logit = np.linspace(-16.0, 16.0, _MEANS)
    mass = _mass(tally, logit)
    inside = np.flatnonzero(mass > 1e-9 * mass.max())
    first, last = max(inside[0] - 1, 0), min(inside[-1] + 1, _MEANS - 1)
    logit = np.linspace(logit[first], logit[last], _MEANS)
    cumulative = np.cumsum(_mass(tally, logit))
    # A point of the grid stands for the cell around it, half of which lies below the point.
    cumulative = (cumulative - np.diff(cumulative, prepend=0.0) / 2) / cumulative[-1]
    low, high = np.interp([(1 - level) / 2, (1 + level) / 2], cumulative, logit)
    return float(_expit(low)), float(_expit(high))


def _expit(logit: Any) -> Any:
    import numpy as np

    return 1 / (1 + np.exp(-logit))


def _mass(tally: Counter[tuple[int, int]], logit: Array) -> Array:
    """Posterior mass of each mean, up to a factor; summed over the concentrations."""
    import numpy as np

    mean = _expit(logit)[:, None]
    strength = np.exp(np.linspace(*_LOG_CONCENTRATION, _CONCENTRATIONS))[None, :]
    a, b = mean * strength, _expit(-logit)[:, None] * strength
    rights, wrongs, samples = Counter[int](), Counter[int](), Counter[int]()
    for (n, right), times in tally.items():
        rights[right] += times
        wrongs[n - right] += times
        samples[n] += times
    likelihood = log_rising(a, rights) + log_rising(b, wrongs) - log_rising(strength, samples)
    # Flat in the mean is this in its logit.
    likelihood = likelihood + np.log(mean) + np.log(_expit(-logit)[:, None])
    found: Array = np.exp(likelihood - likelihood.max()).sum(axis=1)
    return found


def log_rising(x: Array, lengths: Counter[int]) -> Array:
    """The logarithm of the product, over all lengths n, of x (x + 1) ... (x + n - 1), which is Gamma(x + n) / Gamma(x).

    A factor x + i occurs once for every length above i. Logarithms are quicker than gamma functions, and nothing large
    cancels.
    """
    import numpy as np

    total, above = np.zeros_like(x), lengths.total()
    for i in range(max(lengths, default=0)):
        above -= lengths[i]
        total += above * np.log(x + i)
    return total
