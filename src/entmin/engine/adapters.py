"""Adapter folders, merged into the models they build on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from entmin.engine.named import adapter_base, adapter_revision, base_path
from entmin.errors import EntminError


def load_merged(folder: str, base: str, revision: str | None) -> Any:
    """The base model in float32 with the adapter's update added to its weights; a base may be an adapter itself.

    In float32, because an update of a few parts in a thousand would be rounded away in bfloat16.

    Raises:
        EntminError: peft is missing.
    """
    try:
        from peft import PeftModel
    except ImportError as error:
        raise EntminError(f"{folder!r} is an adapter and needs peft: pip install 'entmin[train]'") from error
    if below := adapter_base(base):
        model = load_merged(base, base_path(below, base), adapter_revision(base))
    else:
        model = AutoModelForCausalLM.from_pretrained(
            base, revision=revision, dtype=torch.float32, trust_remote_code=False
        )
    _make_room(model, Path(folder))
    adapted: Any = PeftModel.from_pretrained(model, folder)
    config = adapted.active_peft_config
    if config.is_prompt_learning or not hasattr(adapted.base_model, "merge_and_unload"):
        kind = getattr(config.peft_type, "value", config.peft_type)
        raise EntminError(
            f"{folder!r} is an adapter of the kind {kind}, which cannot be merged into its base; kinds that change "
            "weights, such as LoRA, can"
        )
    return adapted.merge_and_unload()


def _make_room(model: Any, folder: Path) -> None:
    """Give the embeddings rows for tokens that were added; those that the adapter does not bring are the mean row."""
    rows, known = _rows_of_embeddings(model, folder), model.get_input_embeddings().weight.shape[0]
    if rows is None or rows == known:
        return
    model.resize_token_embeddings(rows, mean_resizing=False)
    with torch.no_grad():
        for end in (model.get_input_embeddings(), model.get_output_embeddings()):
            if end is not None:
                end.weight[known:] = end.weight[:known].mean(0)


def _rows_of_embeddings(model: Any, folder: Path) -> int | None:
    """How many tokens the embeddings have that an adapter brings, where tokens were added to the base's."""
    path = folder / "adapter_model.safetensors"
    ends = [part for part in (model.get_input_embeddings(), model.get_output_embeddings()) if part is not None]
    names = [name for name, module in model.named_modules() if any(module is end for end in ends)]
    if not path.is_file():
        return None
    with safe_open(path, "pt") as weights:
        for key in weights.keys():  # it is no mapping
            if any(f".{name}." in key for name in names):
                shape = weights.get_slice(key).get_shape()
                if key.endswith("lora_embedding_A"):
                    return int(shape[1])
                if key.endswith(".weight") and "lora" not in key:
                    return int(shape[0])
    return None
