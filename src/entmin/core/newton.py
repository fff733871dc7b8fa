"""The temperature at which a row's entropy meets a target: steps of a two-level model, safeguarded by a bracket.

With b = 1 / tau and central moments of b z under softmax(b z),

    b   dH/db     = -Var                 b^2 d2H/db2 = -Var - third central moment

so one evaluation gives H, its slope and its bend. The system of two levels that has the same three, with log odds t of
the upper level, distance d between the levels and a constant c, is

    t = -2 asinh(skewness / 2)     d = sqrt(Var (4 + skewness^2))     H = c + log(1 + e^-t) + d / (1 + e^t)

and at inverse temperature b' it has d' = d b' / b and t' = t + d' - d: the next b is where that meets the target, which
costs a few scalars. It is exact where two levels compete, as in every row that is cold enough. Where c is over the
target and more than a few per cent of the probability is below the upper level, the parabola of log H in b takes over.

The step is taken from the nearer end of the bracket; from the other end where that leaves the bracket; the geometric
middle where both do, or where two steps in a row have not halved the least distance so far. The ends tmin and tmax are
tried at most once each, before anything beyond them. No step needs more than the sums of one pass over the row.

Evaluations to 1e-6 of the target, that of the row as it is included, for tmin 0.01, tmax 1 and nine target ratios: mean
2.9 and most 8 on the rows the rule was chosen on (n = 4,401, 99 of them recorded ones: mean 3.6, most 7); mean 3.3 and
most 9 on families held out (n = 5,067, 2 of them over 8). `benchmarks/solver.py` counts them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypedDict, Unpack

import torch
from torch import Tensor

from entmin.core.entropy import FLOOR

MODEL_STEPS = 8
"""Newton steps for the root of the model: scalars only, nearly exact."""
FARTHEST = 500.0
"""Log odds beyond which the lower level weighs nothing."""
NEARLY_ALL = -6.0
"""Skewness of a row with one part in forty of its probability below the upper level."""


class Statistics(NamedTuple):
    """Of ``softmax(b z)``, each ``[A, 1]``."""

    entropy: Tensor
    variance: Tensor
    """Of b z."""
    cube: Tensor
    """Third central moment of b z."""


Evaluate = Callable[[Tensor], Statistics]
"""The statistics of some rows at inverse temperatures ``[A, 1]``."""


class Search(TypedDict):
    """Where and how long to search."""

    tmax: float
    """Highest temperature; the answer where the root is above it."""
    tmin: float
    """Lowest temperature; the answer where the root is below it, or is none (exact ties)."""
    max_iter: int
    """At most this many evaluations, the one that `before` holds not counted."""
    tol: float
    """Accepted distance to the target, as a fraction of it."""


class _Point(NamedTuple):
    b: Tensor
    gap: Tensor
    """log H - log target."""
    entropy: Tensor
    variance: Tensor
    cube: Tensor


def statistics(rows: Tensor, b: Tensor | float = 1.0) -> Statistics:
    """Of float64 ``[A, V]`` rows at inverse temperature `b` (``[A, 1]``); log p + H is b z less its mean."""
    log_p = (rows * b).log_softmax(-1).clamp_(min=FLOOR)
    p = log_p.exp()
    h = -(p * log_p).sum(-1, keepdim=True)
    centred = log_p.add_(h)
    weighted = p.mul_(centred).mul_(centred)
    variance = weighted.sum(-1, keepdim=True)
    return Statistics(h, variance, weighted.mul_(centred).sum(-1, keepdim=True))


def solve(evaluate: Evaluate, before: Statistics, target: Tensor, wanted: Tensor, **limits: Unpack[Search]) -> Tensor:
    """Temperatures ``[A, 1]`` at which the entropies meet `target`; 1 where `wanted` is False.

    Args:
        evaluate: the statistics of the rows.
        before: those at 1.
        target: wanted entropies ``[A, 1]``, nats.
        wanted: ``[A, 1]``, which rows to solve.
        limits: where and how long to search.
    """
    tmax, tmin, tol = limits["tmax"], limits["tmin"], limits["tol"]
    first, last = 1 / tmax, 1 / tmin
    b = torch.ones_like(target)
    far = torch.full_like(target, torch.inf)
    nothing = b * 0
    low, high = _Point(nothing, far, *[nothing] * 3), _Point(far, -far, *[nothing] * 3)
    distance, poor, done = far, torch.zeros_like(wanted, dtype=torch.int32), ~wanted
    found = before
    for left in range(limits["max_iter"], -1, -1):
        here = _point(found, b, target)
        above = here.gap > 0
        low, high = _where(above, here, low), _where(above, high, here)
        poor = torch.where(here.gap.abs() > distance / 2, poor + 1, 0)
        distance = torch.minimum(distance, here.gap.abs())
        onwards = _next(low, high, target, poor >= 2, first, last)
        poor = torch.where(poor >= 2, 0, poor)
        met = (b >= first) & (b <= last) & ((found.entropy - target).abs() <= tol * target)
        done = done | met | (b == onwards) | ((b == last) & above) | ((b == first) & (here.gap < 0))
        if left == 0 or (done.device.type == "cpu" and bool(done.all())):
            break
        b = torch.where(done, b, onwards)
        found = evaluate(b)
    # The ends come back as they were given, not as 1 / (1 / tmin).
    return torch.where(b == last, tmin, torch.where(b == first, tmax, 1 / b)).where(wanted, torch.ones_like(b))


def _point(found: Statistics, b: Tensor, target: Tensor) -> _Point:
    h = found.entropy.clamp(min=torch.finfo(target.dtype).tiny)
    return _Point(b, (h / target).log(), h, found.variance, found.cube)


def _where(condition: Tensor, one: _Point, other: _Point) -> _Point:
    return _Point(*(torch.where(condition, a, b) for a, b in zip(one, other, strict=True)))


def _next(low: _Point, high: _Point, target: Tensor, halve: Tensor, first: float, last: float) -> Tensor:
    a, c = low.b.clamp(min=first), high.b.clamp(max=last)
    middle = (a * c).sqrt()
    nearer = low.gap < -high.gap
    one, other = _root(_where(nearer, low, high), target), _root(_where(nearer, high, low), target)
    to = torch.where((other > a) & (other < c), other, middle)
    to = torch.where((one > a) & (one < c), one, to)
    to = torch.where((low.b < first) & (one <= a), first, to)
    to = torch.where((high.b > last) & (one >= c), last, to)
    return torch.where(halve, middle, to)


def _root(point: _Point, target: Tensor) -> Tensor:
    """Where the model of the row at this point meets the target; infinity where it never does.

    Without `pow`, `sigmoid` and `softplus`, whose last bit depends on how many rows torch computes at once.
    """
    skewness = point.cube / (point.variance * point.variance.sqrt())
    odds, distance = -2 * (skewness / 2).asinh(), (point.variance * (4 + skewness.square())).sqrt()
    above = target - point.entropy + _levels(odds, distance)[0]
    t = odds
    for _ in range(MODEL_STEPS):
        d = distance + t - odds
        h, lower = _levels(t, d)
        t = t + (h / above).log() * h / (d * lower * (1 - lower))
        t = torch.maximum(t.clamp(max=FARTHEST), odds - distance)
    levels = point.b * (1 + (t - odds) / distance)
    never = torch.where(skewness < NEARLY_ALL, torch.inf, _parabola(point))
    return torch.where(levels.isnan(), never, levels)


def _levels(t: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
    """Entropy of two levels with log odds `t` and distance `d`, but for the constant; the share of the lower one."""
    e = (-t.abs()).exp()
    lower = torch.where(t > 0, e, 1.0) / (1 + e)
    return (-t).clamp(min=0) + e.log1p() + d * lower, lower


def _parabola(point: _Point) -> Tensor:
    """Where the parabola of log H in b through the point meets the target; infinity where it slopes nowhere."""
    slope = -point.variance / point.entropy
    bend = -(point.variance + point.cube) / point.entropy - slope.square()
    discriminant = slope.square() - 2 * point.gap * bend
    curved = -2 * point.gap / (slope - discriminant.clamp(min=0).sqrt())
    step = torch.where(discriminant > 0, curved, -point.gap / slope)
    return torch.where(slope < 0, point.b * (1 + step), torch.inf)
