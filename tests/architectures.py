"""Every causal language model of the installed transformers as a tiny random one, and what the engine makes of it.

`python -m tests.architectures > docs/architectures.md` writes the table.
"""

from __future__ import annotations

import re
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, GenerationConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
from transformers.utils import logging
from trl.trainer.utils import add_fused_lm_head

from entmin.engine.loaded import LoadedModel
from entmin.engine.loading import prepare_for_decoding
from entmin.engine.soundness import choose_decoding
from entmin.errors import EntminError, first_line
from entmin.train.trainers.forward import choose
from tests import tiny

VERSION = version("transformers")
KINDS = sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
VOCABULARY, LENGTH, LAYERS, WINDOW = 258, 512, 4, 16
DEPTH = r"(num_hidden_layers|n_layers?|num_layers|decoder_layers|encoder_layers)"
SIZES: list[tuple[str, int]] = [
    (r"(unpadded_)?vocab_size(_per_layer_input)?", VOCABULARY),
    (r"pad_token_id", 0),
    (r"eos_token_id", 1),
    (r"(bos|decoder_start)_token_id", 2),
    (r"(sep|cls|mask|unk)_token_id", 3),
    (r".*(image|audio|video|boi|eoi|boa|eoa|vision_start|vision_end|speech).*_token_(id|index)", 250),
    (DEPTH, LAYERS),
    (
        r"(num_attention_heads|n_heads?|num_heads|(de|en)coder_attention_heads|swa_num_attention_heads|mamba_n_heads"
        r"|mamba_num_heads|n_mamba_heads|linear_num_value_heads|index_n_heads)",
        4,
    ),
    (r"(num_key_value_heads|swa_num_key_value_heads|linear_num_key_heads|multi_query_group_num)", 2),
    (r"(head_dim|.*_head_dim|kv_channels|d_kv|attention_head_size|.*rotary_dim)", 8),
    (r"(mamba_d_head|mamba_head_dim|mamba_headdim)", 16),
    (r"(hidden_size|d_model|n_embd|embed_dim|emb_dim|dim_model|word_embed_proj_dim|hidden_size_global|lru_width)", 32),
    (r"(intermediate_size|.*ffn_dim|.*_intermediate_size|d_ff|dim_ff|n_inner|feed_forward_size|ffn_hidden_size)", 32),
    (r"(.*mlp_.*size|expert_.*size|router_hidden_size|attention_hidden_size)", 32),
    (r"(max_position_embeddings|n_positions|max_(target|source)_positions|n_ctx|max_seq_len|context_length)", LENGTH),
    (r"original_max_position_embeddings", LENGTH),
    (r"(.*lora_rank|hc_lowrank|hidden_size_per_layer_input|ple_embed_dim|rel_extent)", 8),
    (r"(n_routed_experts|num_experts|num_local_experts|moe_num_experts)", 4),
    (r"(num_experts_per_tok(en)?|moe_topk|moe_k|top_k_experts)", 2),
    (r"index_topk.*", WINDOW),
    (r"(sliding_window.*|attention_window_size|attention_chunk_size|window_size|local_attention)", WINDOW),
    (r"(.*state_size|mamba_d_state|.*_d_state|mamba_chunk_size|chunk_size|index_block_size)", 8),
    (r"(.*n_groups|n_group|mamba_ngroups|topk_group)", 1),
    (r"(time_step_rank|mamba_dt_rank)", 4),
]
"""Names of sizes in configurations, whole, and what a tiny model has."""
EXPERTS = {"n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1, "first_k_dense_replace": 1}
ROPE = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 1, 1]}
SPARSE = {f"indexer_{name}": size for name, size in (("budget", 16), ("compress_ratio", 4), ("head_dim", 8))}
QWEN4 = SPARSE | {
    "indexer_kv_heads": 1,
    "indexer_n_heads": 4,
    "layer_types": ["linear_attention", "indexed_attention"] * 2,
    "ngram_vocab_size_base": 64,
    "split_ngram_parts": 1,
}
OVERRIDES: dict[str, dict[str, Any]] = {
    "bamba": {"attn_layer_indices": [1, 3]},
    "blt": {"encoder_hash_byte_group_vocab": 64},
    "cohere_compass_text": {
        "rope_parameters": {"full_attention": ROPE, "sliding_attention": ROPE},
        "layer_types": ["sliding_attention", "full_attention"] * 2,
    },
    "ctrl": {"dff": 32},
    "dbrx": {
        "attn_config": {"kv_n_heads": 2, "rope_theta": 1e4, "clip_qkv": 8.0},
        "ffn_config": {"hidden_size": 32, "ffn_hidden_size": 32, "moe_num_experts": 4, "moe_top_k": 2},
    },
    "deepseek_v2": EXPERTS,
    "dots1": EXPERTS,
    "falcon_h1": {"mamba_d_ssm": 64},
    "gemma3n_text": {
        "intermediate_size": 32,
        "layer_types": ["sliding_attention", "full_attention"] * 2,
        "num_kv_shared_layers": 0,
        "laurel_rank": 8,
        "activation_sparsity_pattern": None,
    },
    "gpt_neo": {"num_layers": 4, "attention_types": [[["global", "local"], 2]]},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"] * 2},
    "hrm_text": {"num_layers_per_stack": 2, "num_hidden_layers": 16},
    "hunyuan_v1_dense": {"head_dim": 8},
    "hunyuan_v1_moe": {"head_dim": 8},
    "hy_v4": {"index_topk": 128},  # scores of 0 are ties, which another order of summing decides otherwise
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 2},
    "longcat_flash": {"zero_expert_num": 2, "ffn_hidden_size": 32},
    "mamba2": {"head_dim": 16},
    "ministral": {"head_dim": 8},
    "nemotron": {"num_key_value_heads": 2},
    "qwen4_exp": {"text_config": QWEN4},
    "qwen4_exp_text": QWEN4,
    "reformer": {"axial_pos_shape": [16, 32], "axial_pos_embds_dim": [16, 16], "attn_layers": ["local", "lsh"] * 2},
    "roc_bert": {
        f"{part}_{size}": value
        for part in ("pronunciation", "shape")
        for size, value in (("embed_dim", 8), ("vocab_size", VOCABULARY))
    },
    "xlm": {"causal": True},
    "xlnet": {"d_head": 8},
    "xlstm": {"hidden_size": 128, "embedding_dim": 128, "num_blocks": 4, "chunk_size": 16},
    "xmod": {"languages": ["en_XX"], "default_language": "en_XX"},
    "zamba": {
        "num_hidden_layers": 6,
        "layers_block_type": ["mamba", "mamba", "hybrid"] * 2,
        "attn_layer_period": 3,
        "attn_layer_offset": 2,
        "attention_hidden_size": 64,
        "attention_head_dim": 16,
    },
    "zamba2": {
        "layer_types": ["mamba", "hybrid"] * 2,
        "layers_block_type": ["mamba", "hybrid"] * 2,
        "attention_hidden_size": 64,
        "attention_head_dim": 16,
    },
    "zaya": {"num_experts_per_tok": 1},
}
"""What a configuration needs beside: sizes that depend on others, parts that its default leaves out."""


