"""EM-INF: make a next-token distribution more decisive by a few Adam steps on its own logits.

For one row z with p0 = softmax(z), the loss is (paper section 4, and the KL term of the published code)

    L(x) = H(softmax x) + kl_weight * KL(p0 || softmax x)
    dL/dx_i = -p_i (log p_i + H) + kl_weight * (p_i - p0_i)

minimised by Adam with fresh moments (betas 0.9, 0.999, eps 1e-8), at most `n_grad_steps` updates, stopping before an
update once H < threshold. The gradient is in closed form, so no autograd is needed. `em_inf_torch` below is these lines
as tensor operations; the compiled forms compute the same path with less work (docs/method.md).

Left out of the published code on purpose: entropy summed over the batch (each row is on its own here), the 1e-12 inside
the logarithm, the 1e-9 floor under the probabilities. See docs/deviations.md.
"""

from __future__ import annotations

from typing import NamedTuple, TypedDict, Unpack

import torch
from torch import Tensor

from entmin.core.entropy import FLOOR, compute_dtype, entropy, rows_at_once, sum_dtype
from entmin.core.impl import AUTO, function_of, implementation

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8
"""Adam's, as in the published code."""
WRITES_IN_PLACE = frozenset({"numba", "triton"})
"""The implementations whose `em_inf` takes ``out`` too."""
MEASURES = "numba"
"""The one that also takes ``entropies``."""


class Settings(TypedDict, total=False):
    """The hyper-parameters of `em_inf`."""

    threshold: float
    kl_weight: float
    learning_rate: float
    n_grad_steps: int


DEFAULTS = Settings(threshold=0.3, kl_weight=0.05, learning_rate=0.1, n_grad_steps=3)
"""Those of the published run script."""


def em_inf(
    logits: Tensor,
    *,
    threshold: float = DEFAULTS["threshold"],
    kl_weight: float = DEFAULTS["kl_weight"],
    learning_rate: float = DEFAULTS["learning_rate"],
    n_grad_steps: int = DEFAULTS["n_grad_steps"],
    impl: str = AUTO,
    out: Tensor | None = None,
) -> Tensor:
    """Minimise each row's entropy by Adam on its logits.

    Args:
        logits: ``[B, V]``, any floating dtype; ``-inf`` masks an entry and stays ``-inf``.
        threshold: stop, before an update, once the row's entropy is below this (nats).
        kl_weight: weight of KL(p0 || p), the pull back to the original distribution.
        learning_rate: Adam's step, in logits.
        n_grad_steps: at most this many updates.
        impl: which implementation (see `entmin.core.impl`).
        out: ``[B, V]`` of the result's dtype to write to and return; `logits` itself is allowed.

    Returns:
        ``[B, V]`` adjusted logits, without a gradient: float64 for float64 input, float32 otherwise (half precision
        could not hold the change). Rows already under the threshold come back with the same values, bit for bit. A row
        that holds NaN or +inf, or is masked throughout, comes back all NaN.

    Raises:
        TypeError: the dtype is not floating.
        ValueError: `logits` is not two-dimensional, or `out` is not of the result's shape, dtype and device.
        UsageError: the implementation asked for is unknown or cannot do it here.
    """
    _check(logits, out)
    name = implementation(logits, "em_inf", impl)
    settings = Settings(
        threshold=threshold, kl_weight=kl_weight, learning_rate=learning_rate, n_grad_steps=n_grad_steps
    )
    if out is not None and name in WRITES_IN_PLACE:
        function_of(name, "em_inf")(logits, **settings, out=out)
        return out
    result: Tensor = function_of(name, "em_inf")(logits, **settings)
    return result if out is None else out.copy_(result)


class Adjusted(NamedTuple):
    """What EM-INF made of some rows, and the entropies it met on the way."""

    logits: Tensor
    """``[B, V]``."""
    before: Tensor
    """``[B]`` entropy of the logits that came in, nats."""
    after: Tensor
    """``[B]`` entropy of those that went out, nats."""


def em_inf_measured(
    logits: Tensor, *, impl: str = AUTO, out: Tensor | None = None, **settings: Unpack[Settings]
) -> Adjusted:
    """`em_inf`, and each row's entropy before and after; where the implementation has them at hand, for nothing.

    Arguments and errors are those of `em_inf`; entropies are float32, float64 for float64 logits.
    """
    _check(logits, out)
    if implementation(logits, "em_inf", impl) == MEASURES:
        found = torch.empty(2, logits.shape[0])
        run = function_of(MEASURES, "em_inf")
        return Adjusted(run(logits, **{**DEFAULTS, **settings}, out=out, entropies=found), *found)
    before = entropy(logits, impl=impl)
    result = em_inf(logits, **settings, impl=impl, out=out)
    return Adjusted(result, before, entropy(result, impl=impl))


def _check(logits: Tensor, out: Tensor | None) -> None:
    dtype = compute_dtype(logits)
    if logits.dim() != 2:
        raise ValueError(f"logits must be [batch, vocabulary], not {tuple(logits.shape)}")
    if out is not None and (out.shape != logits.shape or out.dtype != dtype or out.device != logits.device):
        raise ValueError(f"out must be {tuple(logits.shape)} {dtype} on {logits.device}, like the result")


@torch.no_grad()
def em_inf_torch(
    logits: Tensor, *, threshold: float, kl_weight: float, learning_rate: float, n_grad_steps: int
) -> Tensor:
    """`em_inf` in plain tensor operations, a few rows at a time."""
    pieces = torch.split(logits, rows_at_once(logits))
    adjusted = [_adam(rows, threshold, kl_weight, learning_rate, n_grad_steps) for rows in pieces]
    return torch.cat(adjusted).to(compute_dtype(logits))


def _adam(rows: Tensor, threshold: float, kl_weight: float, learning_rate: float, n_grad_steps: int) -> Tensor:
    """The equation above on ``[A, V]`` rows.

    In float64 where there is any: near p = e^-H the sign of a gradient hangs on its last digits, and Adam turns that
    sign into a full step.
    """
    x = rows.to(sum_dtype(rows), copy=True)
    broken = ~x.amax(-1, keepdim=True).isfinite()  # NaN, +inf, and a row of -inf all show in the maximum
    x.masked_fill_(broken, torch.nan)
    first, second, active = torch.zeros_like(x), torch.zeros_like(x), ~broken
    p0: Tensor | None = None
    for step in range(1, n_grad_steps + 1):
        log_p = x.log_softmax(-1).clamp_(min=FLOOR)
        p = log_p.exp()
        h = -(p * log_p).sum(-1, keepdim=True)
        active = active & (h.clamp(min=0) >= threshold)  # rounding must not take it under a threshold of 0
        # Reading the flags costs a device synchronisation, worth it only where reading is free.
        if x.device.type == "cpu" and not active.any():
            break
        p0 = p if p0 is None else p0
        gradient = kl_weight * (p - p0) - p * log_p.add_(h)
        first.lerp_(gradient, 1 - BETA1)
        second.lerp_(gradient.square_(), 1 - BETA2)
        denominator = torch.div(second, 1 - BETA2**step, out=gradient).sqrt_().add_(EPS)
        x.addcdiv_(first * active, denominator, value=-learning_rate / (1 - BETA1**step))
    return x
