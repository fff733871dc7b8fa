"""Host for veRL: its synchronous trainer, with rewards made of the entropies that it computes anyway.

veRL finds this module by the entry-point group ``verl.plugins``, and the trainer by the name ``entmin_sync``. Before an
update veRL scores every sample with the policy and keeps log-probabilities of the sampled tokens and entropies of the
whole vocabulary, both at the sampling temperature. The trainer here makes the reward of these, in the place of what the
reward function gave, before advantages are computed: no forward pass is added. It is told under
``trainer.v1.entmin_sync``:

    reward      one of `entmin.core.rewards.OF_TOKENS`; null leaves the reward function's
    reduction   mean or sum over tokens
    rent_share  share of a completion's tokens, at its end, that the reward `rent` looks at
    folder      gets ``verl.jsonl``, a line of metrics per step; a file ``stop`` in it ends the run after the next step
"""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from verl.trainer.ppo.v1 import trainer_base
from verl.trainer.ppo.v1.trainer_base import register_trainer
from verl.trainer.ppo.v1.trainer_sync import PPOTrainerSync
from verl.utils import tensordict_utils
from verl.workers.utils.padding import response_to_nested

from entmin.core.diversity import agreement, distinct, repetition
from entmin.core.rewards import token_scores
from entmin.durable import append_row


@register_trainer("entmin_sync")
class EntminTrainer(PPOTrainerSync):  # type: ignore[misc]  # veRL is untyped
    """Synchronous training, rewarded by the policy's own certainty where a reward is named."""

    trainer_mode: str
    total_training_steps: int

    @property
    def _own(self) -> Any:
        return self.config.trainer.v1.entmin_sync

    def _build_replay_buffer(self) -> Any:
        """The buffer of synchronous training, which a trainer of any other name does not get."""
        name, self.trainer_mode = self.trainer_mode, "sync"
        try:
            return super()._build_replay_buffer()
        finally:
            self.trainer_mode = name

    def _fetched(self, batch: Any, *fields: str) -> Any:
        return trainer_base.tq.kv_batch_get(
            keys=batch.keys, partition_id=batch.partition_id, select_fields=list(fields)
        )

    def _compute_old_log_prob(self, batch: Any, metrics: dict[str, Any]) -> Any:
        """Score the samples with the policy, and reward them by that."""
        batch = super()._compute_old_log_prob(batch, metrics)
        data = self._fetched(batch, "entropy", "old_log_probs", "response_mask")
        ragged, padded = data["response_mask"], data.to_padded_tensor()
        entropies, logprobs, mask = padded["entropy"], padded["old_log_probs"], padded["response_mask"]
        # The trainer's own metric follows the aggregation of the loss, and is a sum over tokens where that is one.
        metrics["entmin/entropy"] = ((entropies * mask).sum() / mask.sum().clamp(min=1)).item()
        if self._own.reward is None:
            return batch
        scores = token_scores(
            self._own.reward, self._own.reduction, entropies, logprobs, mask, share=self._own.rent_share
        )
        fields = tensordict_utils.get_tensordict({"rm_scores": response_to_nested(scores.float(), ragged)})
        return trainer_base.tq.kv_batch_put(keys=batch.keys, partition_id=batch.partition_id, fields=fields)

    def _compute_metrics(self, batch: Any, metrics: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        """Write the step's metrics down; end the run after the next step where that was asked for."""
        super()._compute_metrics(batch, metrics, *args, **kwargs)
        data = self._fetched(batch, "responses", "rm_scores", "extra_fields")
        rows = zip(
            batch.keys,
            batch.tags,
            (row.tolist() for row in data["responses"].unbind()),
            (float(row.sum()) for row in data["rm_scores"].unbind()),
            list(data["extra_fields"]),
            strict=True,
        )
        groups = defaultdict(list)
        for key, tag, tokens, reward, extra in rows:
            if not tag.get("is_padding"):
                groups[key.rsplit("_", 2)[0]].append((tokens, reward, _answer(extra)))
        metrics.update(sampled(list(groups.values()), self.config.data.max_response_length))
        folder = Path(self._own.folder)
        append_row(folder / "verl.jsonl", {"step": self.global_steps, **_numbers(metrics)})
        if (folder / "stop").exists():
            self.total_training_steps = min(self.total_training_steps, self.global_steps + 1)


Sample = tuple[list[int], float, str | None]
"""Tokens, reward, answer."""


def sampled(groups: list[list[Sample]], limit: int) -> dict[str, float]:
    """Curves of one rollout, as `entmin.train.trainers.samples` defines them.

    Args:
        groups: the samples of each prompt.
        limit: tokens at which an answer is cut.
    """
    every = [tokens for group in groups for tokens, _, _ in group]
    found = {
        "length": sum(map(len, every)) / len(every),
        "clipped": sum(len(tokens) >= limit for tokens in every) / len(every),
        "repetition": sum(map(repetition, every)) / len(every),
        "tokens": float(sum(map(len, every))),
        "reward": sum(reward for group in groups for _, reward, _ in group) / len(every),
    }
    if several := [group for group in groups if len(group) > 1]:
        keys = [[answer for _, _, answer in group] for group in several]
        spread = [torch.tensor([reward for _, reward, _ in group]).std().item() for group in several]
        found |= {
            "reward_std": sum(spread) / len(spread),
            "distinct": sum(map(distinct, keys)) / len(keys),
            "agreement": sum(map(agreement, keys)) / len(keys),
        }
    return {f"entmin/{name}": value for name, value in found.items()}


def _answer(extra: Any) -> str | None:
    fields = getattr(extra, "data", extra)  # some stores wrap what is no tensor
    return (fields.get("reward_extra_info") or {}).get("answer") or None


def _numbers(metrics: dict[str, Any]) -> dict[str, float | None]:
    """The metrics that are numbers; None for one that is not finite, which JSON cannot hold."""
    found: dict[str, float | None] = {}
    for name, value in metrics.items():
        try:
            number = float(value)
        except (TypeError, ValueError):
            continue
        found[name] = number if math.isfinite(number) else None
    return found
