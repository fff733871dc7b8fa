"""From a model's name to a model in memory: an alias, a local folder (a model or an adapter), or a Hub id."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import torch
from transformers.generation.configuration_utils import GenerationConfig
from transformers.models.auto.configuration_auto import AutoConfig
from transformers.models.auto.modeling_auto import AutoModelForCausalLM
from transformers.models.auto.tokenization_auto import AutoTokenizer
from transformers.utils import logging

from entmin.engine.adapters import load_merged
from entmin.engine.aliases import ALIASES, fetch
from entmin.engine.attention import use_decode_attention
from entmin.engine.checkpoint import read
from entmin.engine.loaded import LoadedModel
from entmin.engine.named import adapter_revision, lineage, require_name
from entmin.engine.remembered import checked
from entmin.engine.requests import longest_sequence
from entmin.engine.revision import revision_of
from entmin.errors import EntminError, UsageError, closest, first_line
from entmin.hub import reachable_or_offline, why_not_reached

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
DEVICES = ("auto", "cpu", "cuda", "cuda:1", "mps")


def load(
    name: str, *, device: str = "auto", dtype: str = "auto", revision: str | None = None, weights: bool = True
) -> LoadedModel:
    """Load a causal language model for decoding.

    Args:
        name: an alias (`entmin.engine.aliases.ALIASES`), a local folder, or a Hub id. A folder with an adapter
            (`adapter_config.json`) gives its base model with the adapter merged in.
        device: ``auto`` (CUDA, else Apple MPS, else CPU) or a torch device.
        dtype: ``auto`` or one of `DTYPES`. On a CPU without bfloat16 instructions ``auto`` is float32.
        revision: commit, tag or branch of a Hub model; of the base, for an adapter (default: the one that it names).
        weights: whether to read them; without, the model is `empty_model` on the CPU, and another process has to send
            its weights, its buffers and how it decodes.

    Raises:
        UsageError: an unknown dtype or device.
        EntminError: the model cannot be found or read.
    """
    where = _device(device)
    kind = _dtype(dtype, where)
    require_name(name)
    path = str(fetch(name)) if name in ALIASES else name
    _, *below = lineage(path)
    adapted, root = bool(below), below[-1] if below else path
    if adapted:
        revision = revision or adapter_revision(path)
    options: dict[str, Any] = {"revision": revision, "trust_remote_code": False}
    logging.disable_progress_bar()
    local = Path(root).exists() and Path(path).exists()
    try:
        with contextlib.nullcontext() if local else reachable_or_offline():
            config = AutoConfig.from_pretrained(root, **options)
            has_tokenizer = not adapted or (Path(path) / "tokenizer_config.json").exists()
            tokenizer = AutoTokenizer.from_pretrained(path if has_tokenizer else root, **options)
            if not weights:
                model = empty_model(config, kind).eval()
                with contextlib.suppress(OSError):  # a model without a generation config
                    model.generation_config = GenerationConfig.from_pretrained(root, revision=revision)
            elif adapted:
                model = load_merged(path, below[0], revision).to(kind).to(where).eval()
            else:
                model = read(path, config, kind, **options).to(where).eval()
        if getattr(model, "_hf_peft_config_loaded", False):
            raise EntminError(
                f"{name!r} is an adapter on the Hub: `hf download {name} --local-dir FOLDER`, give FOLDER"
            )
    except EntminError:
        raise
    except torch.OutOfMemoryError as error:
        raise EntminError(f"model {name!r} does not fit on {where}: {error}; try --device cpu") from error
    except Exception as error:  # transformers and its readers raise every kind for a bad folder
        raise EntminError(f"could not load model {name!r}: {_why(path, error)}") from error
    prepare_for_decoding(model, where)
    version = revision_of(name, path, config) if weights else ""
    eos = _eos(model, tokenizer)
    loaded = LoadedModel(name, model, tokenizer, where, kind, version, eos, longest_sequence(config))
    return checked(loaded) if weights else loaded


def empty_model(config: Any, dtype: torch.dtype, device: torch.device | str = "cpu") -> Any:
    """A model whose weights and buffers are allocated and not set. On a CPU it takes no memory before they are."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    model.to_empty(device=device)
    model.tie_weights()
    return model


def prepare_for_decoding(model: Any, device: torch.device) -> None:
    """Switch off what only training needs, and on what decoding on a CPU is faster with."""
    model.requires_grad_(False)
    text = model.config.get_text_config(decoder=True)
    if getattr(text, "output_router_logits", False):  # for a loss of training, which cannot be taken while decoding
        text.output_router_logits = False
    if device.type == "cpu":
        use_decode_attention(model)


def default_device() -> torch.device:
    """CUDA where there is one, else Apple's MPS, else the CPU."""
    name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    return torch.device(name)


def _device(name: str) -> torch.device:
    if name == "auto":
        return default_device()
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"unknown device {name!r}{closest(name, DEVICES)}; such as {', '.join(DEVICES)}") from error
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"device {name!r} cannot be used: {first_line(error)}; try --device cpu") from error
    return device


def _dtype(name: str, device: torch.device) -> torch.dtype:
    if name in DTYPES:
        return DTYPES[name]
    if name != "auto":
        raise UsageError(f"unknown dtype {name!r}{closest(name, DTYPES)}; dtypes: auto, {', '.join(DTYPES)}")
    return default_dtype(device)


def default_dtype(device: torch.device) -> torch.dtype:
    """Half precision where the device computes in it natively, float32 elsewhere."""
    if device.type == "cpu":
        return torch.bfloat16 if _cpu_has_bfloat16() else torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return torch.float16


def _cpu_has_bfloat16() -> bool:
    """Whether bfloat16 matrix products run natively; emulated ones are slower than float32."""
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(probe and probe())


def _eos(model: Any, tokenizer: Any) -> frozenset[int]:
    """End-of-sequence ids; the only thing taken from the checkpoint's generation config."""
    listed = getattr(model.generation_config, "eos_token_id", None)
    ids = listed if isinstance(listed, list) else [listed]
    return frozenset(i for i in (*ids, tokenizer.eos_token_id) if i is not None)


def _why(path: str, error: Exception) -> str:
    """What went wrong and what to do about it."""
    said = first_line(error).rstrip(".")
    if "trust_remote_code" in str(error):
        return "it needs code of its own (auto_map), which is never run: use a model that transformers knows"
    if Path(path).is_dir():
        missing = [name for name in ("config.json",) if not (Path(path) / name).exists()]
        if missing:
            return f"{said}; the folder has no {missing[0]}: point to the folder save_pretrained wrote"
        return f"{said}; the folder should hold what save_pretrained writes (config, *.safetensors, tokenizer)"
    return why_not_reached() or f"{said}; check the id, or log in if the model is gated (hf auth login)"
