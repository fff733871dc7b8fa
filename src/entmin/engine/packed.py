"""Weights of a model in the layout that oneDNN's CPU kernels read, laid out once instead of at every product.

A product of few rows with a matrix spends much of its time on rearranging the matrix. Packed weights save that: 1.3 to
2.2 times the speed for 1 to 64 rows, and no less for prompts (`benchmarks/decoding.py` measures it). They take as much
memory as the weights, which stay for all that reads them, so they are made only where memory is ample.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

_ROWS = 32
"""Rows that the layout is chosen for; others are as right, and measured hardly slower."""
_SHARE = 0.5
"""Of the memory that is left, the most that packed weights may take."""
_CGROUP = Path("/sys/fs/cgroup")


class PackedLinear(nn.Linear):
    """A linear layer that decodes with packed weights, and trains with plain ones.

    Where gradients are on, the weight was written to since, or the input is of another dtype, the layer is `nn.Linear`.
    """

    _packed: Tensor
    _version: int
    """Of the weights that were packed; -1 without packed ones."""

    def forward(self, input: Tensor) -> Tensor:
        """``[..., in]`` to ``[..., out]``."""
        weight = self.weight
        changed = self._version < 0 or weight._version != self._version
        if changed or torch.is_grad_enabled() or input.dtype != weight.dtype:
            return super().forward(input)
        return _product(input, self._packed, self.bias)

    def __getstate__(self) -> dict[str, Any]:
        """Without the packed weights, which cannot be copied: a copy is a plain layer until it is packed."""
        state = {name: value for name, value in self.__dict__.items() if name != "_packed"}
        return state | {"_version": -1}


def pack_weights(model: nn.Module) -> bool:
    """Pack the weights of a model's linear layers on a CPU, where this build of torch can and there is memory for it.

    Once more where they were packed before and have changed since.

    Returns:
        Whether it has.
    """
    layers = [
        module
        for module in model.modules()
        if isinstance(module, nn.Linear)
        and type(module) in (nn.Linear, PackedLinear)
        and module.weight.device.type == "cpu"
        and not module.weight.is_inference()
    ]
    size = sum(layer.weight.nbytes for layer in layers)
    kinds = {layer.weight.dtype for layer in layers}
    if not layers or size > _SHARE * _memory_left() or not all(map(_can, kinds)):
        return False
    for layer in layers:
        layer._packed, layer._version = _laid_out(layer.weight.detach()), layer.weight._version
        layer.__class__ = PackedLinear
    return True


def _laid_out(weight: Tensor) -> Tensor:
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS)
    return packed


def _product(rows: Tensor, packed: Tensor, bias: Tensor | None) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(rows, packed, bias, "none", [], "")
    return product


def _can(kind: torch.dtype) -> bool:
    """Whether packed products are there in this build, and right: the operators are torch's inner ones."""
    if kind not in (torch.float32, torch.bfloat16):
        return False
    try:
        with torch.inference_mode():
            weight, rows = torch.linspace(-1, 1, 48 * 32, dtype=kind).view(48, 32), torch.ones(3, 32, dtype=kind)
            rows[1] = torch.linspace(-1, 1, 32)
            return torch.allclose(_product(rows, _laid_out(weight), None), rows @ weight.T, rtol=0.02, atol=1e-3)
    except (RuntimeError, AttributeError, NotImplementedError):
        return False


def _memory_left() -> int:
    """Bytes that this process may still take: of the machine and of its control group; 0 if unknown."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        left = next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return 0
    with contextlib.suppress(OSError, ValueError):  # no control group, or one without a limit ("max")
        most, used = (int((_CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        left = min(left, most - used)
    return left