def needed(kind: str) -> dict[str, Any]:
    """Parts without which there is no configuration at all."""
    if kind.startswith("musicgen"):
        return {"text_encoder": {"model_type": "t5"}, "audio_encoder": {"model_type": "encodec"}, "decoder": {}}
    if not kind.endswith("_assistant"):
        return {}
    text = kind.replace("_assistant", "_text")
    none = dict.fromkeys(("hidden_size_per_layer_input", "vocab_size_per_layer_input"), 0)
    inner = shrunk(CONFIG_MAPPING[text]().to_dict()) | none | {"model_type": text, "num_kv_shared_layers": LAYERS}
    return {"text_config": inner, "backbone_hidden_size": 32, "num_centroids": 8}


def shrunk(given: dict[str, Any]) -> dict[str, Any]:
    """A configuration's sizes, made tiny; kinds of layers are kept, each at least once."""
    small: dict[str, Any] = {}
    depth = next((value for name, value in given.items() if re.fullmatch(DEPTH, name) and value), None)
    for name, value in given.items():
        if isinstance(value, dict) and "model_type" in value:
            small[name] = shrunk(value) | {"model_type": value["model_type"]}
        elif isinstance(value, list) and depth and len(value) == depth:
            kinds = list(dict.fromkeys(value))
            small[name] = (kinds * LAYERS)[:LAYERS]
        elif isinstance(value, int) and not isinstance(value, bool):
            small[name] = next((size for pattern, size in SIZES if re.fullmatch(pattern, name)), value)
    if "kv_lora_rank" in small:  # latent attention has a key for every query
        small |= {"num_key_value_heads": 4, "qk_head_dim": 16}
    return small


