"""The model to train, and the copy that it samples with.

Weights are float32 and products bfloat16 (autocast) where the device has them. Decoding under autocast would convert
every weight at every token, so a full fine-tuning run samples with a bfloat16 copy, refreshed before each rollout. With
adapters the frozen base is bfloat16 itself and samples directly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForCausalLM

from entmin.engine.attention import use_decode_attention
from entmin.engine.loading import LoadedModel, default_device, default_dtype, load
from entmin.errors import UsageError
from entmin.train.config import TrainConfig


@dataclass(frozen=True)
class Place:
    """Where a run computes, and in what."""

    device: torch.device
    bf16: bool


def place_for(config: TrainConfig) -> Place:
    """The run's device and precision.

    Raises:
        UsageError: the device has no usable bfloat16 and it was asked for.
    """
    device = torch.device("cpu") if config.device == "cpu" else default_device()
    native = default_dtype(device) == torch.bfloat16
    if config.precision == "bf16" and not native and device.type != "cpu":
        raise UsageError(f"{device} has no native bfloat16; use precision=fp32")
    return Place(device, native if config.precision == "auto" else config.precision == "bf16")


def load_policy(config: TrainConfig, place: Place) -> LoadedModel:
    """Load the model to train, on the CPU; the trainer moves it.

    Raises:
        EntminError: the model cannot be found or read.
    """
    half = config.lora and place.bf16
    loaded = load(config.model, device="cpu", dtype="bfloat16" if half else "float32", revision=config.revision)
    loaded.model.set_attn_implementation("sdpa")
    loaded.model.requires_grad_(True).train()
    if loaded.tokenizer.pad_token is None:
        loaded.tokenizer.pad_token = loaded.tokenizer.eos_token
    loaded.tokenizer.padding_side = "left"
    return loaded


class Twin:
    """A copy of a model in evaluation mode and lower precision, for decoding."""

    def __init__(self, loaded: LoadedModel, place: Place) -> None:
        self._loaded, self._place = loaded, place
        self._copy: Any = None

    def of(self, model: nn.Module) -> LoadedModel:
        """The model as it is now, ready to decode with."""
        device = next(model.parameters()).device
        if hasattr(model, "peft_config"):
            return replace(self._loaded, model=model.get_base_model(), device=device)  # type: ignore[operator]
        if not self._place.bf16:
            return replace(self._loaded, model=model, device=device)
        if self._copy is None:
            self._copy = AutoModelForCausalLM.from_config(model.config, dtype=torch.bfloat16).to(device).eval()
            self._copy.requires_grad_(False)
            if device.type == "cpu":
                use_decode_attention(self._copy)
        with torch.no_grad():
            here = dict(model.named_parameters())
            for name, parameter in self._copy.named_parameters():
                parameter.copy_(here[name])
        return replace(self._loaded, model=self._copy, device=device, dtype=torch.bfloat16)
