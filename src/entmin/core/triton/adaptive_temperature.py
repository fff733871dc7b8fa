"""Adaptive temperature in Triton: one launch, several programs a row, which meet after every evaluation.

The search is the one of `entmin.core.newton`, in scalars; a row never meets the host. Every row is cut into segments
of whole blocks, by V alone. In a turn each program sums its segments into scratch memory, waits until the others of its
row have done so, and adds up all segments in one order. So every program of a row takes the same next step, and a row's
bits depend on neither batch size nor the number of programs.

    turn 1     largest logit of every block
    turn 2     sums at temperature 1, in float32 exponentials: H, log Z, the search's first point
    turn 3...  sums at the temperature that the search asks for

An evaluation reads the row again, from the second-level cache. Blocks with tokens likelier than 1e-4 are summed in
float64; from turn 3 on, elsewhere, each GROUP neighbours are added up in float32 and the groups in float64.

**Waiting ends.** A program draws its number when it starts, so the programs of earlier rows started before it. A row
takes at most a quarter of the processors (`launch.search_cut_of`), so the programs that a started row still lacks find
room, beside other streams too.

No `from __future__ import annotations` here: Triton reads the annotations.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from entmin.core import newton
from entmin.core.triton.kernels import HEAD, MASKED, held, load_block
from entmin.core.triton.launch import SEARCH_OPTIONS, SEGMENTS, checked, on, search_cut_of

TINY = tl.constexpr(1e-300)
FAR = tl.constexpr(1e300)
CLOSE = tl.constexpr(1e-9)
"""A step of the model's log odds after which they are good enough: the model itself is not that good."""
MODEL_STEPS, FARTHEST = tl.constexpr(newton.MODEL_STEPS), tl.constexpr(newton.FARTHEST)
NEARLY_ALL = tl.constexpr(newton.NEARLY_ALL)
LANES = tl.constexpr(SEGMENTS)
GROUP = tl.constexpr(4)
APART = tl.constexpr(32)
"""Counters of rows lie this many int32 apart, in lines of their own: programs that wait read them all the time."""


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
    count = rows.shape[0]
    found = torch.empty(count, dtype=torch.float32, device=rows.device)
    if count == 0:
        return found
    cut = search_cut_of(rows)
    work = torch.empty(count * (8 * SEGMENTS + cut.blocks), dtype=torch.float64, device=rows.device)
    counters = torch.zeros((count + 1) * APART.value, dtype=torch.int32, device=rows.device)
    search = (float(tmax), float(tmin), int(max_iter), float(tol), float(target_ratio), float(threshold))
    sizes = (rows.shape[1], rows.stride(0), cut.blocks, cut.span, cut.programs)
    with on(rows.device):
        solve[(count * cut.programs,)](
            rows, found, work, counters, *sizes, *search,
            BISECT=absolute_tol, BLOCK=cut.block, num_warps=cut.warps, **SEARCH_OPTIONS,
        )  # fmt: skip
    return found


@triton.jit
def meet(row, turn):
    """Waits until every program of the row has stored what it found in this turn."""
    logits, start, vocabulary, blocks, span, begin, end, sums, tops, arrivals, programs = row
    tl.debug_barrier()  # all threads of this program have stored
    if programs > 1:
        tl.atomic_add(arrivals, 1, sem="release")
        while tl.atomic_add(arrivals, 0, sem="acquire") < programs * turn:
            pass


@triton.jit
def top_of(row, BLOCK: tl.constexpr):
    """Turn 1: the row's largest logit; `tops` then holds those of its blocks."""
    logits, start, vocabulary, blocks, span, begin, end, sums, tops, arrivals, programs = row
    for segment in range(begin, end):
        top = tl.full((), MASKED, tl.float32)
        for block in range(segment * span, tl.minimum((segment + 1) * span, blocks)):
            z, index, inside = load_block(logits, start, block, vocabulary, BLOCK)
            block_top = tl.max(z, 0)
            tl.store(tops + block, block_top.to(tl.float64))
            top = tl.maximum(top, block_top)
        tl.store(sums + 4 * LANES + segment, top.to(tl.float64))
    meet(row, 1)
    lane = tl.arange(0, LANES)
    return tl.max(tl.load(sums + 4 * LANES + lane, mask=lane < tl.cdiv(blocks, span), other=MASKED), 0)


