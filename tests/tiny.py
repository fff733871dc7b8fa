"""Tiny random models with a byte tokenizer, saved to folders: real loading code, no Hub."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
)

SPECIALS = ["<pad>", "<eos>"]
TEMPLATE = "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}<assistant>"
SMALL = {
    "vocab_size": 258,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "eos_token_id": 1,
    "pad_token_id": 0,
    "bos_token_id": None,
}
CONFIGS = {
    "llama": LlamaConfig(**SMALL),
    "qwen2": Qwen2Config(**SMALL),
    "gpt2": GPT2Config(
        vocab_size=258, n_embd=32, n_layer=2, n_head=4, n_positions=512, eos_token_id=1, bos_token_id=None
    ),
    "mistral-sliding": MistralConfig(**SMALL, sliding_window=16),
}

SERVED = {  # vLLM's CPU attention takes heads of 32 and up
    "llama-wide-heads": LlamaConfig(**SMALL | {"hidden_size": 128}),
}


def tokenizer() -> PreTrainedTokenizerFast:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate([*SPECIALS, *alphabet])}
    bytes_only = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    bytes_only.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_only.decoder = decoders.ByteLevel()
    bytes_only.add_special_tokens(SPECIALS)
    wrapped = PreTrainedTokenizerFast(tokenizer_object=bytes_only, pad_token="<pad>", eos_token="<eos>")
    wrapped.chat_template = TEMPLATE
    return wrapped


def save(folder: Path, kind: str = "llama", seed: int = 0, sharpness: float = 1.0, dtype: str = "float32") -> Path:
    """Save a random model; `sharpness` scales its logits, so that entropies spread from sure to unsure."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config((CONFIGS | SERVED)[kind]).float()
    with torch.no_grad():
        model.get_output_embeddings().weight.mul_(sharpness)
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder
