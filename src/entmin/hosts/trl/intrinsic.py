"""EM-RL: RLOO and GRPO with rewards from the policy's own forward pass.

The reward replaces the call of TRL's reward functions; everything after it is TRL's. Entropies are those of the whole
vocabulary at the sampling temperature, from the forward pass that RLOO makes anyway; GRPO makes none, so there it costs
one. Columns other than the prompt are never looked at.
"""

from __future__ import annotations

import random as stdlib_random
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from trl import GRPOTrainer, RLOOTrainer

from entmin.core import rewards
from entmin.hosts.trl.checkpoints import CheckpointTrainer
from entmin.hosts.trl.samples import SampleTrainer, answer_ids


@dataclass(frozen=True)
class Intrinsic:
    """Which reward, and its options."""

    name: str
    """token-entropy, sequence-logprob, self-certainty, rent, majority, random or format-only."""
    reduction: Literal["mean", "sum"] = "mean"
    """Of token-entropy and sequence-logprob."""
    share: float = 0.2
    """Of a completion's tokens that rent looks at."""
    seed: int = 0
    """Of random."""

    def __call__(self, **_: Any) -> list[float]:
        """Stands where TRL wants a reward function; the trainer never calls it."""
        raise RuntimeError("intrinsic rewards are computed by the trainer")

    @property
    def __name__(self) -> str:
        """What TRL calls the reward in its logs."""
        return self.name


class IntrinsicTrainer(SampleTrainer):
    """Mixin: rewards from the policy where `intrinsic` is given, from reward functions where it is not."""

    def __init__(
        self, *args: Any, intrinsic: Intrinsic | None = None, entropy_bonus: float = 0.0, **kwargs: Any
    ) -> None:
        """Set up the trainer; other arguments are `SampleTrainer`'s.

        Args:
            args: for TRL.
            intrinsic: the reward; None uses TRL's reward functions.
            entropy_bonus: weight of minus the mean token entropy in the loss.
            kwargs: for `SampleTrainer`.
        """
        self._intrinsic, self._entropy_bonus = intrinsic, entropy_bonus
        if intrinsic is not None:
            kwargs["reward_funcs"] = [intrinsic]
        super().__init__(*args, **kwargs)

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any) -> Tensor:
        if self._intrinsic is None:
            found: Tensor = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
            return found
        local = self._reward(self._intrinsic, completion_ids_list).float()
        gathered: Tensor = self.accelerator.gather(local.to(self.accelerator.device))
        return gathered[:, None]

    def _reward(self, intrinsic: Intrinsic, completions: list[list[int]]) -> Tensor:
        if intrinsic.name == "majority":
            return rewards.majority(answer_ids(self._keys), self.num_generations)
        if intrinsic.name == "format-only":
            return torch.tensor([float(key is not None) for key in self._keys])
        if intrinsic.name == "random":
            streams = self._streams(len(completions))
            return torch.tensor([stdlib_random.Random(f"{intrinsic.seed}:reward:{s}").random() for s in streams])
        logprobs, entropies, mask = self._score(self._prompt_ids, completions)
        if intrinsic.name == "token-entropy":
            return rewards.token_entropy(entropies, logprobs, mask, reduction=intrinsic.reduction)
        if intrinsic.name == "sequence-logprob":
            return rewards.sequence_logprob(entropies, logprobs, mask, reduction=intrinsic.reduction)
        if intrinsic.name == "rent":
            return rewards.rent(entropies, logprobs, mask, share=intrinsic.share)
        if intrinsic.name == "self-certainty":
            means, vocabulary = self._mean_logprobs(self._prompt_ids, completions)
            return rewards.self_certainty(
                entropies, logprobs, mask, mean_logprobs=means.to(mask.device), vocabulary=vocabulary
            )
        raise ValueError(f"unknown intrinsic reward {intrinsic.name!r}")

    @torch.no_grad()
    def _mean_logprobs(self, prompts: list[list[int]], completions: list[list[int]]) -> tuple[Tensor, int]:
        """``[B, C]`` means over the vocabulary of log p, and its size; one row's logits are held at a time."""
        model, device = self.accelerator.unwrap_model(self.model), self.accelerator.device
        means = torch.zeros(len(prompts), max(map(len, completions)))
        vocabulary = 0
        with self.without_checkpointing():
            for row, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
                ids = torch.tensor([prompt + completion], device=device)
                with self.accelerator.autocast():
                    logits = model(input_ids=ids, logits_to_keep=len(completion) + 1).logits[0, :-1]
                vocabulary = logits.shape[-1]
                tempered = logits.float() / self.temperature
                means[row, : len(completion)] = tempered.log_softmax(-1).mean(-1).cpu()
        return means, vocabulary

    def _compute_loss(self, model: Any, inputs: Any) -> Tensor:
        loss: Tensor = super()._compute_loss(model, inputs)
        if self._entropy_bonus:
            assert self._live is not None and self._window_tokens is not None
            entropies, mask = self._live
            total = (entropies * mask).sum()
            loss = loss - self._entropy_bonus * self._as_step_share(total, self._window_tokens)
        self._live = None
        return loss


class IntrinsicRLOO(IntrinsicTrainer, CheckpointTrainer, RLOOTrainer):  # type: ignore[misc]
    """RLOO: leave-one-out advantages, the KL estimate subtracted from the reward, a ratio per completion."""


class IntrinsicGRPO(IntrinsicTrainer, CheckpointTrainer, GRPOTrainer):  # type: ignore[misc]
    """GRPO: standardised advantages, the KL estimate in the loss, a ratio per token."""

    keeps_old_logprobs = False

    def _generate_single_turn(self, prompt_ids: list[list[int]], *args: Any, **kwargs: Any) -> Any:
        found = super()._generate_single_turn(prompt_ids, *args, **kwargs)
        return found if self._sampler is None else (found, None)
