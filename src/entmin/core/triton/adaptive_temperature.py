"""Adaptive temperature in Triton: one launch, one program a row, all evaluations inside.

The search is the one of `entmin.core.newton`, in scalars; a row never meets the host. An evaluation reads the row
again, from the second-level cache. Blocks with tokens likelier than 1e-4 are summed in float64.

No `from __future__ import annotations` here: Triton reads the annotations.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from entmin.core import newton
from entmin.core.triton.kernels import HEAD, MASKED, block_sums, held, load_block
from entmin.core.triton.launch import checked, on

BLOCK, WARPS = 2048, 8
OPTIONS = {"num_warps": WARPS} | ({} if torch.version.hip else {"maxnreg": 160})
"""Left to itself the assembler stops at 128 registers and spills; ROCm's compiler does not know the option."""
TINY = tl.constexpr(1e-300)
FAR = tl.constexpr(1e300)
MODEL_STEPS, FARTHEST = tl.constexpr(newton.MODEL_STEPS), tl.constexpr(newton.FARTHEST)
NEARLY_ALL = tl.constexpr(newton.NEARLY_ALL)


def solve_temperature(
    logits: Tensor,
    *,
    tmax: float,
    tmin: float,
    max_iter: int,
    tol: float,
    target_ratio: float,
    threshold: float,
    absolute_tol: bool,
) -> Tensor:
    """`entmin.core.solve_temperature` of float32, bfloat16 or float16 logits: ``[B]`` float32."""
    rows = checked(logits)
    found = torch.empty(rows.shape[0], dtype=torch.float32, device=rows.device)
    if rows.shape[0] == 0:
        return found
    block = min(BLOCK, triton.next_power_of_2(rows.shape[1]))
    search = (float(tmax), float(tmin), int(max_iter), float(tol), float(target_ratio), float(threshold))
    with on(rows.device):
        solve[(rows.shape[0],)](
            rows, found, rows.shape[1], rows.stride(0), *search,
            BISECT=absolute_tol, BLOCK=block, **OPTIONS,
        )  # fmt: skip
    return found


@triton.jit
def read_once(logits, row_start, vocabulary, BLOCK: tl.constexpr):
    """Largest logit, log Z relative to it, entropy: one read, float32 exponentials, sums in float64."""
    top = tl.full((), MASKED, tl.float64)
    total, weighted = tl.full((), 0.0, tl.float64), tl.full((), 0.0, tl.float64)
    for block in range(0, tl.cdiv(vocabulary, BLOCK)):
        z, index, inside = load_block(logits, row_start, block, vocabulary, BLOCK)
        block_top, block_total, block_weighted = block_sums(z, z != MASKED)
        new = tl.maximum(top, block_top)
        old_gap = tl.where(top == MASKED, 0.0, top - new)
        gap = tl.where(block_top == MASKED, 0.0, block_top - new)
        old_weight, weight = tl.exp(old_gap), tl.exp(gap)
        weighted = old_weight * (weighted + old_gap * total) + weight * (block_weighted + gap * block_total)
        total = old_weight * total + weight * block_total
        top = new
    log_z = tl.log(total)
    return top, log_z, log_z - weighted / total


@triton.jit
def sums_at(z, present, top, beta, DTYPE: tl.constexpr):
    """Sums of e, e s, e s^2, e s^3 for s = beta (z - top), e = exp(s)."""
    s = held((z.to(DTYPE) - top.to(DTYPE)) * beta.to(DTYPE))
    e = tl.where(present, tl.exp(s), 0.0).to(tl.float64)
    s = s.to(tl.float64)
    es = e * s
    return tl.sum(e, 0), tl.sum(es, 0), tl.sum(es * s, 0), tl.sum(es * s * s, 0)


