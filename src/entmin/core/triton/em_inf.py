"""EM-INF on a GPU: rows split into blocks, Adam's path replayed from per-row scalars.

A logit's path depends on its own value and on two numbers per row and update: log Z and the mean logit (their
difference is H). So nothing but those is kept between sweeps:

    launch 0          sums of the logits, in one read; gives H before any update
    launch k = 1..n   a row still above the threshold: replay k - 1 updates, sums of what they lead to
    launch n + 1      replay and write; rows that never moved are copied (or, in place, left alone)

Launches follow one another on the stream, which is the barrier between them: no host synchronisation, no atomics, and
a program of a row that has stopped reads a few numbers and leaves. Launch 1 repeats launch 0 with float64 for likely
tokens, for rows above the threshold only: near p = e^-H the sign of a gradient hangs on its last digits, and Adam
turns the sign into a full step.

No `from __future__ import annotations` here: Triton reads the annotations.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from entmin.core.triton.kernels import HEAD, MASKED, block_sums, combine, held, load_block, moved, store_sums
from entmin.core.triton.launch import Cut, checked, cut_of, on, result

SLACK = tl.constexpr(1e-5)
"""The first sums are float32 exponentials: only a row this far under the threshold is turned away by them alone."""


def em_inf(
    logits: Tensor,
    *,
    threshold: float,
    kl_weight: float,
    learning_rate: float,
    n_grad_steps: int,
    out: Tensor | None = None,
) -> Tensor:
    """`entmin.core.em_inf` of float32, bfloat16 or float16 logits; `out` may be `logits` itself.

    Where `out` is `logits`, rows under the threshold are read once and not written.

    Raises:
        TypeError: the dtype is not one of the three.
        ValueError: `logits` is not two-dimensional, or `out` does not fit.
    """
    rows = checked(logits)
    written = result(out if out is None or out.is_contiguous() else None, rows, tuple(rows.shape))
    cut = cut_of(rows)
    if rows.shape[0] == 0:
        return written
    stride = row_stride(cut, n_grad_steps)
    work = torch.empty(rows.shape[0] * stride, dtype=torch.float64, device=rows.device)
    grid = (rows.shape[0] * cut.programs,)
    same = written.data_ptr() == rows.data_ptr()
    sizes = (rows.shape[1], rows.stride(0), stride, cut.blocks, cut.share)
    settings = (float(threshold), float(kl_weight), float(learning_rate))
    fixed = {"PADDED": cut.padded, "BLOCK": cut.block, "num_warps": cut.replaying}
    with on(rows.device):
        first_sums[grid](rows, work, *sizes, BLOCK=cut.block, num_warps=cut.reading)
        for k in range(1, n_grad_steps + 1):
            sweep[grid](rows, work, *sizes, k, *settings, **fixed)
        write[grid](rows, written, work, *sizes, n_grad_steps, *settings, SAME=same, **fixed)
    return written if out is None or out is written else out.copy_(written)


def row_stride(cut: Cut, n_grad_steps: int) -> int:
    """Float64 numbers of scratch memory a row needs: two sets of sums, the base, (log Z, mean, updates) per launch."""
    return 6 * cut.blocks + 1 + 3 * (n_grad_steps + 1)


@triton.jit
def place(logits_stride, work_stride, blocks, share):
    """Which row, which blocks of it, where its logits start, where its scratch memory starts."""
    programs = tl.cdiv(blocks, share)
    row = (tl.program_id(0) // programs).to(tl.int64)
    begin = (tl.program_id(0) % programs) * share
    return row, begin, tl.minimum(begin + share, blocks), row * logits_stride, row * work_stride


@triton.jit(do_not_specialize=["work_stride", "blocks", "share"])
def first_sums(logits, work, vocabulary, logits_stride, work_stride, blocks, share, BLOCK: tl.constexpr):
    """Launch 0."""
    row, begin, end, row_start, work_start = place(logits_stride, work_stride, blocks, share)
    for block in range(begin, end):
        z, index, inside = load_block(logits, row_start, block, vocabulary, BLOCK)
        top, total, weighted = block_sums(z, z != MASKED)
        store_sums(work + work_start, blocks, block, top, total, weighted)


@triton.jit
def settle(work, blocks, k, threshold, writes, PADDED: tl.constexpr):
    """Before launch k of a row: its base, log Z and mean after k - 1 launches, and how many updates it may take.

    The updates are k - 1 while the row is above the threshold, the number it stopped at otherwise, -1 where it never
    started. `writes`: this program notes them for later launches.
    """
    scalars = work + 6 * blocks
    trajectory = scalars + 1
    largest, z, mean = combine(work + 3 * blocks * ((k - 1) % 2), blocks, PADDED)
    log_z = tl.log(z)
    if k == 1:
        base = tl.where(z > 0, largest, float("nan"))
        updates = tl.where(log_z - mean >= threshold - SLACK, 0, -1)
    else:
        base = tl.load(scalars)
        before = tl.load(trajectory + 3 * (k - 2) + 2).to(tl.int32)
        goes_on = (before == k - 2) & (log_z - mean >= threshold)
        updates = tl.where(goes_on, k - 1, before)
        log_z += largest
        mean += largest
    if writes:
        tl.store(scalars, base)
        tl.store(trajectory + 3 * (k - 1), log_z)
        tl.store(trajectory + 3 * (k - 1) + 1, mean)
        tl.store(trajectory + 3 * (k - 1) + 2, updates.to(tl.float64))
    return base, log_z, mean, updates


@triton.jit(do_not_specialize=["work_stride", "blocks", "share", "k"])
def sweep(
    logits, work, vocabulary, logits_stride, work_stride, blocks, share, k,
    threshold: "fp64", kl_weight: "fp64", learning_rate: "fp64", PADDED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Launch k: the sums after k - 1 updates."""
    row, begin, end, row_start, work_start = place(logits_stride, work_stride, blocks, share)
    work += work_start
    base, log_z, mean, updates = settle(work, blocks, k, threshold, begin == 0, PADDED)
    if updates == k - 1:
        trajectory = work + 6 * blocks + 4  # entry 0 holds the first sums, which entry 1 repeats in float64
        cut = HEAD + tl.where(k == 1, log_z, tl.load(trajectory - 3))
        sums = work + 3 * blocks * (k % 2)
        for block in range(begin, end):
            z, index, inside = load_block(logits, row_start, block, vocabulary, BLOCK)
            present = z != MASKED
            x = held(z - base.to(tl.float32))
            if tl.max(x, 0) > cut:
                wide = held(z.to(tl.float64) - base)
                wide -= moved(wide, trajectory, k - 1, log_z, mean, kl_weight, learning_rate, tl.float64)
                top, total, weighted = block_sums(wide, present)
            else:
                x -= moved(x, trajectory, k - 1, log_z, mean, kl_weight, learning_rate, tl.float32)
                top, total, weighted = block_sums(x, present)
            store_sums(sums, blocks, block, top, total, weighted)


