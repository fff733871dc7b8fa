"""EntropyLogitsProcessor inside the real `generate`, on tiny random models of several architectures."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    LogitsProcessor,
    LogitsProcessorList,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from entmin.core import em_inf, entropy
from entmin.errors import UsageError
from entmin.hosts.transformers import EntropyLogitsProcessor
from entmin.methods import (
    AdaptiveTemperature,
    Edt,
    EmInf,
    Method,
    MinP,
    Normal,
    PLess,
    PLessNorm,
    Sls,
    TopH,
    TopNSigma,
    TwoLevel,
)

VOCABULARY, NEW = 128, 12
PROMPTS = [[5, 9, 31], [7, 7, 80, 12, 99, 3, 41], [64]]
SHAPE = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "initializer_range": 0.4,  # entropies between nothing and log V, as in a trained model
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
STRONG = EmInf(learning_rate=1.0, n_grad_steps=5)
ARCHITECTURES = ["llama", "qwen2", "gemma2", "gpt2"]
every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


@cache
def model_of(architecture, dtype=torch.float32):
    torch.manual_seed(0)
    if architecture == "gpt2":
        sizes = {"vocab_size": VOCABULARY, "n_positions": 64, "n_embd": 32, "n_layer": 2, "n_head": 4}
        tokens = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
        model = GPT2LMHeadModel(GPT2Config(**sizes, **tokens, initializer_range=0.4))
    else:
        kinds = {
            "llama": (LlamaConfig, LlamaForCausalLM),
            "qwen2": (Qwen2Config, Qwen2ForCausalLM),
            "gemma2": (Gemma2Config, Gemma2ForCausalLM),
        }
        config, model = kinds[architecture]
        model = model(config(**SHAPE))
    return model.to(dtype).eval()


def left_padded(prompts):
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    return {"input_ids": ids, "attention_mask": mask}


def generate(model, prompts, *processors, **options):
    """The new tokens and the scores that sampling saw, NEW steps of them."""
    options = {"do_sample": False, "min_new_tokens": NEW, "max_new_tokens": NEW, **options}
    out = model.generate(
        **left_padded(prompts),
        logits_processor=LogitsProcessorList(processors),
        return_dict_in_generate=True,
        output_scores=True,
        output_logits=True,
        **options,
    )
    return out.sequences[:, -NEW:], torch.stack(out.scores), torch.stack(out.logits)


def without_end(logits):
    """What `min_new_tokens` makes of raw logits; processors of the generation config come before ours."""
    masked = logits.clone()
    masked[..., 2] = -torch.inf
    return masked


@every_architecture
@pytest.mark.parametrize("method", [STRONG, AdaptiveTemperature(target_ratio=0.5)], ids=lambda m: m.name)
def test_sampling_sees_the_adjusted_distribution(architecture, method):
    torch.manual_seed(1)
    model = model_of(architecture)
    _, scores, logits = generate(model, PROMPTS, EntropyLogitsProcessor(method), do_sample=True, top_k=0)
    expected = torch.stack([method.adjust(step) for step in without_end(logits)])
    assert torch.equal(scores, expected)
    assert not torch.equal(scores, without_end(logits))


@every_architecture
def test_left_padded_batches_decode_like_single_rows(architecture):
    model = model_of(architecture)
    together, _, _ = generate(model, PROMPTS, EntropyLogitsProcessor(STRONG))
    alone = torch.cat([generate(model, [prompt], EntropyLogitsProcessor(STRONG))[0] for prompt in PROMPTS])
    assert torch.equal(together, alone)


@every_architecture
def test_scores_of_a_left_padded_batch_are_those_of_single_rows(architecture):
    model = model_of(architecture)
    options = {"max_new_tokens": 1, "min_new_tokens": 0}
    _, together, logits = generate(model, PROMPTS, EntropyLogitsProcessor(STRONG), **options)
    assert (entropy(logits[0]) > 0.3).any()
    for i, prompt in enumerate(PROMPTS):
        _, alone, _ = generate(model, [prompt], EntropyLogitsProcessor(STRONG), **options)
        torch.testing.assert_close(together[0, i].softmax(-1), alone[0, 0].softmax(-1), rtol=1e-3, atol=1e-4)


@every_architecture
def test_greedy_with_small_em_inf_steps_is_plain_greedy(architecture):
    model = model_of(architecture)
    plain, _, logits = generate(model, PROMPTS)
    small, scores, _ = generate(model, PROMPTS, EntropyLogitsProcessor(EmInf(learning_rate=0.01)))
    assert torch.equal(small, plain)
    assert not torch.equal(scores, without_end(logits))


def test_normal_leaves_generation_alone():
    model = model_of("llama")
    torch.manual_seed(3)
    plain, plain_scores, _ = generate(model, PROMPTS, do_sample=True)
    torch.manual_seed(3)
    normal, scores, _ = generate(model, PROMPTS, EntropyLogitsProcessor(Normal()), do_sample=True)
    assert torch.equal(normal, plain)
    assert torch.equal(scores, plain_scores)


def test_adjustment_comes_before_temperature_and_truncation():
    torch.manual_seed(4)
    options = {"do_sample": True, "temperature": 0.5, "top_k": 5, "top_p": 0.95}
    tokens, scores, logits = generate(model_of("llama"), PROMPTS, EntropyLogitsProcessor(STRONG), **options)
    adjusted = torch.stack([STRONG.adjust(step) for step in without_end(logits)])
    kept = scores > -torch.inf
    assert kept.sum(-1).max() <= 5
    assert torch.equal(scores[kept], (adjusted / 0.5)[kept])
    other = torch.stack([STRONG.adjust(step / 0.5) for step in without_end(logits)])
    assert not torch.allclose(scores[kept], other[kept])
    assert kept.gather(-1, tokens.T[..., None]).all()


@pytest.mark.parametrize("method", [MinP(0.2), PLess(), PLessNorm(), TopH()], ids=lambda m: m.name)
@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7])
def test_methods_of_the_later_stage_work_on_what_temperature_leaves(method, temperature):
    torch.manual_seed(8)
    processor = EntropyLogitsProcessor(method, temperature=temperature)
    options = {"do_sample": True, "temperature": temperature, "top_k": 0}
    tokens, scores, logits = generate(model_of("llama"), PROMPTS, processor, **options)
    expected = torch.stack([method.adjust(step / temperature) for step in without_end(logits)])
    assert torch.equal(scores == -torch.inf, expected == -torch.inf)
    torch.testing.assert_close(scores, expected)
    assert (scores.gather(-1, tokens.T[..., None]) > -torch.inf).all()


def test_methods_of_the_later_stage_ask_for_the_temperature():
    with pytest.raises(UsageError, match=r"min_p works on logits after temperature.*say it, as in temperature=1\.0"):
        EntropyLogitsProcessor(MinP())
    _, scores, logits = generate(model_of("llama"), PROMPTS, EntropyLogitsProcessor(PLess(), temperature=0))
    assert torch.equal(scores, without_end(logits))


@pytest.mark.parametrize("method", [TwoLevel(1.0), Edt(0.8, 0.5), TopNSigma()], ids=lambda m: m.name)
def test_methods_of_the_earlier_stage_need_no_temperature(method):
    torch.manual_seed(9)
    options = {"do_sample": True, "temperature": 0.5, "top_k": 0}
    _, scores, logits = generate(model_of("llama"), PROMPTS, EntropyLogitsProcessor(method), **options)
    adjusted = torch.stack([method.adjust(step) for step in without_end(logits)])
    torch.testing.assert_close(scores, adjusted / 0.5)


def test_after_the_processors_of_the_generation_config_and_before_its_warpers():
    seen = []

    class Spy(LogitsProcessor):
        def __call__(self, input_ids, scores):
            seen.append(scores.clone())
            return scores

    torch.manual_seed(5)
    options = {"do_sample": True, "temperature": 0.25, "top_k": 3}
    _, scores, logits = generate(model_of("qwen2"), PROMPTS, Spy(), EntropyLogitsProcessor(STRONG), Spy(), **options)
    assert torch.equal(torch.stack(seen[::2]), without_end(logits))
    kept = scores > -torch.inf
    assert torch.equal((torch.stack(seen[1::2]) / 0.25)[kept], scores[kept])


@every_architecture
def test_recorded_entropies_are_those_of_the_logits(architecture):
    processor = EntropyLogitsProcessor(STRONG, record=True)
    torch.manual_seed(6)
    _, scores, logits = generate(model_of(architecture), PROMPTS, processor, do_sample=True, temperature=1.0, top_k=0)
    before, after = processor.entropies()
    assert before.shape == after.shape == (NEW, len(PROMPTS))
    torch.testing.assert_close(before, entropy(without_end(logits)))
    torch.testing.assert_close(after, entropy(scores))
    moved = before >= STRONG.threshold
    assert moved.any()
    assert (after[moved] != before[moved]).all()
    assert torch.equal(after[~moved], before[~moved])


@pytest.mark.parametrize("record", [False, True])
@pytest.mark.parametrize("method", [STRONG, AdaptiveTemperature(target_ratio=0.5), Normal()], ids=lambda m: m.name)
def test_writing_over_the_scores_gives_the_same_ones(method, record):
    scores = torch.randn(3, 5000, generator=torch.Generator().manual_seed(2)) * 3
    expected = method.adjust(scores.clone())
    before, after = entropy(scores), entropy(expected)
    processor = EntropyLogitsProcessor(method, record=record, in_place=True)
    out = processor(torch.zeros(3, 1, dtype=torch.long), scores)
    assert torch.equal(out, expected)
    if not record:
        assert out is scores
    else:
        torch.testing.assert_close(processor.entropies().before[0], before)
        torch.testing.assert_close(processor.entropies().after[0], after)


def test_recording_starts_empty_and_is_of_one_call():
    processor = EntropyLogitsProcessor(Normal(), record=True)
    assert processor.entropies().before.shape == (0, 0)
    generate(model_of("llama"), PROMPTS, processor)
    assert processor.entropies().before.shape == (NEW, len(PROMPTS))
    assert torch.equal(processor.entropies().before, processor.entropies().after)
    for other in (PROMPTS, PROMPTS[:2], [[9, 9], [8, 8], [7, 7]]):
        with pytest.raises(UsageError, match="build a new processor for each call, or reset"):
            generate(model_of("llama"), other, processor)
        assert processor.entropies().before.shape == (NEW, len(PROMPTS))
        generate(model_of("llama"), other, second := EntropyLogitsProcessor(Normal(), record=True))
        processor.reset()
        assert processor.entropies().after.shape == (0, 0)
        generate(model_of("llama"), other, processor)
        assert torch.equal(processor.entropies().before, second.entropies().before)
        processor.reset()
        generate(model_of("llama"), PROMPTS, processor)


def test_nothing_is_recorded_unless_asked():
    processor = EntropyLogitsProcessor(STRONG)
    generate(model_of("llama"), PROMPTS, processor)
    assert processor.entropies().before.numel() == 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_half_precision_models_sample_and_decode_greedily(architecture, dtype):
    torch.manual_seed(7)
    for options in ({"do_sample": True, "top_k": 0}, {}):
        processor = EntropyLogitsProcessor(STRONG, record=True)
        tokens, scores, logits = generate(model_of(architecture, dtype), PROMPTS, processor, **options)
        assert scores.dtype == torch.float32
        assert tokens.shape == (len(PROMPTS), NEW)
        assert torch.equal(scores, torch.stack([STRONG.adjust(step) for step in without_end(logits.float())]))
        assert processor.entropies().after.isfinite().all()


BEAMS = {"num_beams": 3, "num_return_sequences": 3, "output_scores": True}


@every_architecture
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("method", [EmInf(threshold=0.0), AdaptiveTemperature(target_ratio=0.5)], ids=lambda m: m.name)
def test_beams_get_log_probabilities(architecture, method, in_place):
    """So the answers are those of a search that normalises what the method made."""
    model, seen = model_of(architecture), []

    class Spy(LogitsProcessor):
        def __call__(self, input_ids, scores):
            seen.append(scores.clone())
            return scores

    class Plain(LogitsProcessor):
        def __call__(self, input_ids, scores):
            return method.adjust(scores)

    options = {"max_new_tokens": NEW, "do_sample": False, **BEAMS}
    prompts = left_padded(PROMPTS)
    ours = model.generate(
        **prompts, logits_processor=[EntropyLogitsProcessor(method, in_place=in_place), Spy()], **options
    )
    right = model.generate(**prompts, logits_processor=[Plain()], renormalize_logits=True, **options)
    assert torch.equal(ours, right)
    for scores in seen:
        torch.testing.assert_close(scores.exp().sum(-1), torch.ones(len(scores)), atol=1e-5, rtol=0)
    without = model.generate(**prompts, logits_processor=[EntropyLogitsProcessor(Normal())], **options)
    assert torch.equal(without, model.generate(**prompts, **options))


def test_rows_that_are_no_log_probabilities_keep_their_scores():
    mixed = torch.tensor([[2.0, 1.0, -1.0], [-3.0, -2.0, -5.0]])
    out = EntropyLogitsProcessor(STRONG)(torch.zeros(2, 1, dtype=torch.long), mixed)
    expected = STRONG.adjust(mixed)
    assert torch.equal(out[0], expected[0])
    torch.testing.assert_close(out[1], expected[1].log_softmax(-1))
    masked = torch.full((1, 3), -torch.inf)
    assert torch.equal(EntropyLogitsProcessor(MinP(), temperature=1)(torch.zeros(1, 1).long(), masked).isnan(),
                       MinP().adjust(masked).isnan())  # fmt: skip


def test_a_record_of_beams_or_of_proposals_says_why_it_cannot_be():
    model = model_of("llama")
    for options in ({"min_new_tokens": 0}, {}):  # the latter masks the end of sequence, so probabilities sum to less
        processor = EntropyLogitsProcessor(EmInf(threshold=0.0), record=True)
        with pytest.raises(UsageError, match="beams change places"):
            generate(model, PROMPTS, processor, num_beams=3, **options)
        assert processor.entropies().before.numel() == 0
    for options in ({"assistant_model": model_of("qwen2")}, {"prompt_lookup_num_tokens": 3}):
        processor = EntropyLogitsProcessor(STRONG, record=True)
        with pytest.raises(UsageError, match="decode without an assistant model, prompt lookup"):
            generate(model, [PROMPTS[1] * 3], processor, min_new_tokens=None, max_new_tokens=30, **options)


@pytest.mark.parametrize(
    "given", [EmInf, "em_inf", "em-inf", EmInf()], ids=["class", "name", "name with a hyphen", "method"]
)
def test_a_method_its_class_or_its_name(given):
    assert EntropyLogitsProcessor(given).method == EmInf()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("em_inv", r"unknown method 'em_inv' \(did you mean 'em_inf'"),
        (None, r"None is no decoding method: give EmInf\(\)"),
        ({"method": "em_inf"}, "is no decoding method"),
        (LogitsProcessor(), "is no decoding method"),
        (LogitsProcessor, "is no decoding method"),
        (Method, "is no decoding method"),
        (entropy, "is no decoding method"),
    ],
)
def test_anything_else_is_refused_at_once(given, message):
    with pytest.raises(UsageError, match=message):
        EntropyLogitsProcessor(given)


def test_a_method_in_the_place_of_its_processor_is_told_what_to_do():
    with pytest.raises(UsageError, match=r"EntropyLogitsProcessor\(EmInf"):
        model_of("llama").generate(**left_padded(PROMPTS), logits_processor=[EmInf()], max_new_tokens=2)


@pytest.mark.parametrize("record", [False, True])
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("method", [STRONG, AdaptiveTemperature(), Sls(), PLess(), Normal()], ids=lambda m: m.name)
def test_logits_that_carry_gradients_are_taken(method, in_place, record):
    inputs = left_padded(PROMPTS)
    logits = model_of("gpt2")(**inputs).logits[:, -1]
    assert logits.requires_grad
    processor = EntropyLogitsProcessor(method, record=record, in_place=in_place, temperature=1.0)
    plain = EntropyLogitsProcessor(method, temperature=1.0)
    out = processor(inputs["input_ids"], logits)
    assert not out.requires_grad and not processor.entropies().before.requires_grad
    assert torch.equal(out, plain(inputs["input_ids"], logits.detach().clone()) if not in_place else out)
    assert not em_inf(model_of("gpt2")(**inputs).logits[:, -1]).requires_grad
