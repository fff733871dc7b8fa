"""Trained checkpoints: adapter folders and the models they build on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from entmin.engine.aliases import ALIASES, fetch
from entmin.errors import EntminError

CONFIG = "adapter_config.json"


def _settings(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        found["base_model_name_or_path"]
    except (ValueError, KeyError, TypeError) as error:
        raise EntminError(f"{path} cannot be read ({type(error).__name__}: {error}); save the adapter again") from error
    return found


def adapter_base(folder: str | Path) -> str | None:
    """The base model that an adapter folder names; None where the folder holds no adapter.

    Raises:
        EntminError: the adapter's configuration is damaged or names no base.
    """
    path = Path(folder) / CONFIG
    if not path.is_file():
        return None
    base = _settings(path)["base_model_name_or_path"]
    if not base:
        raise EntminError(f"{path} names no base model; write its name there, as base_model_name_or_path")
    return str(base)


def adapter_revision(folder: str | Path) -> str | None:
    """The revision of the base that an adapter folder was trained on, where it says one."""
    found = _settings(Path(folder) / CONFIG).get("revision")
    return str(found) if found else None


def base_of(folder: str | Path) -> str:
    """The model that a checkpoint was trained from: by its adapter configuration, else by its model card.

    Raises:
        EntminError: neither names one.
    """
    card = Path(folder) / "README.md"
    named = adapter_base(folder) or (_card_base(card) if card.is_file() else None)
    if named is None:
        raise EntminError(
            f"{folder} does not say which model it was trained from: no {CONFIG} and no base_model in a README.md; "
            "compare as `entmin compare BASE --against CHECKPOINT`"
        )
    return named


def _card_base(card: Path) -> str | None:
    from huggingface_hub import ModelCard

    base = ModelCard.load(card, ignore_metadata_errors=True).data.to_dict().get("base_model")
    first = base[0] if isinstance(base, list) and base else base
    return str(first) if first else None


def base_path(base: str, folder: str) -> str:
    """What to load for a base: an alias's folder, an existing folder, or a Hub id.

    Raises:
        EntminError: it is a folder that is not here.
    """
    if base in ALIASES:
        return str(fetch(base))
    if not Path(base).exists():
        # An adapter trained on an adapter has its base beside it, under the place where that was written.
        for moved in (Path(folder) / Path(base).name, Path(folder).parent / Path(base).name):
            if Path(base).is_absolute() and (moved / "config.json").is_file():
                return str(moved)
    if not Path(base).exists() and (base.count("/") != 1 or base.startswith((".", "/", "~"))):
        raise EntminError(
            f"adapter {folder!r} was trained on {base!r}, which is not here; put the base model there, or correct "
            f"base_model_name_or_path in {folder}/{CONFIG}"
        )
    return base


def root_of(base: str) -> str:
    """The model at the bottom, where adapters were trained on adapters.

    Raises:
        EntminError: they build on each other in a circle, or one is not here.
    """
    seen = [base]
    while below := adapter_base(seen[-1]):
        seen.append(base_path(below, seen[-1]))
        if seen[-1] in seen[:-1]:
            raise EntminError(f"the adapter {base!r} builds on itself; correct base_model_name_or_path in its {CONFIG}")
    return seen[-1]


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
