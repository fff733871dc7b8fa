"""Models of every architecture: decoded as one pass over the tokens says, or refused when they are loaded."""

import pytest
import torch
from tests import architectures, tiny
from transformers import AutoModelForCausalLM, BertConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from entmin.engine.loading import load
from entmin.engine.requests import Request, Sampling
from entmin.engine.scheduler import Scheduler
from entmin.errors import EntminError

LENGTHS, NEW = (1, 3, 20, 37, 5, 11, 2), (12, 3, 30, 5, 20, 9, 16)
"""Prompts shorter and longer than a window, and answers of different lengths: rows leave and join."""
OTHER_POSITIONS = {
    *("camembert", "data2vec-text", "roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod"),
}
"""`generate` gives these positions from 0 on; the model by itself, as it was trained, counts from the padding's id."""
NOT_GENERATED = {"blt", "xlm"}
"""`generate` of transformers fails on these."""


STATEFUL = [
    *("mamba", "mamba2", "falcon_mamba", "jamba", "bamba", "zamba", "lfm2", "qwen3_next", "recurrent_gemma", "rwkv"),
]


def prompts(head=0):
    """With so many tokens before each that all of them share."""
    numbers = torch.Generator().manual_seed(1)
    own = [torch.randint(5, 240, (n,), generator=numbers).tolist() for n in LENGTHS]
    shared = torch.randint(5, 240, (head,), generator=numbers).tolist()
    return [shared + prompt for prompt in own]


def decode(loaded, batch_size=3, head=0):
    greedy = Sampling(temperature=0)
    asked = [
        Request(prompt, sampling=greedy, max_tokens=new, confidence=True)
        for prompt, new in zip(prompts(head), NEW, strict=True)
    ]
    return Scheduler(loaded, batch_size).generate(asked)


@torch.inference_mode()
def one_pass(model, prompt, done):
    """``[T, V]`` log-probabilities of each token of an answer, from one pass without cache and padding."""
    ids = torch.tensor([prompt + done.tokens])
    return model(input_ids=ids, use_cache=False).logits[0, len(prompt) - 1 : -1].float().log_softmax(-1)


def agrees(model, done, head=0):
    """The greedy choice at every step, and its log-probability."""
    for prompt, answer in zip(prompts(head), done, strict=True):
        expected = one_pass(model, prompt, answer)
        assert answer.tokens == expected.argmax(-1).tolist()
        chosen = expected.gather(-1, torch.tensor(answer.tokens)[:, None])[:, 0]
        ours = torch.tensor([one.log_probability for one in answer.confidence])
        torch.testing.assert_close(ours, chosen, atol=2e-3, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", architectures.KINDS)
def test_every_architecture_decodes_as_one_pass_and_generate_do_or_is_refused(kind):
    way, why = architectures.verdict(kind)
    if architectures.listed_version() == architectures.VERSION:
        assert architectures.listed()[kind] == way, "run: python -m tests.architectures > docs/architectures.md"
    if way == "refused":
        assert why
        return
    loaded = architectures.loaded(architectures.build(kind), kind)
    done = decode(loaded)
    agrees(loaded.model, done)
    for prompt, new, answer in zip(prompts(), NEW, done, strict=True):
        if kind not in OTHER_POSITIONS | NOT_GENERATED:
            generated = loaded.model.generate(
                torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt)).long(), max_new_tokens=new
            )
            assert answer.tokens == generated[0, len(prompt) :].tolist()
    if loaded.shares:
        agrees(loaded.model, decode(loaded, head=70), head=70)


@pytest.mark.parametrize(
    "kind",
    ["mamba", "mamba2", "falcon_mamba", "jamba", "bamba", "zamba", "lfm2", "qwen3_next", "recurrent_gemma", "rwkv"],
)
def test_models_with_a_state_load_from_a_folder_and_decode_rightly(kind, tmp_path):
    """From the second token on Mamba saw one token; rows that left ended the others; padding was read as text."""
    architectures.build(kind).save_pretrained(tmp_path)
    tiny.tokenizer().save_pretrained(tmp_path)
    loaded = load(str(tmp_path), dtype="float32", device="cpu")
    assert loaded.decoding == architectures.listed()[kind]
    done = decode(loaded)
    agrees(loaded.model, done)
    assert [answer.tokens for answer in decode(loaded, 7)] == [answer.tokens for answer in done]


def test_the_page_lists_every_architecture():
    if architectures.listed_version() != architectures.VERSION:
        pytest.skip("the page is of another transformers")
    assert set(architectures.listed()) == set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)


def test_a_model_that_looks_ahead_is_refused_by_name(tmp_path):
    sizes = {"vocab_size": 258, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = BertConfig(**sizes, intermediate_size=64, pad_token_id=0, eos_token_id=1)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    tiny.tokenizer().save_pretrained(tmp_path)
    with pytest.raises(EntminError, match=r"BertLMHeadModel.*is_decoder"):
        load(str(tmp_path), dtype="float32", device="cpu")


def test_a_model_that_nobody_listed_falls_back_to_single_rows(tiny_llama, monkeypatch):
    """A Llama that reads padding as text and ignores its positions: found by trying, and decoded row by row."""
    from transformers import LlamaForCausalLM

    original = LlamaForCausalLM.forward

    def forward(self, input_ids, attention_mask=None, past_key_values=None, use_cache=None, **options):
        options.pop("position_ids", None)
        return original(self, input_ids, past_key_values=past_key_values, use_cache=use_cache, **options)

    monkeypatch.setattr(LlamaForCausalLM, "forward", forward)
    loaded = load(str(tiny_llama), dtype="float32", device="cpu")
    assert loaded.decoding == "rowwise"
    assert "each row alone" in loaded.slow
    assert loaded.slow in Scheduler(loaded).notices
    agrees(loaded.model, decode(loaded))
