"""Two runs over the same problems and samples: is the difference real?

The unit is the problem. With one judged sample per problem and run, the data are a 2x2 table of flips:

1. interval: Bonett and Price (2012), the adjusted Wald interval for paired proportions; it keeps its width when nothing
   flipped, where the plain one would claim certainty.
2. p-value: exact McNemar (a binomial test on the flips).

With several samples, the difference of a problem is that of its two means: Student's t interval (Bonett and Price where
all differences are equal and have no spread), and a sign-flip permutation test. Several comparisons to one baseline are
corrected by Holm.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from entmin.stats.estimates import Judged

_Z = 1.959963984540054
_PERMUTATIONS = 10_000


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Accuracy of a run minus that of its baseline, over the problems judged in both."""

    difference: float
    """NaN where no problem is judged in both."""
    low: float
    high: float
    """The 95 % interval."""
    p_value: float
    """Two-sided, before correction for several comparisons."""
    n: int
    """Problems judged in both."""
    gained: int
    """Problems (samples, with one each) on which the run does better."""
    lost: int
    """And worse."""


def paired_difference(run: Mapping[str, Judged], baseline: Mapping[str, Judged], seed: int = 0) -> PairedDifference:
    """Compare two runs; a sample not judged in either is left out of its problem.

    Args:
        run: problem id to the verdicts of its samples, in order.
        baseline: the same problems under the baseline.
        seed: seeds the permutation test.
    """
    pairs = [
        both
        for problem in run
        if problem in baseline
        and (both := [(a, b) for a, b in zip(run[problem], baseline[problem], strict=False) if None not in (a, b)])
    ]
    differences = [fmean(bool(a) for a, _ in both) - fmean(bool(b) for _, b in both) for both in pairs]
    gained, lost = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    n = len(differences)
    if n == 0:
        return PairedDifference(math.nan, math.nan, math.nan, math.nan, 0, 0, 0)
    if all(len(both) == 1 for both in pairs):
        low, high = bonett_price(gained, lost, n)
        return PairedDifference(fmean(differences), low, high, mcnemar(gained, lost), n, gained, lost)
    if n > 1 and min(differences) == max(differences):
        # Without spread Student's interval would claim certainty; so these count as flips of their own size.
        size = abs(differences[0]) or 1.0
        low, high = (size * bound for bound in bonett_price(gained, lost, n))
    else:
        low, high = _student(differences)
    return PairedDifference(fmean(differences), low, high, sign_flip(differences, seed), n, gained, lost)


def bonett_price(gained: int, lost: int, n: int) -> tuple[float, float]:
    """Adjusted Wald 95 % interval of a difference of paired proportions, from the counts of flips."""
    up, down = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    half = _Z * math.sqrt((up + down - (up - down) ** 2) / (n + 2))
    return max(-1.0, up - down - half), min(1.0, up - down + half)


def mcnemar(gained: int, lost: int) -> float:
    """Exact two-sided McNemar p-value: under the null each flip goes either way like a fair coin."""
    flips = gained + lost
    if flips == 0:
        return 1.0
    tail: int = sum(math.comb(flips, k) for k in range(min(gained, lost) + 1))
    return min(1.0, tail / 2.0 ** (flips - 1))


def sign_flip(differences: Sequence[float], seed: int = 0) -> float:
    """Two-sided permutation p-value of a zero mean: each problem's difference may as well have had the other sign."""
    nonzero = [d for d in differences if d != 0]
    if not nonzero:
        return 1.0
    chance, observed = random.Random(seed), abs(sum(nonzero)) - 1e-12
    extreme = sum(
        abs(sum(d if bits >> i & 1 else -d for i, d in enumerate(nonzero))) >= observed
        for bits in (chance.getrandbits(len(nonzero)) for _ in range(_PERMUTATIONS))
    )
    return (extreme + 1) / (_PERMUTATIONS + 1)


def _student(differences: Sequence[float]) -> tuple[float, float]:
    n = len(differences)
    if n < 2:
        return -1.0, 1.0
    from scipy.stats import t

    half = float(t.ppf(0.975, n - 1)) * stdev(differences) / math.sqrt(n)
    return fmean(differences) - half, fmean(differences) + half


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values, in the order given; NaN stays NaN and does not count."""
    known = sorted((p, i) for i, p in enumerate(p_values) if not math.isnan(p))
    adjusted = [math.nan] * len(p_values)
    running = 0.0
    for rank, (p, i) in enumerate(known):
        running = max(running, min(1.0, p * (len(known) - rank)))
        adjusted[i] = running
    return adjusted