@triton.jit
def moments_at(logits, row_start, vocabulary, top, cut, beta, BLOCK: tl.constexpr):
    """H, variance and third central moment of beta z under softmax(beta z)."""
    a0, a1 = tl.full((), 0.0, tl.float64), tl.full((), 0.0, tl.float64)
    a2, a3 = tl.full((), 0.0, tl.float64), tl.full((), 0.0, tl.float64)
    for block in range(0, tl.cdiv(vocabulary, BLOCK)):
        z, index, inside = load_block(logits, row_start, block, vocabulary, BLOCK)
        if tl.max(z, 0) > cut:
            b0, b1, b2, b3 = sums_at(z, z != MASKED, top, beta, tl.float64)
        else:
            b0, b1, b2, b3 = sums_at(z, z != MASKED, top, beta, tl.float32)
        a0 += b0
        a1 += b1
        a2 += b2
        a3 += b3
    mean, square, cube = a1 / a0, a2 / a0, a3 / a0
    return tl.log(a0) - mean, square - mean * mean, cube - 3 * mean * square + 2 * mean * mean * mean


@triton.jit
def levels_entropy(t, d):
    """Entropy of two levels with log odds t and distance d, but for the constant; and the share of the lower level."""
    e = tl.exp(-tl.abs(t))
    u = 1 + e
    # log1p(e): the quotient takes back the rounding of 1 + e
    log1p = tl.where(u == 1, e, tl.log(u) * (e / tl.where(u == 1, 1.0, u - 1)))
    lower = tl.where(t > 0, e, 1.0) / u
    return tl.maximum(-t, 0.0) + log1p + d * lower, lower


@triton.jit
def root(b, h, variance, cube, target, STEPS: tl.constexpr):
    """Where the model of the row at this point meets the target, as in `entmin.core.newton`; FAR where never."""
    skewness = cube / (variance * tl.sqrt(variance))
    half = tl.abs(skewness) / 2
    odds = tl.log(half + tl.sqrt(half * half + 1)) * tl.where(skewness > 0, -2.0, 2.0)
    distance = tl.sqrt(variance * (4 + skewness * skewness))
    here, lower = levels_entropy(odds, distance)
    above = target - h + here
    t = odds
    for _ in range(STEPS):
        d = distance + t - odds
        model, lower = levels_entropy(t, d)
        t += tl.log(model / above) * model / (d * lower * (1 - lower))
        # NaN stays NaN, which the hardware's minimum and maximum would swallow.
        t = tl.where(t > FARTHEST, FARTHEST, tl.where(t < odds - distance, odds - distance, t))
    levels = b * (1 + (t - odds) / distance)
    slope = -variance / h
    bend, f = -(variance + cube) / h - slope * slope, tl.log(h / target)
    discriminant = slope * slope - 2 * f * bend
    curved = -2 * f / (slope - tl.sqrt(tl.maximum(discriminant, 0.0)))
    parabola = tl.where(slope < 0, b * (1 + tl.where(discriminant > 0, curved, -f / slope)), FAR)
    return tl.where(levels == levels, levels, tl.where(skewness < NEARLY_ALL, FAR, parabola))


@triton.jit
def bisect_row(
    logits, row_start, vocabulary, top, cut, target, tol, tmax, tmin, max_iter, BLOCK: tl.constexpr
):  # fmt: skip
    """The published search."""
    low, high = tl.full((), tmin, tl.float64), tl.full((), tmax, tl.float64)
    tau = tl.full((), 1.0, tl.float64)
    left = tl.full((), max_iter, tl.int32)
    while left > 0:
        tau = (low + high) / 2
        h, variance, cube = moments_at(logits, row_start, vocabulary, top, cut, 1 / tau, BLOCK)
        left = tl.where(tl.abs(h - target) < tol, 0, left - 1)
        low, high = tl.where(h < target, tau, low), tl.where(h < target, high, tau)
    return tau


