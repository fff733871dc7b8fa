"""Rewards in TRL's own trainers, as somebody without `entmin train` has them."""

from __future__ import annotations

import pytest

pytest.importorskip("trl")

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

from entmin.core import entropy
from entmin.errors import UsageError
from entmin.train.reward_functions import Reward, correct
from entmin.train.rewards import reward_summaries

CHAT = [{"role": "user", "content": "one"}]


@pytest.fixture
def policy(tiny_llama):
    return AutoModelForCausalLM.from_pretrained(tiny_llama), AutoTokenizer.from_pretrained(tiny_llama)


@pytest.mark.parametrize("trainer, settings", [(GRPOTrainer, GRPOConfig), (RLOOTrainer, RLOOConfig)])
@pytest.mark.parametrize("chat", [True, False])
def test_a_trainer_of_trl_takes_every_reward(policy, tmp_path, trainer, settings, chat):
    model, tokenizer = policy
    texts = [f"What is {i} + {i}?" for i in range(8)]
    prompts = [[{"role": "user", "content": text}] if chat else text for text in texts]
    data = Dataset.from_dict({"prompt": prompts, "answer": [str(2 * i) for i in range(8)], "kind": ["integer"] * 8})
    rewards = [Reward(name, model, tokenizer) for name in reward_summaries()]
    options = settings(
        output_dir=str(tmp_path), max_steps=2, per_device_train_batch_size=4, num_generations=2, learning_rate=1e-3,
        max_completion_length=6, report_to=[], logging_steps=1, save_strategy="no", use_cpu=True, disable_tqdm=True,
    )  # fmt: skip
    one = trainer(model, reward_funcs=[*rewards, correct], args=options, train_dataset=data, processing_class=tokenizer)
    one.train()
    logs = [row for row in one.state.log_history if "reward" in row]
    assert len(logs) == 2
    even = [row for row in logs if row["completions/min_length"] == row["completions/max_length"]]
    assert even, "where lengths are equal, TRL's mean over tokens is the mean over completions"
    for row in even:
        assert row["rewards/token-entropy/mean"] == pytest.approx(-row["entropy"], abs=1e-3)
    for row in logs:
        assert row["rewards/minus-length/mean"] == -row["completions/mean_length"]
        assert 0.5 <= row["rewards/majority/mean"] <= 1
        assert 0 <= row["rewards/correct/mean"] <= 1


def test_measures_are_those_of_the_models_own_distribution(policy):
    model, tokenizer = policy
    model.train()
    ids = [tokenizer("12")["input_ids"], tokenizer("345")["input_ids"]]
    texts = [[{"role": "assistant", "content": text}] for text in ("12", "345")]

    def measured(name, temperature=0.5, **settings):
        return Reward(name, model, tokenizer, temperature=temperature, **settings)([CHAT, CHAT], texts, ids)

    before = tokenizer.apply_chat_template(CHAT, add_generation_prompt=True, return_dict=True)["input_ids"]
    for row, own in enumerate(ids):
        with torch.no_grad():
            logits = model.eval()(torch.tensor([[*before, *own]])).logits[0, len(before) - 1 : -1] / 0.5
        logp = logits.log_softmax(-1)
        assert measured("token-entropy")[row] == pytest.approx(-float(entropy(logits).mean()), abs=1e-4)
        assert measured("token-entropy", reduction="sum")[row] == pytest.approx(-float(entropy(logits).sum()), abs=1e-3)
        chosen = logp[range(len(own)), own]
        assert measured("sequence-logprob")[row] == pytest.approx(float(chosen.mean()), abs=1e-4)
        uniform = torch.full_like(logp, 1 / logp.shape[-1])
        divergence = torch.nn.functional.kl_div(logp, uniform, reduction="none").sum(-1).mean()
        assert measured("self-certainty")[row] == pytest.approx(float(divergence), abs=1e-4)


def test_labels_and_votes():
    texts = ["so it is \\boxed{5}", "\\boxed{5.0}", "\\boxed{6}", "who knows"]
    assert correct(completions=texts, answer=["5", 5, "5", None]) == [1.0, 1.0, 0.0, None]
    votes = Reward("majority")(prompts=["q"] * 4, completions=texts, completion_ids=[[1]] * 4, answer=["5"] * 4)
    assert votes == [0.5, 0.5, 0.25, 0.25]
    random = Reward("random", seed=3)
    first, second = (random(prompts=["q"] * 2, completions=texts[:2], completion_ids=[[1]] * 2) for _ in range(2))
    assert len({*first, *second}) == 4
    again = Reward("random", seed=3)
    assert first == again(prompts=["q"] * 2, completions=texts[:2], completion_ids=[[1]] * 2)


def test_what_cannot_be_is_said():
    with pytest.raises(UsageError, match="did you mean 'token-entropy'"):
        Reward("token-entropi")
    with pytest.raises(UsageError, match="reductions"):
        Reward("token-entropy", reductions="sum")
    with pytest.raises(UsageError, match="measures the policy"):
        Reward("rent")(prompts=["q"], completions=["a"], completion_ids=[[1]])
    with pytest.raises(UsageError, match="multiple of num_generations"):
        Reward("majority")(prompts=["p", "p", "q"], completions=["a"] * 3, completion_ids=[[1]] * 3)
