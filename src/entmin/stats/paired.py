"""Two runs over the same problems and samples: is the difference real?

The unit is the problem. Interval and p-value come from one family, so that they cannot contradict each other: the 95 %
interval leaves out 0 exactly when p < 0.05. Both are for this comparison alone; Holm's correction (`holm`) is for the
p-values of a whole report.

1. One judged sample per problem and run: exact McNemar, and the melded interval that belongs to it (melded.py).
2. Several, or partly right ones: the sign-flip test on the differences of problem means, and the interval that
   inverts it (sign_flip.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from entmin.stats.estimates import Judged, Runs
from entmin.stats.melded import melded
from entmin.stats.power import minimum_detectable
from entmin.stats.sign_flip import lattice, sign_flip, sign_flip_interval


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Accuracy of a run minus that of its baseline, over the problems judged in both."""

    difference: float
    """NaN where no problem is judged in both."""
    low: float
    high: float
    """The interval, at `level`, inside [-1, 1]."""
    p_value: float
    """Two-sided, before correction for several comparisons."""
    n: int
    """Problems judged in both."""
    gained: int
    """Problems on which the run does better."""
    lost: int
    """And worse."""
    level: float = 0.95
    """Of the interval, for this comparison alone."""
    test: Literal["mcnemar", "sign-flip", "none"] = "none"
    """The family of interval and p-value."""

    @property
    def detectable(self) -> float:
        """The least difference such a run finds with 80 % power at 5 %; NaN where it finds none so often."""
        if self.test == "mcnemar":
            return minimum_detectable(self.n, (self.gained + self.lost) / self.n)
        # (1.96 + 0.84) standard errors, of which half the interval is 1.96.
        found = 1.43 * (self.high - self.low) / 2 if self.level == 0.95 else math.nan
        return found if found < 1 else math.nan


NOTHING = PairedDifference(math.nan, math.nan, math.nan, math.nan, 0, 0, 0)


def paired_difference(run: Runs, baseline: Runs, level: float = 0.95) -> PairedDifference:
    """Compare two runs; a sample not judged in either is left out of its problem.

    Where a problem has more samples in one run than in the other, its difference is that of the means over the samples
    of each that were judged. The sign-flip test is then no longer exact, because such a difference can be skewed.

    Args:
        run: problem id to the verdicts of its samples, in order.
        baseline: the same problems under the baseline.
        level: confidence of the interval.
    """
    found = (_change(run[problem], baseline[problem]) for problem in run if problem in baseline)
    changes = [one for one in found if one[1]]
    if not changes:
        return NOTHING
    differences = [change / samples for change, samples in changes]
    n, mean = len(changes), fmean(differences)
    gained, lost = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    if all(samples == 1 and abs(change) in (0, 1) for change, samples in changes):
        low, high = melded(gained, lost, n, level)
        return PairedDifference(mean, low, high, mcnemar(gained, lost), n, gained, lost, level, "mcnemar")
    units = lattice(changes)
    p_value = sign_flip(units)
    low, high = sign_flip_interval(differences, p_value, level)
    return PairedDifference(mean, low, high, p_value, n, gained, lost, level, "sign-flip")


def _change(run: Judged, baseline: Judged) -> tuple[float, int]:
    """A problem's difference as a numerator and its denominator, the number of samples; 0 of 0 if none was judged."""
    if len(run) == len(baseline):
        both = [(a, b) for a, b in zip(run, baseline, strict=True) if a is not None and b is not None]
        return sum(float(a) - float(b) for a, b in both), len(both)
    ours = [float(one) for one in run if one is not None]
    theirs = [float(one) for one in baseline if one is not None]
    return sum(ours) * len(theirs) - sum(theirs) * len(ours), len(ours) * len(theirs)


def worst_case(run: Runs, baseline: Runs, level: float = 0.95) -> tuple[PairedDifference, PairedDifference]:
    """The comparison if every answer nobody judged had been against the run, and if it had been for it."""

    def filled(runs: Runs, verdict: bool) -> Runs:
        return {
            problem: [verdict if one is None else one for one in judged]
            for problem, judged in runs.items()
            if problem in run and problem in baseline
        }

    against = paired_difference(filled(run, False), filled(baseline, True), level)
    return against, paired_difference(filled(run, True), filled(baseline, False), level)


def mcnemar(gained: int, lost: int) -> float:
    """Exact two-sided McNemar p-value: under the null each flip goes either way like a fair coin."""
    flips = gained + lost
    if flips == 0:
        return 1.0
    tail: int = sum(math.comb(flips, k) for k in range(min(gained, lost) + 1))
    return min(1.0, float(2 * tail / 2**flips))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values, in the order given; NaN stays NaN and does not count."""
    known = sorted((p, i) for i, p in enumerate(p_values) if not math.isnan(p))
    adjusted = [math.nan] * len(p_values)
    running = 0.0
    for rank, (p, i) in enumerate(known):
        running = max(running, min(1.0, p * (len(known) - rank)))
        adjusted[i] = running
    return adjusted
