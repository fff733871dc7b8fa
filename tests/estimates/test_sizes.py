"""Sizes of models: the table against the architectures themselves and the published numbers, folders against models."""

from __future__ import annotations

import pytest
import torch
from tests import tiny
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    DeepseekV3Config,
    Gemma2Config,
    GPT2Config,
    GraniteMoeConfig,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    MixtralConfig,
    Qwen2Config,
    Qwen3Config,
    Qwen3MoeConfig,
)

from entmin.errors import UsageError
from entmin.estimates.counted import counted
from entmin.estimates.known import sizes_of
from entmin.estimates.sizes import as_sizes, table

PUBLISHED = {
    "smollm2-135m": 134_515_008,
    "Qwen/Qwen2.5-0.5B-Instruct": 494_032_768,
    "Qwen/Qwen2.5-1.5B": 1_543_714_304,
    "Qwen/Qwen2.5-3B": 3_085_938_688,
    "Qwen/Qwen2.5-Math-7B": 7_615_616_512,
    "Qwen/Qwen2.5-14B": 14_770_033_664,
    "Qwen/Qwen2.5-32B-Instruct": 32_763_876_352,
    "Qwen/Qwen2.5-72B-Instruct": 72_706_203_648,
    "Qwen/Qwen3-4B": 4_022_468_096,
    "Qwen/Qwen3-8B": 8_190_735_360,
    "Qwen/Qwen3-14B": 14_768_307_200,
    "Qwen/Qwen3-32B": 32_762_123_264,
    "Qwen/Qwen3-30B-A3B": 30_532_122_624,
    "Qwen/Qwen3-235B-A22B": 235_093_634_560,
    "meta-llama/Llama-3.1-8B-Instruct": 8_030_261_248,
    "meta-llama/Llama-3.1-70B-Instruct": 70_553_706_496,
    "meta-llama/Llama-3.2-1B": 1_235_814_400,
    "meta-llama/Llama-3.2-3B": 3_212_749_824,
    "mistralai/Mistral-7B-Instruct-v0.3": 7_248_023_552,
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B": 1_777_088_000,
}
"""Of the weights files, as their pages on the Hub give them."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_known_models_have_their_published_numbers_of_parameters(name):
    assert sizes_of(name).parameters == PUBLISHED[name]


@pytest.mark.parametrize("entry", table(), ids=lambda entry: entry["names"][0])
def test_the_table_is_what_the_architectures_have(entry):
    config = dict(entry["config"])
    assert counted(AutoConfig.for_model(config.pop("model_type"), **config)) == as_sizes(entry["sizes"])


def test_of_a_mixture_each_token_takes_what_the_models_names_say():
    """A3B and A22B; the model cards say 3.3 and 22 billion activated."""
    assert 3.2e9 < sizes_of("Qwen/Qwen3-30B-A3B").computed < 3.4e9
    assert 21.5e9 < sizes_of("Qwen/Qwen3-235B-A22B").computed < 22.5e9


LATENT = {
    "moe_intermediate_size": 32, "n_routed_experts": 8, "num_experts_per_tok": 2, "n_shared_experts": 2,
    "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8,
    "v_head_dim": 16, "q_lora_rank": 8, "kv_lora_rank": 24,
}  # fmt: skip
DENSE = [
    LlamaConfig(**tiny.SMALL),
    LlamaConfig(**tiny.SMALL | {"tie_word_embeddings": True}),
    Qwen2Config(**tiny.SMALL),
    Qwen3Config(**tiny.SMALL, head_dim=16),
    MistralConfig(**tiny.SMALL, sliding_window=16),
    Gemma2Config(**tiny.SMALL, head_dim=8, sliding_window=16, layer_types=["sliding_attention", "full_attention"]),
    GPT2Config(vocab_size=258, n_embd=32, n_layer=2, n_head=4, n_positions=512),
]
MIXTURES = [
    MixtralConfig(**tiny.SMALL, num_local_experts=4, num_experts_per_tok=2),
    Qwen3MoeConfig(**tiny.SMALL, num_experts=8, num_experts_per_tok=2, moe_intermediate_size=16, head_dim=8),
    GraniteMoeConfig(**tiny.SMALL, num_local_experts=4, num_experts_per_tok=2),
    DeepseekV3Config(**tiny.SMALL | {"num_key_value_heads": 4} | LATENT),
]


def built(config):
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config).eval()


@pytest.mark.parametrize("config", [*DENSE, *MIXTURES], ids=lambda config: config.model_type)
def test_a_folder_has_the_parameters_of_its_model(tmp_path, config):
    config.save_pretrained(tmp_path)
    assert sizes_of(str(tmp_path)).parameters == sum(p.numel() for p in built(config).parameters())


@pytest.mark.parametrize("config", [*DENSE, *MIXTURES], ids=lambda config: config.model_type)
def test_the_cache_is_as_large_as_a_models_own(config):
    """Of every kind: groups of heads, windows, latent attention as transformers keeps it."""
    tokens, sizes = 40, counted(config)
    with torch.inference_mode():
        out = built(config)(torch.zeros(1, tokens, dtype=torch.long), use_cache=True)
    layers = out.past_key_values.layers
    found = sum(layer.keys.numel() + layer.values.numel() for layer in layers)
    if sizes.latent:  # keys are padded to the width of values, or the other way round
        assert found <= sizes.cache(tokens, compressed=False) and sizes.cache(tokens) == 2 * 32 * tokens
    else:
        one = found / sizes.cache(tokens)
        assert 0.9 < one <= 1  # a window drops the token that comes next


@pytest.mark.parametrize("config", DENSE, ids=lambda config: config.model_type)
def test_operations_are_those_that_torch_counts(config):
    tokens, sizes = 64, counted(config)
    config._attn_implementation = "eager"
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        built(config)(torch.zeros(1, tokens, dtype=torch.long))
    # Eager attention multiplies with all keys of every position, masked or not.
    whole = 4 * sizes.heads * sizes.head * tokens * sizes.layers
    expected = tokens * (2 * sizes.active + whole)
    assert counter.get_total_flops() == pytest.approx(expected, rel=0.04)  # norms and biases are weights too


def test_a_step_of_a_mixture_reads_the_experts_that_its_rows_take():
    sizes = sizes_of("Qwen/Qwen3-30B-A3B")
    assert sizes.read(1) == pytest.approx(sizes.active)
    assert sizes.active < sizes.read(8) < sizes.read(64) < sizes.parameters - sizes.looked_up
    assert sizes.read(1000) == pytest.approx(sizes.parameters - sizes.looked_up)


def test_a_state_space_model_has_weights_and_no_cache_that_grows(tmp_path):
    config = MambaConfig(vocab_size=258, hidden_size=32, num_hidden_layers=2, state_size=8)
    config.save_pretrained(tmp_path)
    sizes = sizes_of(str(tmp_path))
    assert sizes.parameters == sum(p.numel() for p in built(config).parameters()) and sizes.cache(1000) == 0


def test_what_transformers_does_not_know_is_said(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "unheard-of", "hidden_size": 8}')
    with pytest.raises(UsageError, match="transformers cannot build the architecture"):
        sizes_of(str(tmp_path))
    with pytest.raises(UsageError, match=r"did you mean 'Qwen/Qwen2.5-7B'"):
        sizes_of("Qwen/Qwen2.5-7b")
