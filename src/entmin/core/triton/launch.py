"""Launching: block sizes, the checks every kernel's caller shares."""

from __future__ import annotations

import contextlib
import functools
from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor

BLOCK = 1024
_PROGRAMS_PER_PROCESSOR = 8
_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


class Cut(NamedTuple):
    """How a batch is cut up."""

    block: int
    """Logits per block: fixed by V."""
    blocks: int
    """Blocks per row."""
    padded: int
    """`blocks` rounded up to a power of two."""
    share: int
    """Blocks per program; changes who computes, never what."""

    @property
    def programs(self) -> int:
        """Programs per row."""
        return -(-self.blocks // self.share)


def cut_of(logits: Tensor) -> Cut:
    """Blocks and programs for ``[B, V]`` logits: enough programs to fill the device, no more."""
    block = min(BLOCK, triton.next_power_of_2(logits.shape[1]))
    blocks = -(-logits.shape[1] // block)
    wanted = _PROGRAMS_PER_PROCESSOR * _processors(logits.device)
    share = max(1, min(16, logits.shape[0] * blocks // wanted))
    return Cut(block, blocks, triton.next_power_of_2(blocks), share)


@functools.cache
def _processors(device: torch.device) -> int:
    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 1


def checked(logits: Tensor) -> Tensor:
    """``[B, V]`` logits with adjacent entries of a row side by side.

    Raises:
        TypeError: not float32, bfloat16 or float16.
        ValueError: not two-dimensional, or V is 0.
    """
    if logits.dim() != 2 or logits.shape[1] == 0:
        raise ValueError(f"logits must be [batch, vocabulary], not {tuple(logits.shape)}")
    if logits.dtype not in _DTYPES:
        raise TypeError(f"the Triton kernels take float32, bfloat16 and float16 logits, not {logits.dtype}")
    return logits if logits.stride(1) == 1 else logits.contiguous()


def on(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """Triton launches on the current device; make that the tensor's."""
    return torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext()


def result(out: Tensor | None, logits: Tensor, shape: tuple[int, ...]) -> Tensor:
    """`out` after a check, or a new float32 tensor.

    Raises:
        ValueError: `out` is not a contiguous float32 tensor of that shape on the logits' device.
    """
    if out is None:
        return torch.empty(shape, dtype=torch.float32, device=logits.device)
    if out.shape != shape or out.dtype != torch.float32 or out.device != logits.device or not out.is_contiguous():
        raise ValueError(f"out must be a contiguous float32 tensor of shape {list(shape)} on {logits.device}")
    return out