@triton.jit
def grouped(values, SUM: tl.constexpr):
    """Sums of GROUP neighbours: held by one thread, so they cost no exchange."""
    return tl.sum(tl.reshape(values.to(SUM), (values.shape[0] // GROUP, GROUP)), 1).to(tl.float64)


@triton.jit
def sums_at(z, top, beta, EXP: tl.constexpr, SUM: tl.constexpr):
    """Grouped sums of e, e s, e s^2, e s^3 for s = beta (z - top), e = exp(s); dtypes of exponentials and sums."""
    s = held((z.to(EXP) - top.to(EXP)) * beta.to(EXP))
    e = tl.where(z != MASKED, tl.exp(s), 0.0)
    es = e * s
    ess = es * s
    return grouped(e, SUM), grouped(es, SUM), grouped(ess, SUM), grouped(ess * s, SUM)


@triton.jit
def moments_at(row, turn, top, cut, beta, FIRST: tl.constexpr, BLOCK: tl.constexpr):
    """Log Z relative to `top`; H, variance and third central moment of beta z under softmax(beta z).

    FIRST: no `cut` is known yet. A group's float32 sum would drown what stands beside the likeliest token.
    """
    logits, start, vocabulary, blocks, span, begin, end, sums, tops, arrivals, programs = row
    here = sums + 4 * LANES * (turn % 2)  # a program one turn ahead writes into the other half
    for segment in range(begin, end):
        a0, a1 = tl.zeros((BLOCK // GROUP,), tl.float64), tl.zeros((BLOCK // GROUP,), tl.float64)
        a2, a3 = tl.zeros((BLOCK // GROUP,), tl.float64), tl.zeros((BLOCK // GROUP,), tl.float64)
        for block in range(segment * span, tl.minimum((segment + 1) * span, blocks)):
            z, index, inside = load_block(logits, start, block, vocabulary, BLOCK)
            if FIRST:
                b0, b1, b2, b3 = sums_at(z, top, beta, tl.float32, tl.float64)
            elif tl.load(tops + block) > cut:
                b0, b1, b2, b3 = sums_at(z, top, beta, tl.float64, tl.float64)
            else:
                b0, b1, b2, b3 = sums_at(z, top, beta, tl.float32, tl.float32)
            a0 += b0
            a1 += b1
            a2 += b2
            a3 += b3
        tl.store(here + segment, tl.sum(a0, 0))
        tl.store(here + LANES + segment, tl.sum(a1, 0))
        tl.store(here + 2 * LANES + segment, tl.sum(a2, 0))
        tl.store(here + 3 * LANES + segment, tl.sum(a3, 0))
    meet(row, turn)
    lane = tl.arange(0, LANES)
    there = lane < tl.cdiv(blocks, span)
    z0 = tl.sum(tl.load(here + lane, mask=there, other=0.0, cache_modifier=".cg"), 0)
    mean = tl.sum(tl.load(here + LANES + lane, mask=there, other=0.0, cache_modifier=".cg"), 0) / z0
    square = tl.sum(tl.load(here + 2 * LANES + lane, mask=there, other=0.0, cache_modifier=".cg"), 0) / z0
    cube = tl.sum(tl.load(here + 3 * LANES + lane, mask=there, other=0.0, cache_modifier=".cg"), 0) / z0
    log_z = tl.log(z0)
    return log_z, log_z - mean, square - mean * mean, cube - 3 * mean * square + 2 * mean * mean * mean


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
    t, left = odds, tl.full((), STEPS, tl.int32)
    while left > 0:
        d = distance + t - odds
        model, lower = levels_entropy(t, d)
        to = t + tl.log(model / above) * model / (d * lower * (1 - lower))
        # NaN stays NaN, which the hardware's minimum and maximum would swallow.
        to = tl.where(to > FARTHEST, FARTHEST, tl.where(to < odds - distance, odds - distance, to))
        left = tl.where(tl.abs(to - t) > CLOSE * (1 + tl.abs(to)), left - 1, 0)
        t = to
    levels = b * (1 + (t - odds) / distance)
    slope = -variance / h
    bend, f = -(variance + cube) / h - slope * slope, tl.log(h / target)
    discriminant = slope * slope - 2 * f * bend
    curved = -2 * f / (slope - tl.sqrt(tl.maximum(discriminant, 0.0)))
    parabola = tl.where(slope < 0, b * (1 + tl.where(discriminant > 0, curved, -f / slope)), FAR)
    return tl.where(levels == levels, levels, tl.where(skewness < NEARLY_ALL, FAR, parabola))


@triton.jit
def bisect_row(row, top, cut, target, tol, tmax, tmin, max_iter, BLOCK: tl.constexpr):
    """The published search."""
    low, high = tl.full((), tmin, tl.float64), tl.full((), tmax, tl.float64)
    tau, turn = tl.full((), 1.0, tl.float64), tl.full((), 3, tl.int32)
    left = tl.full((), max_iter, tl.int32)
    while left > 0:
        tau = (low + high) / 2
        log_z, h, variance, cube = moments_at(row, turn, top, cut, 1 / tau, False, BLOCK)
        left = tl.where(tl.abs(h - target) < tol, 0, left - 1)
        low, high = tl.where(h < target, tau, low), tl.where(h < target, high, tau)
        turn += 1
    return tau


@triton.jit
def at_ends(b, first, last, tmax, tmin):
    """The temperature; an end comes back as it was given, not as 1 / (1 / tmin)."""
    lowest, highest = tl.full((), tmin, tl.float64), tl.full((), tmax, tl.float64)
    return tl.where(b == last, lowest, tl.where(b == first, highest, 1 / b))


@triton.jit
def newton_row(row, top, cut, h, variance, cube, target, tol, tmax, tmin, max_iter, BLOCK: tl.constexpr):
    """`entmin.core.newton` for one row, from its statistics at temperature 1."""
    first, last = 1 / tl.full((), tmax, tl.float64), 1 / tl.full((), tmin, tl.float64)
    b, nothing = tl.full((), 1.0, tl.float64), tl.full((), 0.0, tl.float64)
    lo, lo_h, lo_variance, lo_cube = nothing, FAR + nothing, nothing, nothing
    hi, hi_h, hi_variance, hi_cube = FAR + nothing, TINY + nothing, nothing, nothing
    before, poor = FAR + nothing, tl.full((), 0, tl.int32)
    left, turn = tl.full((), max_iter, tl.int32) + 1, tl.full((), 3, tl.int32)
    while left > 0:
        h = tl.maximum(h, TINY)
        f = tl.log(h / target)
        above = f > 0
        lo, lo_h = tl.where(above, b, lo), tl.where(above, h, lo_h)
        hi, hi_h = tl.where(above, hi, b), tl.where(above, hi_h, h)
        lo_variance, lo_cube = tl.where(above, variance, lo_variance), tl.where(above, cube, lo_cube)
        hi_variance, hi_cube = tl.where(above, hi_variance, variance), tl.where(above, hi_cube, cube)
        poor = tl.where(tl.abs(f) > before / 2, poor + 1, 0)
        before = tl.minimum(before, tl.abs(f))
        met = (b >= first) & (b <= last) & (tl.abs(h - target) <= tol * target)
        a, c = tl.maximum(first, lo), tl.minimum(last, hi)
        middle = tl.sqrt(a * c)
        to, end = tl.where(poor >= 2, middle, FAR), tl.where((poor >= 2) | met, 2, 0)
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
        stuck = (b == to) | ((b == last) & above) | ((b == first) & (f < 0))
        left = tl.where(met | stuck, 0, left - 1)
        if left > 0:
            b = to
            log_z, h, variance, cube = moments_at(row, turn, top, cut, b, False, BLOCK)
            turn += 1
    return at_ends(b, first, last, tmax, tmin)


@triton.jit(do_not_specialize=["max_iter", "blocks", "span", "programs"])
def solve(
    logits, out, work, counters, vocabulary, logits_stride, blocks, span, programs,
    tmax: "fp64", tmin: "fp64", max_iter, tol: "fp64", target_ratio: "fp64", threshold: "fp64",
    BISECT: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """A share of one row's segments."""
    number = tl.program_id(0)
    if programs > 1:
        number = tl.atomic_add(counters, 1, sem="relaxed")
    index, part = (number // programs).to(tl.int64), number % programs
    share = tl.cdiv(tl.cdiv(blocks, span), programs)
    begin = part * share
    end = tl.minimum(begin + share, tl.cdiv(blocks, span))
    sums = work + index * (8 * LANES + blocks)
    row = (
        logits, index * logits_stride, vocabulary, blocks, span, begin, end,
        sums, sums + 8 * LANES, counters + (index + 1) * APART, programs,
    )  # fmt: skip
    top = top_of(row, BLOCK)
    one = tl.full((), 1.0, tl.float64)
    log_z, before, variance, cube = moments_at(row, 2, top, top, one, True, BLOCK)
    tau = tl.where(before == before, 1.0, before)
    if before > threshold:
        target = tl.maximum(before * target_ratio, tl.full((), threshold, tl.float64))
        cut = top + log_z + HEAD
        if BISECT:
            tau = bisect_row(row, top, cut, target, tol, tmax, tmin, max_iter, BLOCK)
        else:
            tau = newton_row(row, top, cut, before, variance, cube, target, tol, tmax, tmin, max_iter, BLOCK)
    if part == 0:
        tl.store(out + index, tau.to(tl.float32))