def build(kind: str) -> Any:
    """The tiny model, in float32 and evaluation mode, weights large enough for the context to matter."""
    default = CONFIG_MAPPING[kind](**needed(kind))
    given = needed(kind) or shrunk(default.to_dict())
    for name, value in OVERRIDES.get(kind, {}).items():
        part = isinstance(value, dict) and isinstance(given.get(name), dict) and name != "rope_parameters"
        given[name] = given[name] | value if part else value
    if hasattr(default, "is_decoder"):
        given["is_decoder"] = True
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(type(default)(**given)).float().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(4)
    model.generation_config = GenerationConfig(eos_token_id=1, pad_token_id=0)
    return model


def loaded(model: Any, name: str) -> LoadedModel:
    """The model as `entmin.engine.loading.load` gives it.

    Raises:
        EntminError: it is refused.
    """
    prepare_for_decoding(model, torch.device("cpu"))
    found = LoadedModel(name, model, tiny.tokenizer(), torch.device("cpu"), torch.float32, "", frozenset([1]), LENGTH)
    choose_decoding(found)
    return found


def verdict(kind: str) -> tuple[str, str]:
    """How the architecture decodes, and why not otherwise."""
    try:
        model = build(kind)
    except Exception as error:  # a part that is missing here, or a model that is no language model by itself
        return "refused", f"cannot be made from its configuration: {type(error).__name__}: {first_line(error)}"
    try:
        found = loaded(model, kind)
    except EntminError as error:
        return "refused", str(error).removeprefix(f"{kind} ({type(model).__name__}) ")
    return found.decoding, ""


def training(model: Any) -> str:
    """How samples of the model are scored in training, as the table says it."""
    add_fused_lm_head(model, outputs=("log_probs", "entropy"))
    way = choose(model, 1.0)
    return ("padded" if way.padded else "rows") + ("" if way.fused else ", logits")


HEAD = """# Architectures

Made by `python -m tests.architectures > docs/architectures.md` with transformers {version}; a slow test keeps it true.

When a model is loaded, entmin decodes three short texts step by step, rows of different lengths together, one leaving
and one joining, and compares the logits with one pass over the same texts without cache and padding. It uses the
fastest way that agrees, says so where that is a slow one, and refuses a model for which none does. The way is in the
record of a run (`decoding` under `engines` in `summary.json`) and in `/v1/models`. The table shows what this gives for
a tiny random model of every causal language model in transformers.

| decoding | what it means |
|---|---|
| padded | rows decode together, padding before short ones |
| rowwise | each row alone, in the way of transformers' `generate`; slow |
| rowwise with positions | the same, and positions are counted for the model |
| recomputed | each row alone, and all its tokens are read again at every step; slower still |
| refused | by name, when it is loaded |

The column "training" says how log-probabilities of samples are computed: "padded" in one pass over the batch, "rows"
one row after another, "logits" with the model's own head because it does more than TRL's fused one. A trainer tries
this before its first step, against the model's own logits of single rows.

| architecture | class | decoding | training | why refused |
|---|---|---|---|---|
"""


def page() -> str:
    """docs/architectures.md."""
    rows = []
    for kind in KINDS:
        way, why = verdict(kind)
        reason = re.sub(r"\s+", " ", why.replace("|", "\\|"))
        scored = "" if way == "refused" else training(build(kind))
        rows.append(f"| {kind} | {MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[kind]} | {way} | {scored} | {reason[:160]} |\n")
    return HEAD.format(version=VERSION) + "".join(rows)


def _text() -> str:
    return (Path(__file__).parents[1] / "docs" / "architectures.md").read_text()


def listed() -> dict[str, str]:
    """The table's ways by architecture, as the page says them."""
    return dict(re.findall(r"^\| (\S+) \| (?!class)\w+ \| ([a-z ]+) \|", _text(), re.MULTILINE))


def listed_version() -> str:
    """The transformers that the page is of."""
    return _text().partition("with transformers ")[2].partition(";")[0]


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.set_verbosity_error()
    sys.stdout.write(page())
