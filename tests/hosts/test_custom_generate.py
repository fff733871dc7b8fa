"""The folder for `custom_generate`, as transformers loads it from disk."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM, GenerationConfig, LogitsProcessorList, MinLengthLogitsProcessor

from entmin.errors import UsageError
from entmin.hosts.transformers import CUSTOM_GENERATE, EntropyLogitsProcessor
from entmin.methods import AdaptiveTemperature, EmInf, MinP, Normal

IDS = torch.tensor([[5, 9, 31], [7, 80, 12]])
SAMPLED = {"do_sample": True, "temperature": 0.7, "top_k": 20, "max_new_tokens": 12, "attention_mask": torch.ones(2, 3)}


@pytest.fixture(scope="module")
def model(tiny_llama):
    return AutoModelForCausalLM.from_pretrained(tiny_llama).eval()


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """transformers copies the code into its cache before it runs it."""
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))


def custom(model, **options):
    torch.manual_seed(3)
    options = {**SAMPLED, **options}
    return model.generate(IDS, custom_generate=CUSTOM_GENERATE, trust_remote_code=True, **options)


def by_processor(model, method, *others, **options):
    torch.manual_seed(3)
    processors = LogitsProcessorList([*others, EntropyLogitsProcessor(method)])
    return model.generate(IDS, logits_processor=processors, **{**SAMPLED, **options})


@pytest.mark.parametrize(
    ("arguments", "method"),
    [
        ({}, EmInf()),
        ({"threshold": 0.1, "learning_rate": 0.9, "n_grad_steps": 5}, EmInf(0.1, learning_rate=0.9, n_grad_steps=5)),
        ({"method": "em-inf", "preset": "paper_qwen"}, EmInf.preset("paper_qwen")),
        ({"method": "adaptive_temp", "target_ratio": 0.5}, AdaptiveTemperature(target_ratio=0.5)),
        ({"method": "normal"}, Normal()),
    ],
    ids=str,
)
def test_it_generates_what_the_logits_processor_generates(model, arguments, method):
    assert torch.equal(custom(model, **arguments), by_processor(model, method))


@pytest.mark.parametrize("told", [{"temperature": 0.7}, {"generation_config": GenerationConfig(temperature=0.7)}])
def test_a_method_of_the_stage_after_temperature_is_told_it(model, told):
    options = {name: value for name, value in SAMPLED.items() if name != "temperature"} | told
    torch.manual_seed(3)
    found = model.generate(
        IDS, custom_generate=CUSTOM_GENERATE, trust_remote_code=True, method="min_p", p_base=0.3, **options
    )
    torch.manual_seed(3)
    processor = EntropyLogitsProcessor(MinP(0.3), temperature=0.7)
    assert torch.equal(found, model.generate(IDS, logits_processor=[processor], **options))


def test_greedy_decoding_is_left_alone_by_methods_that_truncate(model):
    options = {"do_sample": False, "temperature": None, "top_k": None}
    assert torch.equal(custom(model, method="min_p", **options), custom(model, method="normal", **options))


def test_other_arguments_and_processors_are_kept(model):
    longer = MinLengthLogitsProcessor(20, 1)
    mine = custom(model, logits_processor=[longer], max_new_tokens=25, return_dict_in_generate=True, output_scores=True)
    theirs = by_processor(model, EmInf(), longer, max_new_tokens=25, return_dict_in_generate=True, output_scores=True)
    assert torch.equal(mine.sequences, theirs.sequences)
    assert torch.equal(torch.stack(mine.scores), torch.stack(theirs.scores))


def test_the_method_matters(model):
    strong = custom(model, learning_rate=5.0, threshold=0.0)
    assert not torch.equal(strong, custom(model, method="normal"))


def test_wrong_arguments_are_errors(model):
    with pytest.raises(UsageError, match="did you mean 'em_inf'"):
        custom(model, method="em_inv")
    with pytest.raises(UsageError, match="between 0 and 20"):
        custom(model, threshold=-1)
    for foreign in ({"treshold": 0.3}, {"tmax": 2.0}):
        with pytest.raises(ValueError, match=next(iter(foreign))):
            custom(model, **foreign)
