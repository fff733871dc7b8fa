"""Updates on samples that were drawn ahead: ratios compare the policy with the one that drew them.

The ratio is p(y) / q(y): p the policy that is updated, q the servers' when they drew y, who tell its log-probabilities
with the tokens. Rewards, entropies and the estimate of the KL are the trainer's own, of the policy that it has when the
samples are first used, not of q.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from entmin.train.ahead import Batch, Rollout, RolloutsAhead
from entmin.train.trainers.samples import SampleTrainer


class AheadTrainer(SampleTrainer):
    """Mixin: draws the next rollout while steps run, where the sampler is a `RolloutsAhead`."""

    _rollout: Rollout | None = None

    @property
    def draws_ahead(self) -> bool:
        """Whether rollouts come of earlier weights."""
        return isinstance(self._sampler, RolloutsAhead)

    def _draw(self, model: Any, prompts: list[list[int]]) -> list[list[int]]:
        if not isinstance(self._sampler, RolloutsAhead):
            return super()._draw(model, prompts)
        batch, step = Batch(prompts, self._streams(len(prompts))), self.state.global_step
        self._rollout = self._sampler.take(model, batch, self._following(len(prompts)), step)
        self._metrics["train"]["staleness"] = [float(self._rollout.staleness)]
        return self._rollout.tokens

    def _following(self, rows: int) -> Batch | None:
        """What the next rollout will ask for; None where this is the last.

        Prompts are taken in their order, each for `num_generations` streams, which are numbered over the whole run.
        """
        streams = self._streams(rows, later=1)
        updates = self.args.steps_per_generation // self.args.gradient_accumulation_steps
        places = [stream // self.num_generations for stream in streams]
        if (self.rollout_number + 1) * updates >= self.state.max_steps or places[-1] >= len(self.train_dataset):
            return None
        prompts, _, _ = self._tokenize_prompts([self.train_dataset[place]["prompt"] for place in places])
        return Batch(prompts, streams)

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        batch = super()._generate_and_score_completions(inputs)
        if self._rollout is None:
            return batch
        old = _padded(self._rollout.logprobs, batch["completion_ids"])
        if "old_logps" in batch:  # RLOO's ratio is of whole completions
            return batch | {"old_logps": (old * batch["completion_mask"]).sum(1)}
        return batch | {"old_per_token_logps": old}


def _padded(rows: list[list[float]], like: Tensor) -> Tensor:
    """``[B, C]`` numbers, 0 behind each row."""
    found = torch.zeros(like.shape)
    for place, row in enumerate(rows):
        found[place, : len(row)] = torch.tensor(row)
    return found.to(like.device)
