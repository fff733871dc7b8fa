"""Entropy and log-probabilities in Triton: one read of the logits, then a few numbers per row.

No `from __future__ import annotations` here: Triton reads the annotations.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from entmin.core.triton.em_inf import first_sums
from entmin.core.triton.kernels import combine
from entmin.core.triton.launch import Workspace, checked, on, result, shape_of


def entropy(logits: Tensor, *, out: Tensor | None = None, workspace: Workspace | None = None) -> Tensor:
    """`entmin.core.entropy` in Triton kernels.

    Args:
        logits: ``[..., V]`` float32, bfloat16 or float16.
        out: ``[...]`` contiguous float32 to write into.
        workspace: memory kept by the caller; with it and `out` nothing is allocated.

    Returns:
        ``[...]`` entropies in nats, float32; NaN for broken rows.

    Raises:
        TypeError: the dtype is not one of the three.
        ValueError: V is 0, or `out` does not fit.
    """
    rows = logits.reshape(-1, logits.shape[-1])
    found = result(out, rows, tuple(logits.shape[:-1]))
    _launch(rows, None, found, None, workspace)
    return found


def entropy_and_logprob(
    logits: Tensor,
    ids: Tensor,
    *,
    out: tuple[Tensor, Tensor] | None = None,
    workspace: Workspace | None = None,
) -> tuple[Tensor, Tensor]:
    """`entmin.core.entropy_and_logprob` in Triton kernels.

    Args:
        logits: ``[N, V]`` float32, bfloat16 or float16.
        ids: ``[N]`` int64 token ids.
        out: two ``[N]`` contiguous float32 tensors to write into.
        workspace: memory kept by the caller; with it and `out` nothing is allocated.

    Returns:
        Entropies and log-probabilities, ``[N]`` float32 each, in nats. NaN for broken rows; the log-probability is NaN
        too where the id is not in 0 to V - 1, as no exception can leave a kernel.

    Raises:
        TypeError: the dtype of `logits` is not one of the three, or that of `ids` is not int64.
        ValueError: the shapes do not fit.
    """
    if ids.dtype != torch.int64:
        raise TypeError(f"ids must be int64, not {ids.dtype}")
    if logits.dim() != 2 or ids.shape != logits.shape[:1]:
        raise ValueError(f"logits must be [N, V] and ids [N], not {tuple(logits.shape)} and {tuple(ids.shape)}")
    entropies, logprobs = out or (None, None)
    found = result(entropies, logits, tuple(ids.shape)), result(logprobs, logits, tuple(ids.shape))
    _launch(logits, ids.contiguous(), *found, workspace)
    return found


def _launch(
    logits: Tensor, ids: Tensor | None, entropies: Tensor, logprobs: Tensor | None, workspace: Workspace | None
) -> None:
    rows = checked(logits)
    cut = shape_of(rows)
    count, stride = rows.shape[0], 3 * cut.blocks
    if count == 0:
        return
    work = (workspace or Workspace()).take(count * stride, rows.device)
    sizes = (rows.shape[1], rows.stride(0), stride, cut.blocks)
    with on(rows.device):
        first_sums[(count * cut.programs,)](rows, work, *sizes, cut.share, BLOCK=cut.block)
        finish[(count,)](rows, ids, entropies, logprobs, work, *sizes, WITH_IDS=ids is not None, PADDED=cut.padded)


@triton.jit
def finish(
    logits, ids, entropies, logprobs, work, vocabulary, logits_stride, work_stride, blocks,
    WITH_IDS: tl.constexpr, PADDED: tl.constexpr,
):  # fmt: skip
    """One program a row: its entropy, and the log-probability of its id."""
    row = tl.program_id(0).to(tl.int64)
    largest, z, mean = combine(work + row * work_stride, blocks, PADDED)
    log_z = tl.log(z)
    tl.store(entropies + row, (log_z - mean).to(tl.float32))
    if WITH_IDS:
        token = tl.load(ids + row)
        known = (token >= 0) & (token < vocabulary)
        logit = tl.load(logits + row * logits_stride + token, mask=known, other=0.0).to(tl.float64)
        tl.store(logprobs + row, tl.where(known, logit - largest - log_z, float("nan")).to(tl.float32))
