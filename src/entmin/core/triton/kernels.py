"""What the kernels share: loading a block, the sums over it, combining the sums of a row's blocks, replaying Adam.

Every row is cut into blocks of BLOCK logits. A block's sums (largest value, sum of exp, sum of exp * shifted, all
float64) do not depend on which program computes them, and a row's blocks are always combined in the same order, so a
row's bits depend on neither batch size nor launch grid.

No `from __future__ import annotations` here: Triton reads the annotations.
"""

import triton
import triton.language as tl

FLOOR = tl.constexpr(-1.0e4)
"""Shifted logits are held above this: exp of it is 0, and 0 * FLOOR is 0 where 0 * -inf is NaN."""

HEAD = tl.constexpr(-9.210340371976182)
"""log(1e-4). Blocks that hold a more likely token are worked on in float64 (see `entmin.core.triton.em_inf`)."""

MASKED = tl.constexpr(float("-inf"))
BETA1, BETA2, EPS = tl.constexpr(0.9), tl.constexpr(0.999), tl.constexpr(1e-8)


@triton.jit
def load_block(logits, row_start, block, vocabulary, BLOCK: tl.constexpr):
    """The block's logits in float32, -inf past the end of the row; its indices; which of them are in the row."""
    index = block * BLOCK + tl.arange(0, BLOCK)
    inside = index < vocabulary
    return tl.load(logits + row_start + index, mask=inside, other=MASKED).to(tl.float32), index, inside


@triton.jit
def held(shifted):
    """Not below FLOOR. NaN stays NaN, which the hardware's maximum would swallow."""
    return tl.where(shifted < FLOOR, FLOOR, shifted)


@triton.jit
def block_sums(values, present):
    """Largest value, sum of exp(value - largest), sum of exp * (value - largest); masked entries count for nothing."""
    top = tl.max(tl.where(present, values, MASKED), 0)
    shifted = held(values - tl.where(top == MASKED, 0.0, top))
    weights = tl.where(present, tl.exp(shifted), 0.0)
    total = tl.sum(weights.to(tl.float64), 0)
    return top.to(tl.float64), total, tl.sum((weights * shifted).to(tl.float64), 0)


@triton.jit
def store_sums(sums, blocks, block, top, total, weighted):
    """Put a block's sums where `combine` reads them: three runs of one number a block."""
    tl.store(sums + block, top)
    tl.store(sums + blocks + block, total)
    tl.store(sums + 2 * blocks + block, weighted)


@triton.jit
def combine(sums, blocks, PADDED: tl.constexpr):
    """A row's largest value M, Z = sum exp(z - M) and mean of z - M, from its blocks' sums, in float64."""
    lane = tl.arange(0, PADDED)
    there = lane < blocks
    top = tl.load(sums + lane, mask=there, other=MASKED)
    total = tl.load(sums + blocks + lane, mask=there, other=0.0)
    weighted = tl.load(sums + 2 * blocks + lane, mask=there, other=0.0)
    largest = tl.max(top, 0)
    empty = top == MASKED
    gap = tl.where(empty, 0.0, top - tl.where(largest == MASKED, 0.0, largest))
    weight = tl.where(empty, 0.0, tl.exp(gap))
    z = tl.sum(weight * total, 0)
    return largest, z, tl.sum(weight * (weighted + gap * total), 0) / z


@triton.jit
def moved(values, trajectory, updates, log_z, mean, kl_weight, learning_rate, DTYPE: tl.constexpr):
    """How far Adam has moved each of these logits (relative to the row's base) after `updates` updates.

    Update j follows from the row's log Z and mean logit before it: `trajectory` holds those pairs, except the last,
    which is handed over. There are no moments in memory: the path is walked again from the start.
    """
    start = values.to(DTYPE)
    distance = tl.zeros_like(start)
    first, second, original = tl.zeros_like(start), tl.zeros_like(start), tl.zeros_like(start)
    kl = tl.full((), kl_weight, tl.float64).to(DTYPE)
    decay1, decay2 = tl.full((), 1.0, tl.float64), tl.full((), 1.0, tl.float64)
    for j in range(0, updates):
        earlier = j < updates - 1
        log_z_j = tl.where(earlier, tl.load(trajectory + 3 * j, mask=earlier, other=0.0), log_z).to(DTYPE)
        mean_j = tl.where(earlier, tl.load(trajectory + 3 * j + 1, mask=earlier, other=0.0), mean).to(DTYPE)
        decay1 *= BETA1
        decay2 *= BETA2
        x = held(start - distance)
        p = tl.exp(x - log_z_j)
        original = tl.where(j == 0, p, original)
        gradient = kl * (p - original) - p * (x - mean_j)  # log p + H = x - mean
        first += (1.0 - BETA1) * (gradient - first)
        second = BETA2 * second + (1.0 - BETA2) * gradient * gradient
        rate = (tl.full((), learning_rate, tl.float64) / (1.0 - decay1)).to(DTYPE)
        scale = (1.0 / (1.0 - decay2)).to(DTYPE)
        distance += rate * first / (tl.sqrt(second * scale) + EPS)
    return distance
