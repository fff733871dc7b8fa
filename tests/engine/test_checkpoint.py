"""What is read without `from_pretrained` is what `from_pretrained` reads, for every architecture."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests import architectures, tiny
from transformers import AutoConfig, AutoModelForCausalLM

from entmin.engine.checkpoint import read_directly

PLAIN = ["llama", "qwen2", "gpt2", "mamba", "mistral"]


def both(folder, dtype=torch.float32):
    direct = read_directly(str(folder), AutoConfig.from_pretrained(folder), dtype)
    return direct, AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)


def assert_alike(direct, usual):
    assert type(direct) is type(usual) and direct.config.to_dict() == usual.config.to_dict()
    assert direct.config._attn_implementation == usual.config._attn_implementation
    assert direct.generation_config.to_dict() == usual.generation_config.to_dict()
    for kind in ("named_parameters", "named_buffers"):
        ours, theirs = dict(getattr(direct, kind)()), dict(getattr(usual, kind)())
        assert list(ours) == list(theirs)  # a tied weight is one parameter
        for name, tensor in ours.items():
            assert tensor.dtype == theirs[name].dtype, name
            assert torch.equal(tensor, theirs[name]), name


@pytest.mark.slow
@pytest.mark.parametrize("kind", architectures.KINDS)
def test_every_architecture_is_read_alike_or_left_to_from_pretrained(kind, tmp_path):
    if architectures.verdict(kind)[0] == "refused":
        pytest.skip("no model to save")
    architectures.build(kind).save_pretrained(tmp_path)
    for dtype in (torch.float32, torch.bfloat16):
        direct = read_directly(str(tmp_path), AutoConfig.from_pretrained(tmp_path), dtype)
        if direct is not None:
            assert_alike(direct, AutoModelForCausalLM.from_pretrained(tmp_path, dtype=dtype))


@pytest.mark.parametrize("kind", PLAIN)
def test_plain_models_are_read_directly(kind, tmp_path):
    architectures.build(kind).save_pretrained(tmp_path)
    direct, usual = both(tmp_path, torch.bfloat16)
    assert direct is not None
    assert_alike(direct, usual)


def test_weights_in_several_files_are_read_directly(tmp_path):
    architectures.build("llama").save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 2
    assert_alike(*both(tmp_path))


@pytest.mark.parametrize("change", ["missing", "other shape", "unknown", "quantized", "old format"])
def test_what_does_not_fit_is_left_to_from_pretrained(change, tmp_path):
    folder = tiny.save(tmp_path / "model")
    weights, settings = folder / "model.safetensors", folder / "config.json"
    tensors = load_file(weights)
    first = next(name for name in tensors if name.endswith("q_proj.weight"))
    if change == "missing":
        del tensors[first]
    elif change == "other shape":
        tensors[first] = tensors[first][:1].clone()
    elif change == "unknown":
        tensors["nowhere.weight"] = torch.zeros(1)
    elif change == "quantized":
        told = json.loads(settings.read_text()) | {"quantization_config": {"quant_method": "bitsandbytes"}}
        settings.write_text(json.dumps(told))
    save_file(tensors, weights, metadata={"format": "pt"})
    if change == "old format":
        weights.rename(folder / "pytorch_model.bin")
    assert read_directly(str(folder), AutoConfig.from_pretrained(folder), torch.float32) is None
