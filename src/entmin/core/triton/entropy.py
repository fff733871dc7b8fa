"""Entropy and log-probabilities in Triton: one read of the logits, then a few numbers per row.

No `from __future__ import annotations` here: Triton reads the annotations.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from entmin.core.triton.em_inf import first_sums
from entmin.core.triton.kernels import combine
from entmin.core.triton.launch import checked, cut_of, on


def entropy(logits: Tensor) -> Tensor:
    """`entmin.core.entropy` of ``[N, V]`` float32, bfloat16 or float16 logits."""
    return _launch(logits, None)[0]


def entropy_and_logprob(logits: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    """`entmin.core.entropy_and_logprob` of float32, bfloat16 or float16 logits.

    The log-probability is NaN where the id is not in 0 to V - 1, as no exception can leave a kernel.
    """
    return _launch(logits, ids.contiguous())


def _launch(logits: Tensor, ids: Tensor | None) -> tuple[Tensor, Tensor]:
    """Entropies, and log-probabilities if there are ids (else memory never written)."""
    rows = checked(logits)
    cut = cut_of(rows)
    count, stride = rows.shape[0], 3 * cut.blocks
    entropies, logprobs = torch.empty(2, count, dtype=torch.float32, device=rows.device)
    if count:
        work = torch.empty(count * stride, dtype=torch.float64, device=rows.device)
        sizes = (rows.shape[1], rows.stride(0), stride, cut.blocks)
        with on(rows.device):
            first_sums[(count * cut.programs,)](
                rows, work, *sizes, cut.share, BLOCK=cut.block, num_warps=cut.reading,
            )  # fmt: skip
            finish[(count,)](rows, ids, entropies, logprobs, work, *sizes, WITH_IDS=ids is not None, PADDED=cut.padded)
    return entropies, logprobs


@triton.jit(do_not_specialize=["work_stride", "blocks"])
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
