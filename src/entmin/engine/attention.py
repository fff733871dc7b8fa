"""Attention for one new token per row on a CPU: small matrix products instead of torch's blocked kernel.

torch's CPU kernel is made for long queries: with one query per row it takes ten times the time of two plain products,
and wants keys and values repeated for every query head first. Here query heads that share a key head are batched into
one product. Everything else (prompts, dropout, biases) goes to transformers' own SDPA path. Softmax is in float32.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask
from transformers.modeling_utils import AttentionInterface

NAME = "entmin_cpu_decode"


def decode_attention(
    module: torch.nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    """Attend from ``[B, heads, n, d]`` queries to ``[B, key heads, L, d]``; the signature is transformers'."""
    plain = not options.get("dropout") and options.get("position_bias") is None
    if query.shape[2] != 1 or not plain or (attention_mask is not None and attention_mask.shape[1] != 1):
        output: tuple[Tensor, None] = sdpa_attention_forward(module, query, key, value, attention_mask, **options)
        return output
    batch, heads, _, width = query.shape
    scaling = options.get("scaling")
    grouped = query.reshape(batch, key.shape[1], heads // key.shape[1], width)
    scores = torch.matmul(grouped, key.transpose(-1, -2)).float() * (width**-0.5 if scaling is None else scaling)
    if attention_mask is not None and attention_mask.dtype == torch.bool:
        scores.masked_fill_(~attention_mask, torch.finfo(scores.dtype).min)
    elif attention_mask is not None:
        scores += attention_mask
    attended = torch.matmul(scores.softmax(-1).to(value.dtype), value)
    return attended.reshape(batch, 1, heads, attended.shape[-1]), None


AttentionInterface.register(NAME, decode_attention)
AttentionMaskInterface.register(NAME, sdpa_mask)


def use_decode_attention(model: Any) -> None:
    """Switch a model on a CPU from SDPA to `decode_attention`; models with another attention are left alone."""
    if getattr(model.config, "_attn_implementation", None) == "sdpa":
        model.set_attn_implementation(NAME)
