"""Checkpoints that are whole or absent, and the model card beside them.

A checkpoint is written to a staging folder and renamed when it is complete; older ones go only after that. A full disk
or a killed process thus loses nothing earlier, and the newest ``checkpoint-N`` can always be resumed from. A file named
``keep`` inside a checkpoint protects it from being rotated out.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import safe_open

from entmin.errors import EntminError
from entmin.train.folder import checkpoints
from entmin.train.trainers.sharded import ShardedTrainer

STAGING, PROTECTED = ".saving", "keep"


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Say what is kept when writing fails.

    Raises:
        EntminError: instead of whatever the many writers raise: OSError, SafetensorError, RuntimeError.
    """
    try:
        yield
    except Exception as error:
        shutil.rmtree(folder / STAGING, ignore_errors=True)
        kept = ", ".join(path.name for path in checkpoints(folder)) or "no checkpoint yet"
        raise EntminError(
            f"writing to {folder} failed: {error}; kept: {kept}. Free some space and run the same command with --resume"
        ) from error


def require_weights(folder: Path, model: Any) -> None:
    """Look whether a folder holds all that was trained.

    Args:
        folder: where the weights were saved.
        model: the trained model, perhaps in pieces.

    Raises:
        EntminError: weights are missing there.
    """
    adapted = hasattr(model, "peft_config")
    expected = sum(weight.numel() for weight in model.parameters() if weight.requires_grad or not adapted)
    found = 0
    for path in folder.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            found += sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())
    if found < expected:
        raise EntminError(
            f"{folder} holds {found:,} of the {expected:,} trained weights, so it is no model: the newest checkpoint "
            "before it may hold them"
        )


class CheckpointTrainer(ShardedTrainer):
    """Mixin: atomic checkpoints, rotation that respects protection, and our model card instead of TRL's."""

    def __init__(
        self, *args: Any, keep: int | None = None, card: Callable[[Path], None] | None = None, **kwargs: Any
    ) -> None:
        """Set up the trainer; other arguments are TRL's.

        Args:
            args: for TRL.
            keep: newest checkpoints to keep besides protected ones; None keeps all.
            card: writes the model card into a folder.
            kwargs: for TRL.
        """
        self._keep, self._card, self._staging = keep, card, False
        super().__init__(*args, **kwargs)

    def _get_output_dir(self, trial: Any) -> str:
        folder: str = super()._get_output_dir(trial)
        return str(Path(folder) / STAGING) if self._staging else folder

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        folder = Path(super()._get_output_dir(trial))
        main = self.accelerator.is_main_process
        if main:
            shutil.rmtree(folder / STAGING, ignore_errors=True)
        self.accelerator.wait_for_everyone()
        self._staging = True
        try:
            with writing(folder):
                super()._save_checkpoint(model, trial)
        finally:
            self._staging = False
        self.accelerator.wait_for_everyone()
        if main:
            name = f"checkpoint-{self.state.global_step}"
            require_weights(folder / STAGING / name, self.model)
            if self._card is not None:
                self._card(folder / STAGING / name)
            shutil.rmtree(folder / name, ignore_errors=True)
            (folder / STAGING / name).rename(folder / name)
            shutil.rmtree(folder / STAGING, ignore_errors=True)
            self._rotate(folder)

    def _rotate(self, folder: Path) -> None:
        loose = [path for path in checkpoints(folder) if not (path / PROTECTED).exists()]
        for path in loose[: -self._keep] if self._keep else []:
            shutil.rmtree(path, ignore_errors=True)

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """TRL's card says nothing of our objectives; ours is written with each checkpoint."""