@triton.jit
def newton_row(
    logits, row_start, vocabulary, top, cut, target, tol, tmax, tmin, max_iter, BLOCK: tl.constexpr
):  # fmt: skip
    """`entmin.core.newton` for one row."""
    first, last = 1 / tl.full((), tmax, tl.float64), 1 / tl.full((), tmin, tl.float64)
    b, nothing = tl.full((), 1.0, tl.float64), tl.full((), 0.0, tl.float64)
    lo, lo_h, lo_variance, lo_cube = nothing, FAR + nothing, nothing, nothing
    hi, hi_h, hi_variance, hi_cube = FAR + nothing, TINY + nothing, nothing, nothing
    before, poor = FAR + nothing, tl.full((), 0, tl.int32)
    left = tl.full((), max_iter, tl.int32) + 1
    while left > 0:
        h, variance, cube = moments_at(logits, row_start, vocabulary, top, cut, b, BLOCK)
        h = tl.maximum(h, TINY)
        f = tl.log(h / target)
        above = f > 0
        lo, lo_h = tl.where(above, b, lo), tl.where(above, h, lo_h)
        hi, hi_h = tl.where(above, hi, b), tl.where(above, hi_h, h)
        lo_variance, lo_cube = tl.where(above, variance, lo_variance), tl.where(above, cube, lo_cube)
        hi_variance, hi_cube = tl.where(above, hi_variance, variance), tl.where(above, hi_cube, cube)
        poor = tl.where(tl.abs(f) > before / 2, poor + 1, 0)
        before = tl.minimum(before, tl.abs(f))
        a, c = tl.maximum(first, lo), tl.minimum(last, hi)
        middle = tl.sqrt(a * c)
        to, end = tl.where(poor >= 2, middle, FAR), tl.where(poor >= 2, 2, 0)
        while end < 2:  # the nearer end of the bracket, then the other; a loop holds fewer registers than two calls
            low = (lo_h * hi_h < target * target) != (end == 1)  # whose log H is nearer to log target
            leap = root(
                tl.where(low, lo, hi), tl.where(low, lo_h, hi_h), tl.where(low, lo_variance, hi_variance),
                tl.where(low, lo_cube, hi_cube), target, MODEL_STEPS,
            )  # fmt: skip
            leap = tl.where((leap > a) & (leap < c), leap, tl.where((end == 0) & (hi > last) & (leap >= c), last,
                            tl.where((end == 0) & (lo < first) & (leap <= a), first, FAR)))  # fmt: skip
            to = tl.minimum(to, leap)
            end = tl.where(to < FAR, 2, end + 1)
        to = tl.where(to < FAR, to, middle)
        poor = tl.where(poor >= 2, 0, poor)
        inside = (b >= first) & (b <= last)
        met = inside & (tl.abs(h - target) <= tol * target)
        stuck = (b == to) | ((b == last) & above) | ((b == first) & (f < 0))
        left = tl.where(met | stuck, 0, left - 1)
        b = tl.where(left > 0, to, b)
    return tl.where(
        b == last, tl.full((), tmin, tl.float64), tl.where(b == first, tl.full((), tmax, tl.float64), 1 / b)
    )


@triton.jit(do_not_specialize=["max_iter"])
def solve(
    logits, out, vocabulary, logits_stride,
    tmax: "fp64", tmin: "fp64", max_iter, tol: "fp64", target_ratio: "fp64", threshold: "fp64",
    BISECT: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """One row."""
    row = tl.program_id(0).to(tl.int64)
    row_start = row * logits_stride
    top, log_z, before = read_once(logits, row_start, vocabulary, BLOCK)
    tau = tl.where(before == before, 1.0, before)
    if before > threshold:
        target = tl.maximum(before * target_ratio, tl.full((), threshold, tl.float64))
        cut = top + log_z + HEAD
        if BISECT:
            tau = bisect_row(logits, row_start, vocabulary, top, cut, target, tol, tmax, tmin, max_iter, BLOCK)
        else:
            tau = newton_row(logits, row_start, vocabulary, top, cut, target, tol, tmax, tmin, max_iter, BLOCK)
    tl.store(out + row, tau.to(tl.float32))
