"""EM-FT: the entropy of the policy on its own samples, differentiated directly (paper section 3.1).

    loss = mean (or sum per completion) over completion tokens of H_t  [+ kl x estimate of the KL to the initial policy]

The samples are constants: no score-function term. Prompt and padding do not count. The divisor is the number of
completion tokens (completions, for the sum) of the whole optimisation step over all micro-batches and processes, so how
a step is split changes nothing. Entropies come from TRL's fused head, which never holds the [tokens, V] logits.

Built on TRL's RLOO trainer for its rollouts, and nothing else of it: there are no rewards, no advantages, no ratios.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from trl import RLOOConfig, RLOOTrainer
from trl.trainer.base_config import _BaseConfig
from trl.trainer.utils import use_adapter

from entmin.core.losses import token_entropy_loss
from entmin.train.trainers.checkpoints import CheckpointTrainer
from entmin.train.trainers.samples import SampleTrainer
from entmin.train.trainers.widths import stack


@dataclass
class EMFTConfig(RLOOConfig):  # type: ignore[misc]
    """RLOO's arguments, and one sample per prompt allowed; `beta` weighs the KL term."""

    reduction: Literal["mean", "sum"] = "mean"
    """mean over tokens, or sum over the tokens of a completion (paper equation 2)."""

    def __post_init__(self) -> None:
        """TRL's own checks, but for the one that wants several samples per prompt."""
        _BaseConfig.__post_init__(self)
        given: Any = self
        given.steps_per_generation = given.steps_per_generation or given.gradient_accumulation_steps
        given.generation_batch_size = given.per_device_train_batch_size * given.world_size * given.steps_per_generation
        given.pad_to_multiple_of = None if given.pad_to_multiple_of == "auto" else given.pad_to_multiple_of
        if given.generation_batch_size % given.num_generations:
            raise ValueError(f"{given.generation_batch_size} samples are no groups of {given.num_generations}")


class EMFTTrainer(SampleTrainer, CheckpointTrainer, RLOOTrainer):  # type: ignore[misc]
    """On-policy EM-FT. Samples are fresh at every rollout unless the sampler says otherwise."""

    keeps_old_logprobs = False
    loss_is_scaled_for_ga = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Set up the trainer; arguments are `SampleTrainer`'s, without reward functions."""
        super().__init__(*args, reward_funcs=[_no_reward], **kwargs)
        self.sums_over_tokens = self.args.reduction == "sum"

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Tensor]:
        self._note_kinds(inputs)
        prompt_ids, completion_ids, _ = self._generate([row["prompt"] for row in inputs])
        device, pad = self.accelerator.device, self._tokenizer.pad_token_id
        left, left_mask = stack(prompt_ids, pad, left=True)
        right, right_mask = stack(completion_ids, pad)
        batch = {
            "prompt_ids": left.to(device),
            "prompt_mask": left_mask.to(device),
            "completion_ids": right.to(device),
            "completion_mask": right_mask.to(device),
        }
        if self.beta:
            batch["reference"] = self._reference_logprobs(batch)
        return batch

    @torch.no_grad()
    def _reference_logprobs(self, batch: dict[str, Tensor]) -> Tensor:
        """``[B, C]`` log-probabilities of the samples under the initial policy."""
        ids, mask = _joined(batch)
        size, keep = self.args.per_device_train_batch_size, batch["completion_ids"].shape[1]
        with self.without_checkpointing():
            if self.ref_model is not None:
                found: Tensor = self._get_per_token_logps_and_entropies(self.ref_model, ids, mask, keep, size)[0]
                return found
            with use_adapter(self.accelerator.unwrap_model(self.model), adapter_name=None):
                adapted: Tensor = self._get_per_token_logps_and_entropies(self.model, ids, mask, keep, size)[0]
                return adapted

    def _compute_loss(self, model: Any, inputs: dict[str, Tensor]) -> Tensor:
        ids, attention = _joined(inputs)
        mask = inputs["completion_mask"]
        logprobs, entropies, _ = self._get_per_token_logps_and_entropies(
            model, ids, attention, mask.shape[1], compute_entropy=True
        )
        assert self._window_tokens is not None
        per_token = self.args.reduction == "mean"
        rows = self.args.per_device_train_batch_size * self.args.gradient_accumulation_steps
        count = self._window_tokens if per_token else rows * self.accelerator.num_processes
        loss = self._as_step_share(token_entropy_loss(entropies, mask, reduction=self.args.reduction, count=1), count)
        if self.beta:
            loss = loss + self.beta * self._kl(logprobs, inputs["reference"], mask, count)
        self._live = None
        return loss

    def _kl(self, logprobs: Tensor, reference: Tensor, mask: Tensor, count: Tensor | float) -> Tensor:
        """The published RL code's estimate, ``q/p - log(q/p) - 1`` per token, as its share of the step's mean."""
        ratio = torch.where(mask.bool(), reference - logprobs, torch.zeros_like(logprobs))
        estimate = (ratio.exp() - ratio - 1).sum()
        self._add("kl", estimate, mask.sum())
        return self._as_step_share(estimate, count)


def _no_reward(**_: Any) -> list[float]:
    """Stands where TRL wants a reward function."""
    raise RuntimeError("EM-FT has no reward")


def _joined(batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """(token ids, attention mask) of prompts and completions together."""
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], 1)
    return ids, torch.cat([batch["prompt_mask"], batch["completion_mask"]], 1)
