"""Supervised fine-tuning on the answers: TRL's trainer, with our checkpoints and curves."""

from __future__ import annotations

from trl import SFTTrainer

from entmin.train.trainers.checkpoints import CheckpointTrainer


class SupervisedTrainer(CheckpointTrainer, SFTTrainer):  # type: ignore[misc]
    """SFT on prompt and completion; the loss is over completion tokens, averaged over the whole step."""

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Give TRL's count of tokens the name that curves have."""
        seen = self._metrics["train"].get("num_tokens")
        if seen:
            self._metrics["train"]["tokens"] = [float(seen[-1])]
        super().log(logs, start_time)
