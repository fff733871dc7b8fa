"""EM-INF and entropy of a row that need not repeat any value.

Tokens with p > 1e-4, the head, are worked on in float64: near p = e^-H the sign of a gradient hangs on its last digits,
and Adam turns that sign into a full step. The tail stays in float32. One sweep per step goes over the tail block by
block: it updates, takes the exponential of the new value and adds it up while the block is in the first cache, so that
the next step's Z and H are known at its end. Exponentials are taken against the head's new maximum, which is known
before the tail is; should the tail have outgrown it by far, they are taken again.

A block's x, m, v and original weights lie behind one another at fixed distances, so that the compiler sees they do not
overlap; the last block is filled up with masked entries, so that equal logits take the same instructions wherever they
stand.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from entmin.core.numba.compiling import elementwise, reducing
from entmin.core.numba.distinct import first_update, largest, moments, update
from entmin.core.numba.exponential import exp32

BLOCK = 1024
STATE = 4 * BLOCK
HEAD_LARGEST = 1 << 14  # at most 1e4 tokens can have p > 1e-4
_M, _V, _W0 = BLOCK, 2 * BLOCK, 3 * BLOCK
_HEAD_LOG_PROBABILITY = math.log(1e-4)
_HEAD_LARGE = 4096
_OUTGROWN = 1e26

_BETA1, _BETA2, _EPS = np.float32(0.9), np.float32(0.999), np.float32(1e-8)
_REST1, _REST2 = np.float32(1 - 0.9), np.float32(1 - 0.999)
_FLOOR, _CEILING = np.float32(-87.0), np.float32(80.0)
_ZERO, _ONE, _LOWEST = np.float32(0.0), np.float32(1.0), np.float32(-np.inf)
_REST_OF_BITS, _KEY_OF_INFINITY, _KEY_OF_MASKED = np.int32(0x7FFFFFFF), 0x7F800000, -0x7F800001


@elementwise
def load(bits: Any, shift: int, state: Any) -> float:
    """Copy a row's bits into its blocks; the largest entry, NaN where one is NaN or +inf or all are masked.

    Bits compare like the numbers once those of negative ones are turned around; NaN comes out beyond either infinity.
    """
    n = bits.shape[0]
    up = np.uint32(16 - shift)
    highest, lowest = np.int32(-0x7FFFFFFF), np.int32(0x7FFFFFFF)
    for b in range((n + BLOCK - 1) // BLOCK):
        block, source = state[b * STATE : b * STATE + BLOCK], bits[b * BLOCK : b * BLOCK + BLOCK]
        for i in range(source.shape[0]):
            whole = np.uint32(np.uint32(source[i]) << up)
            value = np.int32(whole)
            key = np.int32(value ^ (np.int32(value >> np.int32(31)) & _REST_OF_BITS))
            highest = max(highest, key)
            lowest = min(lowest, key)
            block[i] = whole.view(np.float32)
        for i in range(source.shape[0], BLOCK):
            block[i] = _LOWEST
    if highest >= _KEY_OF_INFINITY or lowest < _KEY_OF_MASKED or highest <= _KEY_OF_MASKED:
        return np.nan
    top = np.int32(highest ^ (np.int32(highest >> np.int32(31)) & _REST_OF_BITS))
    return np.float64(top.view(np.float32))


@elementwise
def _exponentials(block: Any, top: np.float32, scratch: Any) -> None:
    """From x: exp(x - top), and x - top."""
    for i in range(BLOCK):
        s = min(max(block[i] - top, _FLOOR), _CEILING)
        scratch[i] = exp32(s)
        scratch[BLOCK + i] = s


@reducing
def _add_up(scratch: Any, sums: Any) -> None:
    """Add the weights that `_exponentials` left, and their products with x - top, to sums."""
    total, expected = _ZERO, _ZERO
    for i in range(BLOCK):
        total += scratch[i]
        expected += scratch[i] * scratch[BLOCK + i]
    sums[0] += total
    sums[1] += expected


@elementwise
def take_sums(state: Any, blocks: int, top: np.float32, scratch: Any, sums: Any) -> None:
    """Z and the sum of s exp(s), s = x - top, over all blocks."""
    sums[0], sums[1] = 0.0, 0.0
    for b in range(blocks):
        _exponentials(state[b * STATE : (b + 1) * STATE], top, scratch)
        _add_up(scratch, sums)


@reducing
def _highest(state: Any, blocks: int) -> np.float32:
    top = _LOWEST
    for b in range(blocks):
        block = state[b * STATE : b * STATE + BLOCK]
        for i in range(BLOCK):
            top = max(top, block[i])
    return top


@elementwise
def _over(state: Any, blocks: int, cut: np.float32) -> int:
    """How many entries are over the cut."""
    n = 0
    for b in range(blocks):
        block = state[b * STATE : b * STATE + BLOCK]
        for i in range(BLOCK):
            n += block[i] > cut
    return n


@elementwise
def _take_head(state: Any, blocks: int, cut: np.float32, where: Any, values: Any) -> int:
    """Move entries over the cut out of the tail, where they leave a masked entry; returns how many there are."""
    n = 0
    for b in range(blocks):
        block = state[b * STATE : b * STATE + BLOCK]
        found = 0
        for i in range(BLOCK):
            found += block[i] > cut
        if found:
            for i in range(BLOCK):
                if block[i] > cut:
                    where[n], values[n] = b * BLOCK + i, block[i]
                    block[i] = _LOWEST
                    n += 1
    return n


@elementwise
def _first_block(block: Any, scratch: Any, inverse: np.float32, offset: np.float32, rate: np.float32) -> None:
    """Adam's first step on a block: fresh moments make it rate * g / (|g| + eps)."""
    for i in range(BLOCK):
        weight = scratch[i]
        gradient = -(weight * inverse) * (scratch[BLOCK + i] + offset)
        block[_W0 + i] = weight
        block[_M + i] = _REST1 * gradient
        block[_V + i] = _REST2 * gradient * gradient
        block[i] -= rate * (gradient / (abs(gradient) + _EPS))


