"""Metrics as pure functions of what was judged: problem id to the verdicts of its samples, in order.

A verdict is True, False or None (not judged). None is never wrong and never right: it is left out of the estimates and
counted beside them. The unit of statistics is the problem, not the sample: samples of one problem are not independent,
so intervals are over problem means.

1. pass@1 = avg@k: mean over problems of the share of right samples.
2. pass@k: mean over problems of ``1 - C(n - c, k) / C(n, k)``, the unbiased estimate from n samples with c right.
3. maj@k: the share of problems whose most frequent answer among the first k samples is right; answers are grouped by
   equivalence, not by spelling, and ties are broken by seed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any, Literal

from entmin.stats.beta_binomial import INTERMEDIATE, NOTICE, interval

Judged = Sequence[bool | float | None]
"""Verdicts of a problem's samples: right, wrong, a number between for partly right, None for not judged."""
Runs = Mapping[str, Judged]
Equivalence = Callable[[str, str], bool | None]

_Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over problems with its 95 % interval."""

    value: float
    """NaN where no problem was judged."""
    n: int
    """Problems in the estimate."""
    low: float | None
    high: float | None
    interval: Literal["wilson", "beta-binomial", "student-t", "none"]
    """Wilson for one verdict per problem, beta-binomial for several (avg@k), Student's t over problems for other values
    in [0, 1] (pass@k), none where there is nothing to go by."""
    notice: str | None = None
    """Why the interval may be too narrow."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; a NaN value becomes None."""
        return asdict(self) | {"value": None if math.isnan(self.value) else self.value}


@dataclass(frozen=True, slots=True)
class Answer:
    """One sample's answer and its verdict, for voting."""

    text: str | None
    """None: nothing was answered; it has no vote."""
    correct: bool | float | None


def wilson(right: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % score interval for `right` out of `n`."""
    share = right / n
    centre = share + _Z * _Z / (2 * n)
    spread = _Z * math.sqrt(share * (1 - share) / n + _Z * _Z / (4 * n * n))
    scale = 1 + _Z * _Z / n
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of one value in [0, 1] per problem, with a 95 % interval, never of zero width."""
    n = len(values)
    if n == 0:
        return Estimate(math.nan, 0, None, None, "none")
    mean = fmean(values)
    if all(value in (0.0, 1.0) for value in values):
        return Estimate(mean, n, *wilson(round(sum(values)), n), "wilson")
    if n == 1:
        return Estimate(mean, 1, None, None, "none")
    # scipy takes a good second to import, and a log with one sample per problem needs none of it.
    from scipy.stats import t

    half = float(t.ppf(0.975, n - 1)) * stdev(values) / math.sqrt(n)
    # Where all values are alike: the share of other problems that n alike ones cannot rule out.
    unseen = 0.0 if half else 1 - 0.025 ** (1 / n)
    low, high = mean * (1 - unseen) - half, mean + unseen * (1 - mean) + half
    return Estimate(mean, n, max(0.0, low), min(1.0, high), "student-t")


def _counts(judged: Judged) -> tuple[int, int]:
    """(samples judged, samples right)."""
    return sum(verdict is not None for verdict in judged), sum(verdict == 1 for verdict in judged)


def avg_at_k(runs: Runs) -> Estimate:
    """The mean over problems of the share of right samples; with one sample each it is pass@1.

    The interval is Wilson's for one sample per problem and `beta_binomial.interval` for several. Where some are partly
    right, it is Student's t over problem means.
    """
    if any(0 < verdict < 1 for judged in runs.values() for verdict in judged if verdict is not None):
        known = ([verdict for verdict in judged if verdict is not None] for judged in runs.values())
        return estimate([fmean(one) for one in known if one])
    counts = [(n, right) for n, right in map(_counts, runs.values()) if n]
    if all(n == 1 for n, _ in counts):
        return estimate([float(right) for _, right in counts])
    mean = fmean(right / n for n, right in counts)
    low, high = interval(counts)
    between = sum(0 < right < n for n, right in counts)
    notice = NOTICE if between < INTERMEDIATE else None
    # With every sample right, or none, the middle of the posterior leaves out the end of the scale.
    low, high = 0.0 if mean == 0 else min(low, mean), 1.0 if mean == 1 else max(high, mean)
    return Estimate(mean, len(counts), low, high, "beta-binomial", notice)


def unbiased_pass(n: int, right: int, k: int) -> float:
    """The probability that k of n samples, drawn without replacement, hold a right one."""
    return 1.0 if n - right < k else 1.0 - math.comb(n - right, k) / math.comb(n, k)


def pass_at_k(runs: Runs, k: int) -> Estimate:
    """Unbiased pass@k over the problems that have at least k judged samples; `n` says how many those are."""
    if k == 1:
        return avg_at_k(runs)
    counts = [_counts(judged) for judged in runs.values()]
    return estimate([unbiased_pass(n, right, k) for n, right in counts if n >= k])


def group_answers(texts: Sequence[str | None], equivalent: Equivalence) -> list[list[int]]:
    """Positions of equal answers, group by group in order of first mention; None is no answer and in no group."""
    groups: list[list[int]] = []
    for position, text in enumerate(texts):
        if text is not None:
            _join(groups, texts, position, equivalent)
    return groups


def _join(groups: list[list[int]], texts: Sequence[str | None], position: int, equivalent: Equivalence) -> None:
    text = str(texts[position])
    # Spellings first: an equivalence costs a round trip to a grading process.
    for group in groups:
        if any(texts[member] == text for member in group):
            group.append(position)
            return
    for group in groups:
        if equivalent(str(texts[group[0]]), text):
            group.append(position)
            return
    groups.append([position])


def elect(groups: Sequence[Sequence[int]], weights: Sequence[float], chance: random.Random) -> Sequence[int]:
    """The group with the largest sum of weights; equal ones draw lots."""
    sums = [sum(weights[member] for member in group) for group in groups]
    return chance.choice([group for group, total in zip(groups, sums, strict=True) if total == max(sums)])


def vote(answers: Sequence[Answer], equivalent: Equivalence, chance: random.Random) -> Answer:
    """The most frequent answer; equally frequent ones draw lots. Without any answer it is a wrong one.

    The verdict of a group is that of its first judged member.
    """
    groups = group_answers([answer.text for answer in answers], equivalent)
    if not groups:
        return Answer(None, False)
    winner = [answers[member] for member in elect(groups, [1.0] * len(answers), chance)]
    return next((answer for answer in winner if answer.correct is not None), winner[0])


def maj_at_k(
    runs: Mapping[str, Sequence[Answer]], k: int, equivalent: Equivalence, seed: int = 0
) -> tuple[Estimate, int]:
    """Majority vote over the first k samples of each problem that has as many.

    Returns:
        The estimate, and the number of problems left out because nobody could judge the winning answer.
    """
    winners = [
        vote(answers[:k], equivalent, random.Random(f"{seed}:{problem}"))
        for problem, answers in runs.items()
        if len(answers) >= k
    ]
    judged = [float(winner.correct) for winner in winners if winner.correct is not None]
    return estimate(judged), len(winners) - len(judged)


def by_group(runs: Runs, groups: Mapping[str, str]) -> dict[str, Estimate]:
    """`avg_at_k` of each group; `groups` maps a problem's id to its group, and one without a group is left out."""
    names = sorted({groups[problem] for problem in runs if problem in groups})
    return {
        name: avg_at_k({problem: judged for problem, judged in runs.items() if groups.get(problem) == name})
        for name in names
    }
