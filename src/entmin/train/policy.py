"""The model to train, and the copy that it samples with.

Weights are float32 and products bfloat16 (autocast) where the device has them. Decoding under autocast would convert
every weight at every token, so a full fine-tuning run samples with a bfloat16 copy, refreshed before each rollout. With
adapters the frozen base is bfloat16 itself and samples directly.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from torch import Tensor, nn

from entmin.durable import make_folder
from entmin.engine.attention import NAME, use_decode_attention
from entmin.engine.loaded import LoadedModel
from entmin.engine.loading import default_device, default_dtype, empty_model, load
from entmin.engine.named import adapter_base
from entmin.engine.packed import pack_weights
from entmin.errors import UsageError
from entmin.train.config import TrainConfig
from entmin.train.dropout import require_no_noise, switch_off
from entmin.train.folder import MERGED
from entmin.train.processes import from_first, is_sharded, reads_weights
from entmin.train.weights import whole_weights


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


def load_policy(config: TrainConfig, place: Place) -> Policy:
    """Load the model to train, on the CPU, with its noise of training switched off; the trainer moves it.

    Where weights are sharded, only the first process has them until the trainer shards the model.

    Raises:
        UsageError: the tokenizer names no end of a text, or the model's own code draws noise.
        EntminError: the model cannot be found or read.
    """
    half = config.lora and place.bf16
    loaded = load(
        config.model, device="cpu", dtype="bfloat16" if half else "float32", revision=config.revision,
        weights=reads_weights(),
    )  # fmt: skip
    if is_sharded():
        _as_in_first(loaded)
    if loaded.model.config._attn_implementation == NAME:  # made for decoding; models without SDPA keep what they have
        loaded.model.set_attn_implementation("sdpa")
    dropout = switch_off(loaded.model)
    if reads_weights():
        require_no_noise(loaded.model)
    loaded.model.requires_grad_(True).train()
    _complete(loaded)
    return Policy(**vars(loaded), dropout=dropout)


def _as_in_first(loaded: LoadedModel) -> None:
    """Take over what the process that read the weights found; buffers too, which are not sharded."""
    found = from_first((loaded.decoding, loaded.reason, loaded.revision, dict(loaded.model.named_buffers())))
    loaded.decoding, loaded.reason, loaded.revision, buffers = found
    if not reads_weights():
        take_buffers(loaded.model, buffers)


def take_buffers(model: nn.Module, buffers: Mapping[str, Tensor]) -> None:
    """Give a model copies of these buffers, by their names, in their own precision: routers keep biases there."""
    for name, buffer in buffers.items():
        owner, _, kind = name.rpartition(".")
        model.get_submodule(owner)._buffers[kind] = buffer.clone()


@torch.no_grad()
def _take_weights(target: nn.Module, model: nn.Module, dtype: torch.dtype) -> None:
    """Give a model the weights and buffers of another one, which may be in pieces, or have adapters."""
    base: Any = model.get_base_model() if hasattr(model, "peft_config") else model  # type: ignore[operator]
    here = dict(target.named_parameters())
    for name, weight in whole_weights(model, dtype):
        if name in here:
            here[name].copy_(weight)
    take_buffers(target, dict(base.named_buffers()))


def reference_of(policy: LoadedModel, place: Place) -> nn.Module:
    """The initial policy as a model of its own, in the precision of products; whole in the first process only."""
    kind = torch.bfloat16 if place.bf16 else torch.float32
    reference: nn.Module = empty_model(policy.model.config, kind)
    if reads_weights():
        _take_weights(reference, policy.model, kind)
    else:
        take_buffers(reference, dict(policy.model.named_buffers()))
    return reference


@dataclass
class Policy(LoadedModel):
    """The model to train."""

    dropout: dict[str, float] = field(default_factory=dict)
    """Rates that were switched off."""


def _complete(loaded: LoadedModel) -> None:
    """Give the tokenizer the tokens that training needs."""
    tokenizer = loaded.tokenizer
    if tokenizer.eos_token is None:
        if not loaded.eos:
            raise UsageError(
                f"neither the tokenizer nor the generation config of {loaded.name} names an end-of-sequence token: set "
                "eos_token in its tokenizer_config.json, so that answers can end"
            )
        tokenizer.eos_token = tokenizer.convert_ids_to_tokens(min(loaded.eos))
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"


def needs_merged_base(config: TrainConfig) -> bool:
    """Whether something will be read from the model's name that an adapter folder does not hold: its merged weights."""
    return bool(config.lora or config.kl) and adapter_base(config.model) is not None


def write_merged_base(loaded: LoadedModel, folder: Path, *, again: bool) -> None:
    """Write the model, an adapter merged into its base, into a run's folder, and let it be known under that name.

    New adapters build on it, and a reference model is loaded from it; both would otherwise get the adapter's own base.

    Args:
        loaded: the model.
        folder: of the run.
        again: write it although it is there.
    """
    merged = (folder / MERGED).resolve()
    state = PartialState()
    with state.main_process_first():
        if state.is_main_process and (again or not (merged / "config.json").exists()):
            shutil.rmtree(merged, ignore_errors=True)
            make_folder(merged)
            loaded.model.save_pretrained(merged)
            loaded.tokenizer.save_pretrained(merged)
    loaded.model.name_or_path = loaded.model.config._name_or_path = str(merged)


class Twin:
    """A copy of a model in evaluation mode, whole and in the precision of products, for decoding."""

    def __init__(self, loaded: LoadedModel, place: Place) -> None:
        self._loaded, self._place = loaded, place
        self._copy: Any = None

    def _as(self, **changes: Any) -> LoadedModel:
        plain = {field.name: getattr(self._loaded, field.name) for field in fields(LoadedModel)}
        return LoadedModel(**plain | changes)

    def of(self, model: nn.Module) -> LoadedModel:
        """The model as it is now, ready to decode with; all processes must ask where it is sharded."""
        adapted = hasattr(model, "peft_config")
        device = self._place.device if is_sharded() else next(model.parameters()).device
        base: Any = model.get_base_model() if adapted else model  # type: ignore[operator]
        if not is_sharded() and (adapted or not self._place.bf16):
            return self._as(model=base, device=device)
        kind = torch.bfloat16 if self._place.bf16 else torch.float32
        if self._copy is None:
            self._copy = empty_model(base.config, kind, device).eval()
            self._copy.requires_grad_(False)
            if device.type == "cpu":
                use_decode_attention(self._copy)
        _take_weights(self._copy, model, kind)
        pack_weights(self._copy)  # on a CPU: a tenth of a second for what each token of a rollout then saves
        return self._as(model=self._copy, device=device, dtype=kind)