@elementwise
def _next_block(block: Any, scratch: Any, scalars: Any) -> None:
    """Adam's later steps on a block."""
    inverse, offset, inverse0, pull, unbias, unbias_square = (
        scalars[0], scalars[1], scalars[2], scalars[3], scalars[4], scalars[5]
    )  # fmt: skip
    for i in range(BLOCK):
        p = scratch[i] * inverse
        gradient = pull * (p - block[_W0 + i] * inverse0) - p * (scratch[BLOCK + i] + offset)
        m = block[_M + i] + _REST1 * (gradient - block[_M + i])
        v = _BETA2 * block[_V + i] + _REST2 * gradient * gradient
        block[_M + i] = m
        block[_V + i] = v
        block[i] -= unbias * (m / (np.sqrt(v * unbias_square) + _EPS))


@elementwise
def split(state: Any, top: float, scratch: Any, sums: Any, where: Any, values: Any) -> int:
    """Split a loaded row; returns the size of the head. The tail and its sums stay in `state` and `sums`."""
    blocks = state.shape[0] // STATE
    # p <= exp(x - top), so no token under this line has p > 1e-4, and finding it costs no exponential.
    cut = np.float32(top + _HEAD_LOG_PROBABILITY)
    if _over(state, blocks, cut) > _HEAD_LARGE:
        take_sums(state, blocks, np.float32(top), scratch, sums)
        cut = np.float32(top + math.log(sums[0]) + _HEAD_LOG_PROBABILITY)
    n = _take_head(state, blocks, cut, where, values)
    take_sums(state, blocks, np.float32(top), scratch, sums)
    return n


@elementwise
def _sweep(
    state: Any, scratch: Any, sums: Any, top: float, log_total: float, h: float, settings: Any, step: int, scalars: Any
) -> None:
    """One update of the whole tail from sums against `top`; leaves sums against scalars[7] where scalars[6] asks."""
    inverse = np.float32(math.exp(-log_total))
    if step == 1:
        scalars[2] = inverse
    scalars[0], scalars[1], scalars[3] = inverse, h - log_total, settings[1]
    scalars[4], scalars[5] = settings[2] / (1 - 0.9**step), 1 / (1 - 0.999**step)
    sums[0], sums[1] = 0.0, 0.0
    old, new = np.float32(top), np.float32(scalars[7])
    for b in range(state.shape[0] // STATE):
        block = state[b * STATE : (b + 1) * STATE]
        _exponentials(block, old, scratch)
        if step == 1:
            _first_block(block, scratch, inverse, np.float32(h - log_total), np.float32(settings[2]))
        else:
            _next_block(block, scratch, scalars)
        if scalars[6] > _ZERO:
            _exponentials(block, new, scratch)
            _add_up(scratch, sums)


@elementwise
def adam(
    state: Any, scratch: Any, sums: Any, top: float, head: Any, n: int, counts: Any, work: Any, settings: Any,
    steps: int, found: Any, want_after: bool,
) -> int:  # fmt: skip
    """Run EM-INF in place on a row of head and tail; returns the number of updates.

    Args:
        state: the tail's blocks, as `split` leaves them; empty where the head is all.
        scratch: room for a block.
        sums: the tail's, against `top`.
        top: the largest entry.
        head: ``[>= n]`` entries in float64.
        n: how many there are.
        counts: ``[>= n]`` how many tokens hold each.
        work: ``[ARRAYS, >= n]`` float64.
        settings: threshold, kl_weight, learning_rate.
        steps: at most this many updates.
        found: receives the entropy before and the entropy after, this one only if wanted or if met on the way.
        want_after: take the entropy after the last update too.
    """
    x, counts, step, scalars = head[:n], counts[:n], 0, np.zeros(8, np.float32)
    while step < steps or want_after:
        head_total, head_expected = moments(x, counts, top, 1.0, work[0][:n])
        total, expected = head_total + sums[0], head_expected + sums[1]
        h = max(math.log(total) - expected / total, 0.0)  # rounding must not take it under a threshold of 0
        found[1] = h
        if step == 0:
            found[0] = h
        if step == steps or h < settings[0]:
            return step
        step += 1
        if step == 1:
            first_update(x, work, top, math.log(total), h, settings[2])
        else:
            update(x, work, top, math.log(total), h, settings[1], settings[2], step)
        if state.shape[0] == 0:
            top = largest(x)
            continue
        new = np.float64(np.float32(largest(x))) if n else top
        scalars[6], scalars[7] = 1 if step < steps or want_after else 0, new
        _sweep(state, scratch, sums, top, math.log(total), h, settings, step, scalars)
        top = new
        if not sums[0] < _OUTGROWN:
            blocks = state.shape[0] // STATE
            top = np.float64(max(np.float32(top), _highest(state, blocks)))
            take_sums(state, blocks, np.float32(top), scratch, sums)
    return step


@elementwise
def store(state: Any, where: Any, head: Any, n: int, out: Any) -> None:
    """Write a row out of its blocks and its head."""
    for b in range(state.shape[0] // STATE):
        block, target = state[b * STATE : b * STATE + BLOCK], out[b * BLOCK : b * BLOCK + BLOCK]
        for i in range(target.shape[0]):
            target[i] = block[i]
    for i in range(n):
        out[where[i]] = head[i]
