"""Adaptive temperature: cool each row until its entropy meets a target (paper Algorithm 1).

    H0 = H(softmax z),  target = max(threshold, target_ratio * H0),  H(softmax(z / tau)) = target, tau in [tmin, tmax]

Rows with H0 <= threshold are left alone. H is increasing in tau; `entmin.core.newton` finds the root in a few
evaluations. The published search is a bisection that accepts any midpoint within 0.1 nat of the target; on an easy
token everything is, so the first midpoint, tau = 0.505, is taken there whatever the target was (docs/deviations.md).
Here the tolerance is a fraction of the target unless `absolute_tol` asks for the published search.
"""

from __future__ import annotations

import functools
from typing import TypedDict, Unpack

import torch
from torch import Tensor

from entmin.core import newton
from entmin.core.entropy import compute_dtype, rows_at_once, sum_dtype
from entmin.core.impl import AUTO, function


class Settings(TypedDict, total=False):
    """The hyper-parameters of `adaptive_temperature`."""

    tmax: float
    tmin: float
    max_iter: int
    tol: float
    target_ratio: float
    threshold: float
    absolute_tol: bool


DEFAULTS = Settings(tmax=1.0, tmin=0.01, max_iter=100, tol=1e-6, target_ratio=0.85, threshold=1e-5, absolute_tol=False)


def adaptive_temperature(
    logits: Tensor,
    *,
    tmax: float = DEFAULTS["tmax"],
    tmin: float = DEFAULTS["tmin"],
    max_iter: int = DEFAULTS["max_iter"],
    tol: float = DEFAULTS["tol"],
    target_ratio: float = DEFAULTS["target_ratio"],
    threshold: float = DEFAULTS["threshold"],
    absolute_tol: bool = DEFAULTS["absolute_tol"],
    impl: str = AUTO,
) -> Tensor:
    """Divide each row by the temperature at which its entropy meets the target.

    Args:
        logits: ``[B, V]``, any floating dtype; ``-inf`` stays ``-inf``.
        tmax: upper end of the search.
        tmin: lower end of the search; a row whose entropy at `tmin` still exceeds the target (exact ties) ends there.
        max_iter: at most this many evaluations of a row's entropy, that at temperature 1 not counted.
        tol: accepted distance to the target, as a fraction of it.
        target_ratio: wanted entropy as a fraction of the row's own.
        threshold: rows at or below this entropy (nats) are left alone; no target is below it.
        absolute_tol: the published search: bisection, `tol` in nats.
        impl: which implementation (see `entmin.core.impl`).

    Returns:
        ``[B, V]`` logits: float64 for float64 input, float32 otherwise. Rows left alone come back bit for bit. A row
        that holds NaN or +inf, or is masked throughout, comes back all NaN.

    Raises:
        TypeError: the dtype is not floating.
        ValueError: `logits` is not two-dimensional.
        UsageError: the implementation asked for is unknown or cannot do it here.
    """
    settings = Settings(
        tmax=tmax, tmin=tmin, max_iter=max_iter, tol=tol, target_ratio=target_ratio, threshold=threshold,
        absolute_tol=absolute_tol,
    )  # fmt: skip
    dtype = compute_dtype(logits)
    return logits.to(dtype) / solve_temperature(logits, impl=impl, **settings).to(dtype)[:, None]


def solve_temperature(logits: Tensor, *, impl: str = AUTO, **settings: Unpack[Settings]) -> Tensor:
    """The temperature `adaptive_temperature` divides each row by: ``[B]``, 1 for rows left alone, NaN for broken rows.

    Arguments and errors are those of `adaptive_temperature`; the temperatures carry no gradient.
    """
    compute_dtype(logits)
    if logits.dim() != 2:
        raise ValueError(f"logits must be [batch, vocabulary], not {tuple(logits.shape)}")
    tau: Tensor = function(logits, "solve_temperature", impl)(logits, **{**DEFAULTS, **settings})
    return tau


@torch.no_grad()
def solve_temperature_torch(
    logits: Tensor, *, target_ratio: float, threshold: float, absolute_tol: bool, **limits: Unpack[newton.Search]
) -> Tensor:
    """`solve_temperature` in plain tensor operations, a few rows at a time."""
    search = bisect if absolute_tol else newton.solve
    found = []
    for rows in torch.split(logits, rows_at_once(logits)):
        evaluate = functools.partial(newton.statistics, rows.to(sum_dtype(rows)))
        before = evaluate()
        target = (before.entropy * target_ratio).clamp(min=threshold)
        tau = search(evaluate, before, target, before.entropy > threshold, **limits)
        found.append(torch.where(before.entropy.isnan(), torch.nan, tau).squeeze(-1))
    return torch.cat(found)


def bisect(
    evaluate: newton.Evaluate,
    before: newton.Statistics,
    target: Tensor,
    wanted: Tensor,
    **limits: Unpack[newton.Search],
) -> Tensor:
    """The published search, `tol` in nats: temperatures ``[A, 1]``, 1 where `wanted` is False.

    Arguments are those of `newton.solve`, for which this is the reference.
    """
    low, high = torch.full_like(target, limits["tmin"]), torch.full_like(target, limits["tmax"])
    tau, done = torch.ones_like(target), ~wanted
    for _ in range(limits["max_iter"]):
        if done.device.type == "cpu" and done.all():
            break
        tau = torch.where(done, tau, (low + high) / 2)
        gap = evaluate(1 / tau).entropy - target
        done = done | (gap.abs() < limits["tol"])
        low, high = torch.where(gap < 0, tau, low), torch.where(gap < 0, high, tau)
    return tau
