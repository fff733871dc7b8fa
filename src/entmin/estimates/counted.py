"""Counting a model's sizes: its architecture is built on torch's meta device, where tensors have shapes and no memory.

    python -m entmin.estimates.counted

counts every configuration in the table of known models again and writes the table.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from entmin.durable import write_whole
from entmin.errors import UsageError, first_line
from entmin.estimates.sizes import TABLE, Sizes, table

_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts", "num_moe_experts")
_TAKEN = ("num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_k", "top_k_experts")
_WIDTHS = ("moe_intermediate_size", "expert_intermediate_size", "intermediate_size")
_SHARED = ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts")


def count(folder: str) -> Sizes:
    """The sizes of the model whose config.json is in a folder.

    Raises:
        UsageError: transformers cannot build the architecture.
    """
    try:
        return counted(AutoConfig.from_pretrained(folder))
    except Exception as error:  # every kind, for a configuration that is not what it should be
        raise UsageError(
            f"transformers cannot build the architecture in {folder!r}, so its weights cannot be counted: "
            f"{first_line(error)}; see its config.json, or update transformers"
        ) from error


def counted(config: Any) -> Sizes:
    """The sizes of a configuration of transformers."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    text = config.get_text_config(decoder=True)
    head, embeddings = model.get_output_embeddings(), model.get_input_embeddings().weight
    tied = head is None or head.weight is embeddings or bool(text.tie_word_embeddings)
    total = _weights(model) - (embeddings.numel() if tied and head is not None and head.weight is not embeddings else 0)
    experts, linear = _first(text, _EXPERTS), [m for m in model.modules() if isinstance(m, torch.nn.Linear)]
    tables = [m.weight for m in model.modules() if isinstance(m, torch.nn.Embedding)]
    blocks = max((m for m in model.modules() if isinstance(m, torch.nn.ModuleList)), key=_weights)
    heads = getattr(text, "num_attention_heads", None) or 1  # none in a state-space model
    return Sizes(
        parameters=total,
        looked_up=sum(t.numel() for t in tables if not (tied and t is embeddings)),
        routed=_routed(model, experts),
        experts=max(1, experts),
        experts_per_token=(_first(text, _TAKEN) or experts) if experts else 1,
        largest_layer=max(map(_weights, blocks)),
        linear_widths=sum(m.in_features + m.out_features for m in linear if m is not head),
        layers=text.num_hidden_layers,
        hidden=text.hidden_size,
        intermediate=_intermediate(text, experts),
        heads=heads,
        kv_heads=getattr(text, "num_key_value_heads", None) or heads,
        head=_head(text, heads),
        vocab=text.vocab_size,
        attention=_attention(text),
        latent=text.kv_lora_rank + text.qk_rope_head_dim if getattr(text, "kv_lora_rank", None) else 0,
    )


def _weights(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def _first(config: Any, names: tuple[str, ...]) -> int:
    return next((int(value) for name in names if (value := getattr(config, name, None))), 0)


def _routed(model: torch.nn.Module, experts: int) -> int:
    """Weights of experts: a list of them called ``experts``, or one tensor with all of them in its first dimension."""
    if not experts:
        return 0
    return sum(
        p.numel()
        for name, p in model.named_parameters()
        if ".experts." in name or (p.dim() == 3 and p.shape[0] == experts)
    )


def _intermediate(config: Any, experts: int) -> int:
    dense = getattr(config, "intermediate_size", None) or getattr(config, "n_inner", None) or 4 * config.hidden_size
    if not experts:
        return int(dense)
    width = _first(config, _WIDTHS)
    shared = int(getattr(config, "shared_expert_intermediate_size", 0) or 0) or _first(config, _SHARED) * width
    return max(int(dense), (_first(config, _TAKEN) or experts) * width + shared)


def _head(config: Any, heads: int) -> int:
    latent = (getattr(config, "qk_nope_head_dim", 0) or 0) + (getattr(config, "qk_rope_head_dim", 0) or 0)
    return int(max(getattr(config, "head_dim", 0) or 0, latent) or config.hidden_size // heads)


def _attention(config: Any) -> tuple[tuple[int, int], ...]:
    """Windows and numbers of layers, from the kinds of layers where the configuration lists them."""
    if not getattr(config, "num_attention_heads", None):
        return ()
    window = int(getattr(config, "sliding_window", None) or getattr(config, "attention_chunk_size", None) or 0)
    kinds = getattr(config, "layer_types", None)
    if kinds is None:
        return ((window, config.num_hidden_layers),)
    whole = sum(kind in ("full_attention", "attention") for kind in kinds)
    slid = sum(kind in ("sliding_attention", "chunked_attention") for kind in kinds)
    return tuple((size, layers) for size, layers in ((0, whole), (window, slid)) if layers)


def main() -> None:
    """Write the table."""
    rows = []
    for entry in table():
        given = dict(entry["config"])
        sizes = asdict(counted(AutoConfig.for_model(given.pop("model_type"), **given)))
        rows.append(json.dumps(entry | {"sizes": sizes}))
    write_whole(Path(__file__).with_name(TABLE), "[\n" + ",\n".join(rows) + "\n]\n")


if __name__ == "__main__":
    main()
