"""Whether the data of a run can be had, asked before torch and the trainers are imported."""

from __future__ import annotations

from entmin.tasks.registry import require_sources, resolve
from entmin.train.config import TrainConfig
from entmin.train.data.evalsets import AT_HAND
from entmin.train.data.prompts import require_at_hand


def require_prompts(config: TrainConfig) -> None:
    """Refuse data sets that neither the Hub nor a copy here can give.

    Raises:
        UsageError: an evaluation set that prompts are compared with has no such name.
        EntminError: the data to train on, to evaluate on, or to compare prompts with cannot be had.
    """
    mirror = str(config.data_options.get("data_dir") or "")
    require_at_hand(config.data, config.split, mirror)
    if config.eval_every:
        require_at_hand(config.eval_data or config.data, "test", mirror)
    compared = [name for name in config.decontaminate if name != AT_HAND]
    if compared and config.data != "arithmetic":
        require_sources(resolve(",".join(compared)), mirror)
