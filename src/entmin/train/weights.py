"""The weights of a model that is trained, whole and as it computes with them, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor


def whole_weights(model: nn.Module, dtype: torch.dtype = torch.bfloat16) -> Iterator[tuple[str, Tensor]]:
    """(name, weight) of the model as it computes: adapters added in, shards put together; and its buffers.

    Names are those of the model without adapters. With sharded weights all processes must go through it together.
    """
    base = model.get_base_model() if hasattr(model, "peft_config") else model  # type: ignore[operator]
    modules = dict(base.named_modules())
    with torch.no_grad():
        for name, parameter in base.named_parameters():
            if ".lora_" in name:
                continue
            owner, _, kind = name.rpartition(".")
            weight: Tensor = parameter
            if owner.endswith(".base_layer") and kind == "weight":
                layer: Any = modules[owner.removesuffix(".base_layer")]
                for adapter in layer.active_adapters:
                    weight = weight + layer.get_delta_weight(adapter)
            whole = weight.full_tensor() if isinstance(weight, DTensor) else weight
            yield name.replace(".base_layer.", "."), whole.detach().to(dtype)
        kept = base.state_dict(keep_vars=True)
        for name, buffer in base.named_buffers():
            if name in kept and ".lora_" not in name:  # those that a checkpoint holds, in their own precision
                yield name.replace(".base_layer.", "."), buffer.detach()
