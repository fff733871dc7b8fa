"""EM-INF: make a next-token distribution more decisive by a few Adam steps on its own logits.

For one row z with p0 = softmax(z), the loss is (paper section 4, and the KL term of the published code)

    L(x) = H(softmax x) + kl_weight * KL(p0 || softmax x)
    dL/dx_i = -p_i (log p_i + H) + kl_weight * (p_i - p0_i)

minimised by Adam with fresh moments (betas 0.9, 0.999, eps 1e-8), at most `n_grad_steps` updates, stopping before an
update once H < threshold. The gradient is in closed form, so no autograd is needed; a logit's path depends only on its
own value and on H, log Z of its row, so it runs over parts (see `entmin.core.parts`).

Left out of the published code on purpose: entropy summed over the batch (each row is on its own here), the 1e-12 inside
the logarithm, the 1e-9 floor under the probabilities. See docs/deviations.md.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from entmin.core.entropy import compute_dtype, entropy
from entmin.core.impl import AUTO, function_of, implementation
from entmin.core.parts import Part, moments, pieces
from entmin.errors import UsageError

_BETA1, _BETA2, _EPS = 0.9, 0.999, 1e-8
WRITES_IN_PLACE = frozenset({"values", "triton"})
"""The implementations whose `em_inf` takes ``out`` too."""
MEASURES = "values"
"""The one that also takes ``entropies``."""


def em_inf(
    logits: Tensor,
    *,
    threshold: float = 0.3,
    kl_weight: float = 0.05,
    learning_rate: float = 0.1,
    n_grad_steps: int = 3,
    impl: str = AUTO,
    out: Tensor | None = None,
    tail_cutoff: float | None = None,
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
        tail_cutoff: how far, in total variation, each row may be from the exact result; None for exact. Between 0 and
            1. `values` then works on the likeliest tokens alone where it can prove that this is close enough (see
            `entmin.core.numba.certificate`), and is exact elsewhere and on bfloat16 numbers, which cost little;
            `torch` is always exact. A row worked on so keeps its tail's logits and moves the likely ones against them:
            its logits are those of the exact result up to one constant.

    Returns:
        ``[B, V]`` adjusted logits: float64 for float64 input, float32 otherwise (half precision could not hold the
        change). Rows already under the threshold come back with the same values, bit for bit. A row that holds NaN or
        +inf, or is masked throughout, comes back all NaN.

    Raises:
        TypeError: the dtype is not floating.
        ValueError: `logits` is not two-dimensional, or `out` is not of the result's shape, dtype and device.
        UsageError: the implementation asked for is unknown or cannot do it here; `tail_cutoff` is out of range.
    """
    _check(logits, out)
    settings: dict[str, float | None] = {"threshold": threshold, "kl_weight": kl_weight, "learning_rate": learning_rate}
    name = implementation(logits, "em_inf", impl)
    if _cuts_tails(name, tail_cutoff):
        settings["tail_cutoff"] = tail_cutoff
    run = function_of(name, "em_inf")
    if out is None:
        result: Tensor = run(logits, **settings, n_grad_steps=n_grad_steps)
        return result
    if name in WRITES_IN_PLACE:
        run(logits, **settings, n_grad_steps=n_grad_steps, out=out)
    else:
        out.copy_(run(logits, **settings, n_grad_steps=n_grad_steps))
    return out


class Adjusted(NamedTuple):
    """What EM-INF made of some rows, and the entropies it met on the way."""

    logits: Tensor
    """``[B, V]``."""
    before: Tensor
    """``[B]`` entropy of the logits that came in, nats."""
    after: Tensor
    """``[B]`` entropy of those that went out, nats."""


