"""A checkpoint whose tensors are a model's own, read without transformers' conversions.

`from_pretrained` builds a model without memory, which takes torch's compiler, and prepares the renaming and regrouping
of weights for all its architectures. Where each tensor of a folder has the name and the shape of one of the model's,
none of that does anything: the model is built without values and takes the tensors as they lie in the file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from transformers.generation.configuration_utils import GenerationConfig
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

_INDEX, _SINGLE = "model.safetensors.index.json", "model.safetensors"
_FULL = ("_keep_in_fp32_modules", "_keep_in_fp32_modules_strict")
"""Where a class names modules that stay in float32."""
_COMPUTED = {"inv_freq", "original_inv_freq"}
"""Buffers that no file holds and that a model computes alike in both ways; of others `from_pretrained` knows more."""


def read(path: str, config: Any, dtype: torch.dtype, **options: Any) -> Any:
    """A model, directly or by `from_pretrained`.

    Args:
        path: a folder or a Hub id.
        config: its configuration.
        dtype: of the weights.
        options: of `from_pretrained`.
    """
    model = read_directly(path, config, dtype) if Path(path).is_dir() else None
    return AutoModelForCausalLM.from_pretrained(path, dtype=dtype, **options) if model is None else model


def read_directly(path: str, config: Any, dtype: torch.dtype) -> Any | None:
    """The model in a folder, on the CPU, as `from_pretrained` reads it; None where that has more to do.

    Args:
        path: a local folder with safetensors.
        config: its configuration.
        dtype: of the weights.
    """
    if getattr(config, "quantization_config", None) is not None:
        return None
    try:
        from transformers.initialization import no_init_weights

        with no_init_weights():
            model = AutoModelForCausalLM.from_config(config, dtype=dtype, trust_remote_code=False)
        tensors = _tensors(Path(path))
        if not tensors or not _is_plain(model) or not _take(model, tensors):
            return None
        if (Path(path) / "generation_config.json").exists():
            model.generation_config = GenerationConfig.from_pretrained(path)
    except (ImportError, OSError, ValueError, KeyError, SafetensorError):
        return None  # `from_pretrained` knows more ways, and says what is wrong
    return model


def _is_plain(model: Any) -> bool:
    """Whether all weights are of one dtype and the rest can be computed."""
    held = model.state_dict()
    computed = (name.rpartition(".")[2] for name, _ in model.named_buffers() if name not in held)
    return not any(getattr(model, name, None) for name in _FULL) and _COMPUTED.issuperset(computed)


def _tensors(folder: Path) -> dict[str, Tensor]:
    """What the folder's files hold, mapped into memory and not read yet."""
    if (folder / _SINGLE).exists():
        return dict(load_file(folder / _SINGLE))
    if not (folder / _INDEX).exists():
        return {}
    files = set(json.loads((folder / _INDEX).read_text())["weight_map"].values())
    return {name: tensor for file in sorted(files) for name, tensor in load_file(folder / file).items()}


def _take(model: Any, tensors: dict[str, Tensor]) -> bool:
    """Give the model its tensors, where each has a place of its name and shape and none is left without."""
    places = model.state_dict()
    if any(name not in places or tensor.shape != places[name].shape for name, tensor in tensors.items()):
        return False
    cast = {name: tensor.to(places[name].dtype) for name, tensor in tensors.items()}
    model.load_state_dict(cast, strict=False, assign=True)
    model.tie_weights()
    held = model.state_dict(keep_vars=True)
    taken = {id(held[name]) for name in tensors}
    return len(taken) == len(tensors) and all(id(tensor) in taken for tensor in held.values())
