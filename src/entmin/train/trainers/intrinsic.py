"""EM-RL: RLOO and GRPO with rewards from the policy's own forward pass.

The reward replaces the call of TRL's reward functions; everything after it is TRL's. Entropies are those of the whole
vocabulary at the sampling temperature, from the forward pass that RLOO makes anyway; GRPO makes none, so there it costs
one. Columns other than the prompt are never looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from trl import GRPOTrainer, RLOOTrainer

from entmin.errors import EntminError, first_line
from entmin.train.trainers.ahead import AheadTrainer
from entmin.train.trainers.checkpoints import CheckpointTrainer
from entmin.train.trainers.samples import Scores


@dataclass(frozen=True)
class Intrinsic:
    """A reward that needs no labels."""

    name: str
    function: Callable[[Any], Tensor]
    """Takes a `Samples`, gives one number per sample, ``[B]``."""

    def __call__(self, **_: Any) -> list[float]:
        """Stands where TRL wants a reward function; the trainer never calls it."""
        raise RuntimeError("intrinsic rewards are computed by the trainer")

    @property
    def __name__(self) -> str:
        """What TRL calls the reward in its logs."""
        return self.name


class Samples:
    """The samples of this process as a reward sees them; forward passes happen when their result is read."""

    def __init__(self, trainer: IntrinsicTrainer, completions: list[list[int]]) -> None:
        self._trainer, self._completions = trainer, completions
        self.n: int = trainer.num_generations
        self.lengths = [len(completion) for completion in completions]
        self.answers = trainer._keys
        self.streams = trainer._streams(len(completions))

    @cached_property
    def scores(self) -> Scores:
        """The policy's log-probabilities, entropies and mask, each ``[B, C]``."""
        return self._trainer._score(self._trainer._prompt_ids, self._completions)

    @cached_property
    def mean_logprobs(self) -> tuple[Tensor, int]:
        """``[B, C]`` means over the vocabulary of log p, and its size."""
        return self._trainer._mean_logprobs(self._trainer._prompt_ids, self._completions)

    @property
    def answer_ids(self) -> Tensor:
        """``[B]`` integers, equal where answers are equal; -1 without an answer."""
        return answer_ids(self.answers)


class IntrinsicTrainer(AheadTrainer):
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
        local = self._rewards(self._intrinsic, completion_ids_list)
        gathered: Tensor = self.accelerator.gather(local.to(self.accelerator.device))
        return gathered[:, None]

    def _rewards(self, reward: Intrinsic, completions: list[list[int]]) -> Tensor:
        try:
            found = torch.as_tensor(reward.function(Samples(self, completions))).float()
        except (EntminError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # rewards are plugins too
            raise EntminError(
                f"the reward {reward.name!r} failed ({type(error).__name__}: {first_line(error)}): correct it, or "
                "choose another --reward"
            ) from error
        if found.shape != (len(completions),) or not found.isfinite().all():
            raise EntminError(
                f"the reward {reward.name!r} must give {len(completions)} finite numbers, one a sample; it gave "
                f"{found.flatten().tolist()[:4]} ... of shape {list(found.shape)}: correct it, or choose another "
                "--reward"
            )
        return found

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

    sums_over_tokens = True  # a completion's ratio is the product of its tokens' ratios

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Set up the trainer, which scores samples before the update only where something is made of that."""
        super().__init__(*args, **kwargs)
        once = self.args.steps_per_generation == self.args.gradient_accumulation_steps
        self.skips_old_logprobs = (once or self.draws_ahead) and not self.beta
        self.ratios_are_one = self.skips_old_logprobs and not self.draws_ahead
        self.keeps_old_logprobs = not self.skips_old_logprobs


class IntrinsicGRPO(IntrinsicTrainer, CheckpointTrainer, GRPOTrainer):  # type: ignore[misc]
    """GRPO: standardised advantages, the KL estimate in the loss, a ratio per token."""

    keeps_old_logprobs = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Set up the trainer; servers tell the log-probabilities of samples that they drew ahead."""
        super().__init__(*args, **kwargs)
        self.skips_old_logprobs = self.draws_ahead and not self.beta  # the reference may be the same model, bare

    def _generate_single_turn(self, prompt_ids: list[list[int]], *args: Any, **kwargs: Any) -> Any:
        found = super()._generate_single_turn(prompt_ids, *args, **kwargs)
        return found if self._sampler is None else (found, None)


class PublishedTrainer(IntrinsicGRPO):
    """The published estimator: leave-one-out advantages, a ratio per token, the k3 KL estimate in the loss.

    TRL's GRPO with rewards that are centred and not scaled, but for a factor: a reward minus the mean of the others is
    n / (n - 1) times the reward minus the mean of all, n of those that could be judged.
    """

    _judged: Tensor

    def _calculate_rewards(self, *args: Any) -> Tensor:
        rewards = super()._calculate_rewards(*args)
        judged = (~rewards.isnan()).any(-1).view(-1, self.num_generations).sum(-1)
        self._judged = judged.repeat_interleave(self.num_generations)
        return rewards

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = super()._generate_and_score_completions(inputs)
        first = self.accelerator.process_index * len(inputs)
        judged = self._judged[first : first + len(inputs)].clamp(min=2)
        batch["advantages"] = batch["advantages"] * (judged / (judged - 1))
        return batch


def answer_ids(keys: Sequence[str | None]) -> Tensor:
    """``[B]`` integers, equal where answers are equal; -1 without an answer."""
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))} | {None: -1}
    return torch.tensor([numbers[key] for key in keys], dtype=torch.long)
