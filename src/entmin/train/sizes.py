"""The sizes of a model, without its weights: from its config.json where that is here, else from a short table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entmin.engine.aliases import ALIASES, folder_of
from entmin.errors import UsageError


@dataclass(frozen=True, slots=True)
class Sizes:
    """A decoder with gated feed-forward layers, as Llama, Mistral and Qwen2 are."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    vocab: int
    tied: bool = False
    """Whether input and output embeddings are one matrix."""
    qkv_bias: bool = False
    head_dim: int | None = None
    """None: hidden / heads."""
    experts: int = 0
    """Experts of a layer; 0: a dense model."""
    expert_width: int = 0
    """Width of one expert."""
    shared_width: int = 0
    """Width of the experts that every token takes, together."""

    @property
    def head(self) -> int:
        """Width of one attention head."""
        return self.head_dim or self.hidden // self.heads

    @property
    def layer_parameters(self) -> int:
        """Weights of one layer: attention, feed-forward, two norms."""
        qkv = (self.heads + 2 * self.kv_heads) * self.head
        attention = self.hidden * qkv + self.heads * self.head * self.hidden + (qkv if self.qkv_bias else 0)
        return attention + self._feed_forward + 2 * self.hidden

    @property
    def _feed_forward(self) -> int:
        """Of the larger kind of layer, where some have experts and some have none: an upper bound."""
        width = self.experts * self.expert_width + self.shared_width
        router = self.experts * (self.hidden + 1) + self.hidden if self.experts else 0
        return max(3 * self.hidden * self.intermediate, 3 * self.hidden * width + router)

    @property
    def parameters(self) -> int:
        """All weights."""
        embeddings = self.vocab * self.hidden * (1 if self.tied else 2)
        return embeddings + self.layers * self.layer_parameters + self.hidden

    def adapter_parameters(self, rank: int) -> int:
        """Weights of low-rank adapters on every linear layer but the head."""
        qkv = 3 * self.hidden + (self.heads + 2 * self.kv_heads) * self.head
        output = self.heads * self.head + self.hidden
        return self.layers * rank * (qkv + output + 3 * (self.hidden + self.intermediate))


_QWEN_7B = Sizes(28, 3584, 18944, 28, 4, 152064, qkv_bias=True)
KNOWN = {
    "Qwen/Qwen2.5-Math-7B": _QWEN_7B,
    "PRIME-RL/Eurus-2-7B-SFT": _QWEN_7B,
    "Qwen/Qwen2.5-7B-Instruct": _QWEN_7B,
    "meta-llama/Llama-3.1-8B-Instruct": Sizes(32, 4096, 14336, 32, 8, 128256),
    "Qwen/Qwen2.5-0.5B-Instruct": Sizes(24, 896, 4864, 14, 2, 151936, tied=True, qkv_bias=True),
    "smollm2-135m": Sizes(30, 576, 1536, 9, 3, 49152, tied=True),
}
"""The paper's models, and those of our own experiments."""


def sizes_of(model: str) -> Sizes:
    """The sizes of a model.

    Raises:
        UsageError: they are not known here; the message says how to give them.
    """
    path = Path(model) / "config.json"
    if not path.is_file() and model in ALIASES:
        path = folder_of(model) / "config.json"
    if path.is_file():
        return _read(json.loads(path.read_text()), model)
    if model in KNOWN:
        return KNOWN[model]
    raise UsageError(
        f"the sizes of {model!r} are not known here: give a local folder with its config.json, "
        f"or one of {', '.join(KNOWN)}"
    )


_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts", "num_moe_experts")
_WIDTHS = ("moe_intermediate_size", "expert_intermediate_size", "intermediate_size")
_SHARED = ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts")


def _experts(config: Mapping[str, Any]) -> dict[str, int]:
    def first(names: tuple[str, ...]) -> int:
        return next((int(config[name]) for name in names if config.get(name)), 0)

    if not (experts := first(_EXPERTS)):
        return {}
    width = first(_WIDTHS)
    shared = int(config.get("shared_expert_intermediate_size") or 0) or first(_SHARED) * width
    return {"experts": experts, "expert_width": width, "shared_width": shared}


def _read(whole: Mapping[str, Any], model: str) -> Sizes:
    config = {**whole, **(whole.get("text_config") or {})}
    widths = [config.get("head_dim"), (config.get("qk_nope_head_dim") or 0) + (config.get("qk_rope_head_dim") or 0)]
    try:
        heads = int(config["num_attention_heads"])
        return Sizes(
            layers=int(config["num_hidden_layers"]),
            hidden=int(config["hidden_size"]),
            intermediate=int(config["intermediate_size"]),
            heads=heads,
            kv_heads=int(config.get("num_key_value_heads") or heads),
            vocab=int(config["vocab_size"]),
            tied=bool(config.get("tie_word_embeddings")),
            qkv_bias=bool(config.get("attention_bias", config.get("model_type") == "qwen2")),
            head_dim=max(filter(None, widths), default=None),
            **_experts(config),
        )
    except KeyError as error:
        raise UsageError(f"config.json of {model!r} has no {error.args[0]}: its memory cannot be estimated") from None
