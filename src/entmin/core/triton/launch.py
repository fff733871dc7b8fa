"""Launching: sizes of blocks and grids, the checks every kernel's caller shares.

All constants that are tuned stand here. `SIZES` is the same for any number of rows: block and warps decide the order in
which numbers are added up, so by rows they would make a row's bits depend on its batch. What goes by rows is who
computes, never what. `benchmarks/gpu_tuning.py` tries others.
"""

from __future__ import annotations

import contextlib
import functools
from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor

SEGMENTS = 32
"""A row's segments in the search of the temperature, at most."""


class Sizes(NamedTuple):
    """Of the kernels' programs."""

    block: int
    """Logits a block of EM-INF and entropy."""
    reading: int
    """Warps that sum a block as it is."""
    replaying: int
    """Warps that replay a block's updates."""
    search_block: int
    """Logits a block of the search of the temperature."""
    searching: int
    """Its warps."""


SIZES = Sizes(block=512, reading=4, replaying=4, search_block=1024, searching=4)
"""The best on an H200."""

PROGRAMS = 8
"""Programs a processor that EM-INF and entropy make of a small batch."""

SEARCH_PROGRAMS = 2
"""The same for the search of the temperature, whose programs wait for each other."""

SEARCH_OPTIONS: dict[str, int] = {} if torch.version.hip else {"maxnreg": 232}
"""Left to itself the assembler stops at 128 registers and spills; ROCm's compiler does not know the option."""

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
    reading: int
    """Warps, as in `Sizes`."""
    replaying: int
    """Warps, as in `Sizes`."""

    @property
    def programs(self) -> int:
        """Programs per row."""
        return -(-self.blocks // self.share)


class SearchCut(NamedTuple):
    """How a batch is cut up for the search of the temperature."""

    block: int
    """Logits per block: fixed by V."""
    blocks: int
    """Blocks per row."""
    span: int
    """Blocks per segment: fixed by V."""
    programs: int
    """Programs per row; changes who computes, never what."""
    warps: int
    """Fixed by V."""


def cut_of(logits: Tensor) -> Cut:
    """Blocks and programs for ``[B, V]`` logits: enough programs to fill the device, no more."""
    block = min(SIZES.block, triton.next_power_of_2(logits.shape[1]))
    blocks = -(-logits.shape[1] // block)
    wanted = PROGRAMS * _processors(logits.device)
    share = max(1, min(16, logits.shape[0] * blocks // wanted))
    return Cut(block, blocks, triton.next_power_of_2(blocks), share, SIZES.reading, SIZES.replaying)


def search_cut_of(logits: Tensor) -> SearchCut:
    """The same for programs that wait for the others of their row."""
    return search_cut(logits.shape[0], logits.shape[1], logits.device)


def search_cut(rows: int, vocabulary: int, device: torch.device) -> SearchCut:
    """`search_cut_of` for a shape.

    A row takes at most a quarter of the processors, so that rows of up to three streams that wait leave room for the
    programs they wait for. There is one program a row, which waits for none, in the interpreter and on ROCm, where
    this was never tried.
    """
    block = min(SIZES.search_block, max(32, triton.next_power_of_2(vocabulary)))
    blocks = -(-vocabulary // block)
    span = -(-blocks // SEGMENTS)
    segments, processors = -(-blocks // span), _processors(device)
    most = 1 if device.type != "cuda" or torch.version.hip else max(1, min(segments, processors // 4))
    wanted = max(1, min(most, SEARCH_PROGRAMS * processors // max(1, rows)))
    return SearchCut(block, blocks, span, -(-segments // -(-segments // wanted)), SIZES.searching)


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
