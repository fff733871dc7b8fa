"""What we hook in TRL is still where it was, and does what we take it to do."""

from __future__ import annotations

import inspect
import json
from types import SimpleNamespace

import pytest
import torch

trl = pytest.importorskip("trl")

from entmin.core import rewards  # noqa: E402
from entmin.core.diversity import agreement, distinct, repetition  # noqa: E402
from entmin.train.trainers.intrinsic import answer_ids  # noqa: E402
from tests import tiny  # noqa: E402
from tests.train.runs import config, trainer_for  # noqa: E402

HOOKS = {
    "_generate": ["self", "prompts"],
    "_tokenize_prompts": ["self", "prompts"],
    "_generate_single_turn": ["self", "prompt_ids", "images", "multimodal_fields"],
    "_generate_and_score_completions": ["self", "inputs"],
    "_calculate_rewards": ["self", "inputs", "prompts", "completions", "completion_ids_list"],
    "_get_per_token_logps_and_entropies": [
        "self", "model", "input_ids", "attention_mask", "logits_to_keep", "batch_size", "compute_entropy",
    ],
    "_compute_loss": ["self", "model", "inputs"],
    "_prepare_inputs": ["self", "generation_batch"],
    "_save_checkpoint": ["self", "model", "trial"],
    "_get_output_dir": ["self", "trial"],
    "create_model_card": ["self"],
    "log": ["self", "logs", "start_time"],
    "_clip_grad_norm": ["self", "model"],
    "create_accelerator_and_postprocess": ["self"],
    "_save": ["self", "output_dir", "state_dict"],
}  # fmt: skip


@pytest.mark.parametrize("trainer", ["RLOOTrainer", "GRPOTrainer"])
@pytest.mark.parametrize("name", list(HOOKS))
def test_every_hooked_method_takes_what_it_took(trainer, name):
    found = list(inspect.signature(getattr(getattr(trl, trainer), name)).parameters)
    assert found[: len(HOOKS[name])] == HOOKS[name]


def test_private_names_are_there():
    from trl.models.utils import disable_gradient_checkpointing
    from trl.trainer import utils
    from trl.trainer.base_config import _BaseConfig
    from trl.trainer.base_trainer import _BaseTrainer

    assert callable(disable_gradient_checkpointing) and callable(utils.use_adapter) and callable(utils._use_triton)
    assert issubclass(trl.RLOOConfig, _BaseConfig) and issubclass(trl.RLOOTrainer, _BaseTrainer)
    assert trl.RLOOTrainer.loss_is_scaled_for_ga is False and trl.GRPOTrainer.loss_is_scaled_for_ga is True


