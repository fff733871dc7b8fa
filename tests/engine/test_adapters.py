"""Adapter folders as peft saves them, and checkpoints as transformers does."""

import json
import shutil

import peft
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tests import tiny
from transformers import AutoModelForCausalLM

from entmin.engine.loading import load
from entmin.engine.named import base_of
from entmin.errors import EntminError


@pytest.fixture
def adapter(tmp_path, tiny_llama):
    """A LoRA adapter with random weights on a copy of the tiny model."""
    base = tmp_path / "base"
    shutil.copytree(tiny_llama, base)
    torch.manual_seed(1)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), LoraConfig(r=4, target_modules="all-linear"))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.3)
    model.save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


def test_an_adapter_is_merged_into_its_base(adapter, tmp_path):
    loaded = load(str(adapter), device="cpu", dtype="float32")
    base = load(str(tmp_path / "base"), device="cpu", dtype="float32")
    ids = torch.tensor([[5, 9, 100, 42]])
    reference = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tmp_path / "base"), adapter)
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(ids).logits, reference(ids).logits, rtol=1e-4, atol=1e-4)
        assert not torch.allclose(loaded.model(ids).logits, base.model(ids).logits, atol=0.1)
    assert loaded.tokenizer.chat_template == tiny.TEMPLATE
    assert base.revision in loaded.revision
    assert loaded.revision != base.revision
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())


def test_the_tokenizer_beside_an_adapter_is_the_one_used(adapter):
    tokenizer = tiny.tokenizer()
    tokenizer.chat_template = "changed"
    tokenizer.save_pretrained(adapter)
    assert load(str(adapter), device="cpu").tokenizer.chat_template == "changed"


def test_a_missing_base_is_named_with_the_remedy(adapter, tmp_path):
    (tmp_path / "base").rename(tmp_path / "moved")
    with pytest.raises(EntminError, match=r"was trained on '.*base', which is not here; .*base_model_name_or_path"):
        load(str(adapter))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ("{}", "cannot be read"),
        ('{"base_model_name_or_path": null}', "names no base model"),
    ],
)
def test_a_damaged_adapter_says_so(adapter, text, message):
    (adapter / "adapter_config.json").write_text(text)
    with pytest.raises(EntminError, match=message):
        load(str(adapter))


def test_missing_adapter_weights_say_so(adapter):
    (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(EntminError, match="could not load model"):
        load(str(adapter))


def test_a_checkpoint_names_its_base_in_its_model_card(tmp_path, adapter, tiny_llama):
    assert base_of(adapter) == json.loads((adapter / "adapter_config.json").read_text())["base_model_name_or_path"]
    (tmp_path / "README.md").write_text("---\nbase_model: owner/name\nlicense: mit\n---\n# A model\n")
    assert base_of(tmp_path) == "owner/name"
    with pytest.raises(EntminError, match="does not say which model it was trained from"):
        base_of(tiny_llama)


@pytest.mark.parametrize("targets", [["q_proj"], ["q_proj", "embed_tokens"]], ids=["saved whole", "as adapters"])
def test_tokens_that_were_added_come_with_the_adapter(tiny_llama, tmp_path, targets):
    model, tokenizer = AutoModelForCausalLM.from_pretrained(tiny_llama), tiny.tokenizer()
    tokenizer.add_tokens(["<new1>", "<new2>", "<new3>"])
    model.resize_token_embeddings(len(tokenizer))
    saved = None if "embed_tokens" in targets else ["embed_tokens", "lm_head"]
    adapted = peft.get_peft_model(
        model, peft.LoraConfig(r=2, target_modules=targets, modules_to_save=saved, task_type="CAUSAL_LM")
    )
    with torch.no_grad():
        for parameter in adapted.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1) if parameter.requires_grad else None
    adapted.save_pretrained(tmp_path / "adapter")
    tokenizer.save_pretrained(tmp_path / "adapter")
    ids = torch.tensor([[5, len(tokenizer) - 1, 9]])
    loaded = load(str(tmp_path / "adapter"), device="cpu", dtype="float32")
    with torch.no_grad():
        expected = adapted.eval()(input_ids=ids).logits
        got = loaded.model(input_ids=ids).logits
    # Of a head that is not among what was saved, the rows of new tokens are nowhere; they are the same at every load.
    known = slice(None) if saved else slice(258)
    assert torch.allclose(got[..., known], expected[..., known], atol=1e-4)
    again = load(str(tmp_path / "adapter"), device="cpu", dtype="float32").model
    assert torch.equal(again.get_output_embeddings().weight, loaded.model.get_output_embeddings().weight)


@pytest.mark.parametrize(
    "settings",
    [peft.PromptTuningConfig(num_virtual_tokens=3), peft.PrefixTuningConfig(num_virtual_tokens=3),
     peft.PromptEncoderConfig(num_virtual_tokens=3)],
    ids=lambda settings: settings.peft_type.value,
)  # fmt: skip
def test_kinds_that_cannot_be_merged_are_refused_by_name(tiny_llama, tmp_path, settings):
    settings.task_type = "CAUSAL_LM"
    peft.get_peft_model(AutoModelForCausalLM.from_pretrained(tiny_llama), settings).save_pretrained(
        tmp_path / "adapter"
    )
    with pytest.raises(EntminError, match=f"of the kind {settings.peft_type.value}, which cannot be merged"):
        load(str(tmp_path / "adapter"), device="cpu")