@triton.jit(do_not_specialize=["work_stride", "blocks", "share", "n"])
def write(
    logits, out, work, vocabulary, logits_stride, work_stride, blocks, share, n,
    threshold: "fp64", kl_weight: "fp64", learning_rate: "fp64", SAME: tl.constexpr,
    PADDED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Launch n + 1: the adjusted logits."""
    row, begin, end, row_start, work_start = place(logits_stride, work_stride, blocks, share)
    work += work_start
    base, log_z, mean, updates = settle(work, blocks, n + 1, threshold, begin == 0, PADDED)
    trajectory = work + 6 * blocks + 4
    if updates < n and updates > 0:  # stopped early: its last update is noted, and this launch's sums are stale
        log_z = tl.load(trajectory + 3 * (updates - 1))
        mean = tl.load(trajectory + 3 * (updates - 1) + 1)
    if not (SAME and updates <= 0 and base == base):
        cut = HEAD + tl.load(trajectory - 3, mask=updates > 0, other=0.0)
        for block in range(begin, end):
            z, index, inside = load_block(logits, row_start, block, vocabulary, BLOCK)
            x = held(z - base.to(tl.float32))
            if updates <= 0:
                adjusted = tl.where(base == base, z, float("nan"))
            elif tl.max(x, 0) > cut:
                wide = z.to(tl.float64)
                far = moved(held(wide - base), trajectory, updates, log_z, mean, kl_weight, learning_rate, tl.float64)
                adjusted = (wide - far).to(tl.float32)
            else:
                adjusted = z - moved(x, trajectory, updates, log_z, mean, kl_weight, learning_rate, tl.float32)
            tl.store(out + row * vocabulary + index, adjusted, mask=inside)