def em_inf_measured(
    logits: Tensor,
    *,
    threshold: float = 0.3,
    kl_weight: float = 0.05,
    learning_rate: float = 0.1,
    n_grad_steps: int = 3,
    impl: str = AUTO,
    out: Tensor | None = None,
) -> Adjusted:
    """`em_inf`, and each row's entropy before and after; where the implementation has them at hand, for nothing.

    Arguments and errors are those of `em_inf`; entropies are float32, float64 for float64 logits.
    """
    _check(logits, out)
    settings = {"threshold": threshold, "kl_weight": kl_weight, "learning_rate": learning_rate}
    if implementation(logits, "em_inf", impl) == MEASURES:
        found = torch.empty(2, logits.shape[0])
        run = function_of(MEASURES, "em_inf")
        return Adjusted(run(logits, **settings, n_grad_steps=n_grad_steps, out=out, entropies=found), *found)
    before = entropy(logits, impl=impl)
    result = em_inf(logits, **settings, n_grad_steps=n_grad_steps, impl=impl, out=out)
    return Adjusted(result, before, entropy(result, impl=impl))


def _check(logits: Tensor, out: Tensor | None) -> None:
    dtype = compute_dtype(logits)
    if logits.dim() != 2:
        raise ValueError(f"logits must be [batch, vocabulary], not {tuple(logits.shape)}")
    if out is not None and (out.shape != logits.shape or out.dtype != dtype or out.device != logits.device):
        raise ValueError(f"out must be {tuple(logits.shape)} {dtype} on {logits.device}, like the result")


def _cuts_tails(name: str, tail_cutoff: float | None) -> bool:
    """Whether the implementation at work has use for the option."""
    if tail_cutoff is None:
        return False
    if not 0 < tail_cutoff < 1:
        raise UsageError(f"tail_cutoff must be between 0 and 1, not {tail_cutoff}; leave it out for exact results")
    if name == "triton":
        raise UsageError("implementation 'triton' has no tail cut-off; leave tail_cutoff out or use impl='torch'")
    return name == "values"


def em_inf_torch(
    logits: Tensor, *, threshold: float, kl_weight: float, learning_rate: float, n_grad_steps: int
) -> Tensor:
    """`em_inf` in plain tensor operations, over the parts of `entmin.core.parts`."""
    out = logits.to(compute_dtype(logits), copy=True)
    broken = ~out.amax(-1, keepdim=True).isfinite()  # NaN, +inf, and a row of -inf all show in the maximum
    if out.device.type != "cpu" or broken.any():
        out.masked_fill_(broken, torch.nan)
    for piece in pieces(out):
        adjusted = _adam(piece.parts, threshold, kl_weight, learning_rate, n_grad_steps)
        if adjusted is not None:
            piece.rows.copy_(piece.assemble(adjusted))
    return out


def _adam(
    parts: list[Part], threshold: float, kl_weight: float, learning_rate: float, steps: int
) -> list[Tensor] | None:
    """The parts' values after Adam, or None where no row had to move. Rows that stop early keep their values."""
    x = [part.values for part in parts]
    counts = [part.counts for part in parts]
    first: list[Tensor] = []
    second: list[Tensor] = []
    original: list[Tensor] = []
    for step in range(1, steps + 1):
        now = moments(x, counts)
        active = now.entropy.clamp(min=0) >= threshold  # rounding must not take it under a threshold of 0
        # Reading the flags costs a device synchronisation, worth it only where reading is free.
        if active.device.type == "cpu" and not active.any():
            return x if original else None
        frozen = None if active.device.type == "cpu" and active.all() else ~active
        offset = now.entropy - now.total.log()
        for i, (s, e) in enumerate(zip(now.shifted, now.weights, strict=True)):
            p = e.div_(now.total.to(e.dtype))
            gradient = s.add_(offset.to(s.dtype)).mul_(p).neg_()
            if step == 1:  # p = p0, so the KL gradient is zero; moments start here
                original.append(p)
                first.append(gradient.mul(1 - _BETA1))
                second.append(gradient.square().mul_(1 - _BETA2))
            else:
                gradient.add_(p.sub_(original[i]), alpha=kl_weight)
                first[i].lerp_(gradient, 1 - _BETA1)
                second[i].mul_(_BETA2).addcmul_(gradient, gradient, value=1 - _BETA2)
            denominator = torch.div(second[i], 1 - _BETA2**step, out=gradient).sqrt_().add_(_EPS)
            update = torch.div(first[i], denominator, out=gradient).mul_(learning_rate / (1 - _BETA1**step))
            if frozen is not None:
                update.masked_fill_(frozen, 0)
            x[i] = x[i] - update if step == 1 else x[i].sub_(update)
    return x if original else None