def batch_of(trainer):
    """One rollout as the trainer makes it, and what it was made of."""
    trainer.model.train()
    rows = [trainer.train_dataset[i // trainer.num_generations] for i in range(trainer.args.generation_batch_size)]
    return trainer._generate_and_score_completions(rows)


def naive(trainer, batch):
    """(entropies, log-probabilities, mask) of the completions from full logits, no padding involved."""
    model, width = trainer.model, batch["completion_ids"].shape[1]
    entropies, logprobs = [], []
    for row in range(len(batch["prompt_ids"])):
        prompt = batch["prompt_ids"][row][batch["prompt_mask"][row].bool()]
        answer = batch["completion_ids"][row][batch["completion_mask"][row].bool()]
        logits = model(input_ids=torch.cat([prompt, answer])[None]).logits[0, len(prompt) - 1 : -1].double()
        logs = (logits / trainer.temperature).log_softmax(-1)
        pad = (0, width - len(answer))
        entropies.append(torch.nn.functional.pad(-(logs.exp() * logs).sum(-1), pad))
        logprobs.append(torch.nn.functional.pad(logs[range(len(answer)), answer], pad))
    return torch.stack(entropies), torch.stack(logprobs), batch["completion_mask"]


@pytest.mark.parametrize("advantage", ["rloo", "grpo"])
@pytest.mark.parametrize("reward", ["token-entropy", "sequence-logprob", "rent", "self-certainty"])
def test_rewards_are_those_of_the_policy_and_advantages_those_of_the_paper(tiny_llama, tmp_path, advantage, reward):
    settings = config(
        tiny_llama, tmp_path, "em-rl", reward=reward, advantage=advantage, kl=0, temperature=1.5, batch_size=2
    )
    trainer = trainer_for(settings)
    batch = batch_of(trainer)
    with torch.no_grad():
        entropies, logprobs, mask = naive(trainer, batch)
    expected = {
        "token-entropy": lambda: rewards.token_entropy(entropies, logprobs, mask),
        "sequence-logprob": lambda: rewards.sequence_logprob(entropies, logprobs, mask),
        "rent": lambda: rewards.rent(entropies, logprobs, mask),
        "self-certainty": lambda: certainty(trainer, batch),
    }[reward]()
    seen = torch.tensor(list(trainer._logs["rewards"][reward]), dtype=torch.float64)
    torch.testing.assert_close(seen, expected, atol=2e-4, rtol=1e-4)
    estimate = rewards.rloo_advantages if advantage == "rloo" else rewards.grpo_advantages
    torch.testing.assert_close(batch["advantages"].double(), estimate(seen, 4), atol=1e-3, rtol=1e-3)


def certainty(trainer, batch):
    found = []
    for row in range(len(batch["prompt_ids"])):
        prompt = batch["prompt_ids"][row][batch["prompt_mask"][row].bool()]
        answer = batch["completion_ids"][row][batch["completion_mask"][row].bool()]
        with torch.no_grad():
            logits = trainer.model(input_ids=torch.cat([prompt, answer])[None]).logits[0, len(prompt) - 1 : -1]
        p = (logits.double() / trainer.temperature).softmax(-1)
        uniform = torch.full_like(p, 1 / p.shape[-1])
        found.append((uniform * (uniform.log() - p.log())).sum(-1).mean())
    return torch.stack(found)


def test_reward_is_minus_the_entropy_that_trl_itself_reports(tiny_llama, tmp_path):
    trainer = trainer_for(config(tiny_llama, tmp_path, "em-rl", kl=0, batch_size=2))
    batch = batch_of(trainer)
    trainer._step, trainer.current_gradient_accumulation_steps = 0, 1
    trl.RLOOTrainer._compute_loss(trainer, trainer.model, batch)
    lengths = batch["completion_mask"].sum(-1)
    seen = torch.tensor(list(trainer._logs["rewards"]["token-entropy"]))
    reported = trainer._metrics["train"]["entropy"][-1]
    assert (seen * lengths).sum() / lengths.sum() == pytest.approx(-reported, abs=1e-4)


def uneven_prompts(folder):
    """Settings for prompts of very different lengths, so that most rows are padded."""
    path = folder / "uneven.jsonl"
    path.write_text("".join(json.dumps({"prompt": "word " * (1 + 5 * i)}) + "\n" for i in range(6)))
    return {"data": str(path), "data_options": {}, "decontaminate": ()}


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_gradient_of_em_ft_is_autograd_on_the_naive_loss(tmp_path, reduction, architecture):
    """The naive loss knows no padding, which gpt2's absolute positions must not see either."""
    model = tiny.save(tmp_path / "model", architecture)
    trainer = trainer_for(config(model, tmp_path, reduction=reduction, **uneven_prompts(tmp_path)))
    trainer.model.train()
    batch = trainer._prepare_inputs([trainer.train_dataset[i] for i in range(4)])
    loss = trainer._compute_loss(trainer.model, batch)
    loss.backward()
    ours = {name: p.grad.clone() for name, p in trainer.model.named_parameters() if p.grad is not None}
    trainer.model.zero_grad()
    entropies, _, mask = naive(trainer, batch)
    expected = (entropies * mask).sum() / (mask.sum() if reduction == "mean" else len(mask))
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)
    for name, parameter in trainer.model.named_parameters():
        torch.testing.assert_close(ours[name], parameter.grad, atol=2e-4, rtol=2e-3)


def by_its_equation(advantage, reward, logprobs, reference, mask, kl):
    """(advantages, loss) of one step of groups of four, in float64."""
    ratio, spread = (logprobs - logprobs.detach()).exp(), (reference - logprobs.detach()) * mask
    k3 = (reference - logprobs).exp() - (reference - logprobs) - 1
    if advantage == "rloo":  # a ratio per completion; the estimate of the KL lowers its reward
        advantages = rewards.rloo_advantages(reward + kl * spread.sum(-1), 4)
        return advantages, -(advantages * ((logprobs - logprobs.detach()) * mask).sum(-1).exp()).mean()
    estimate = rewards.grpo_advantages if advantage == "grpo" else rewards.rloo_advantages
    advantages = estimate(reward, 4)
    term = k3 * ratio if advantage == "grpo" else k3
    return advantages, ((kl * term - advantages[:, None] * ratio) * mask).sum() / mask.sum()


@pytest.mark.parametrize("kl", [0.0, 0.1])
@pytest.mark.parametrize("advantage", ["published", "rloo", "grpo"])
def test_every_estimator_is_autograd_on_its_equation(tmp_path, kl, advantage):
    model = tiny.save(tmp_path / "model", sharpness=4.0)  # so that rewards differ
    settings = config(model, tmp_path, "em-rl", advantage=advantage, kl=kl, batch_size=2, micro_batch=8)
    trainer = trainer_for(settings)
    with torch.no_grad():  # away from the reference, so that there is a divergence
        for parameter in trainer.model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3)), alpha=0.05)
    batch = batch_of(trainer)
    trainer.current_gradient_accumulation_steps = 1
    loss = trainer._compute_loss(trainer.model, batch)
    loss.backward()
    ours = {name: p.grad.clone() for name, p in trainer.model.named_parameters() if p.grad is not None}
    trainer.model.zero_grad()
    entropies, logprobs, mask = naive(trainer, batch)
    reward = rewards.token_entropy(entropies.detach(), logprobs.detach(), mask)
    other = replace_model(trainer, trainer.ref_model) if kl else trainer
    reference = naive(other, batch)[1].detach()
    advantages, expected = by_its_equation(advantage, reward, logprobs, reference, mask, kl)
    torch.testing.assert_close(batch["advantages"].double(), advantages, atol=1e-3, rtol=1e-3)
    expected.backward()
    largest = max(p.grad.abs().max() for p in trainer.model.parameters())
    for name, parameter in trainer.model.named_parameters():
        torch.testing.assert_close(ours[name], parameter.grad, atol=2e-3 * float(largest), rtol=2e-3)


@pytest.mark.parametrize("advantage", ["published", "rloo"])
def test_answers_that_cannot_be_judged_are_in_no_mean(tiny_llama, tmp_path, advantage):
    settings = config(tiny_llama, tmp_path, "rloo", advantage=advantage, kl=0, batch_size=2, micro_batch=8)
    trainer = trainer_for(settings)
    trainer.reward_funcs = [lambda **_: [1.0, None, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0]]
    expected = [1 / 2, 0, -1, 1 / 2, -1 / 3, -1 / 3, 1, -1 / 3]
    assert batch_of(trainer)["advantages"].tolist() == pytest.approx(expected, abs=1e-6)


def clipped(model, folder, method, **changes):
    """(loss, gradients after clipping, their norm before) of the first step, and its mean answer length."""
    trainer = trainer_for(config(model, folder, method, batch_size=4, micro_batch=16, kl=0, **changes))
    trainer.model.train()
    rows = [trainer.train_dataset[i // trainer.num_generations] for i in range(4 * trainer.num_generations)]
    batch = trainer._prepare_inputs(rows)
    trainer.current_gradient_accumulation_steps = 1
    trainer._compute_loss(trainer.model, batch).backward()
    norm = float(trainer._clip_grad_norm(trainer.model))
    gradients = torch.cat([p.grad.double().flatten() for p in trainer.model.parameters() if p.grad is not None])
    return gradients, norm, float(batch["completion_mask"].sum(-1).double().mean())


@pytest.mark.parametrize(
    ("method", "summed", "averaged"),
    [
        ("em-rl", {"advantage": "rloo"}, {"advantage": "published"}),
        ("em-ft", {"reduction": "sum"}, {"reduction": "mean"}),
    ],
)
@pytest.mark.parametrize("limit", [1e-3, 1e3])
def test_clipping_acts_on_the_mean_over_tokens(tmp_path, method, summed, averaged, limit):
    """A sum over tokens is clipped exactly where the mean is, and to as much more as it is longer."""
    model = tiny.save(tmp_path / "model", sharpness=4.0)
    ours, norm, length = clipped(model, tmp_path, method, max_grad_norm=limit, n=4, **summed)
    theirs, mean_norm, _ = clipped(model, tmp_path, method, max_grad_norm=limit, n=4, **averaged)
    assert norm == pytest.approx(length * mean_norm, rel=1e-3) and length > 2
    assert float(theirs.norm()) == pytest.approx(min(mean_norm, limit), rel=1e-3)
    torch.testing.assert_close(ours / length, theirs, atol=1e-3 * float(theirs.abs().max()), rtol=1e-3)


def replace_model(trainer, model):
    return SimpleNamespace(model=model, temperature=trainer.temperature)


def test_what_samples_look_like():
    assert repetition([1, 2, 3, 4, 5]) == 0 and repetition([1, 2, 3]) == 0
    assert repetition([7] * 8) == pytest.approx(4 / 5)
    assert distinct(["a", "a", "b", None]) == 0.75 and distinct(["a"]) == 1
    assert agreement(["a", "a", "b", None]) == 0.5 and agreement([None, None]) == 0
    ids = answer_ids(["a", "b", "a", None])
    assert ids[0] == ids[2] != ids[1] and ids[3] == -1
