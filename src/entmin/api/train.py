"""`train`: one training run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, overload

from entmin.api.options import Named, naming
from entmin.api.results import Training, TrainingPlan
from entmin.engine.named import require_model
from entmin.errors import UsageError
from entmin.extras import require
from entmin.train.at_hand import require_prompts
from entmin.train.config import TrainConfig
from entmin.train.reading import load_config

_SETTINGS = {
    name: Named(field.annotation, field.get_default(), " ".join((field.description or "").split()))
    for name, field in TrainConfig.model_fields.items()
    if name not in ("method", "model")
}


@overload
def train(
    method: str, model: str, *, config: str | Path | None = ..., resume: bool = ..., dry_run: Literal[False] = ...,
    gpus: int = ..., nodes: int = ..., **options: Any,
) -> Training: ...  # fmt: skip
@overload
def train(
    method: str, model: str, *, config: str | Path | None = ..., resume: bool = ..., dry_run: Literal[True],
    gpus: int = ..., nodes: int = ..., **options: Any,
) -> TrainingPlan: ...  # fmt: skip
@naming(_SETTINGS)
def train(
    method: str,
    model: str,
    *,
    config: str | Path | None = None,
    resume: bool = False,
    dry_run: bool = False,
    gpus: int = 1,
    nodes: int = 1,
    **options: Any,
) -> Training | TrainingPlan:
    """Train a model with an entropy objective or a baseline, as `entmin train` does.

    Args:
        method: em-ft, em-rl, sft, rloo or grpo.
        model: alias, local folder or Hub id.
        config: YAML, TOML or JSON file of settings; those given here win over it.
        resume: go on from the newest checkpoint in the output folder.
        dry_run: return settings, memory and work, and the command; train nothing.
        gpus: GPUs that `dry_run` plans for; with ``engine="verl"``, those of each machine.
        nodes: machines, with ``engine="verl"``.
        options: see below.

    Raises:
        UsageError: a setting is wrong, or the output folder is in use or cannot be resumed.
        Interrupted: stopped by Ctrl-C; a checkpoint was saved.
        EntminError: the model cannot be loaded, or writing failed.
    """
    chosen = load_config(config, {**options, "method": method, "model": model})
    if chosen.engine == "verl":
        from entmin.train.verl import launch

        if dry_run:
            return TrainingPlan(tuple(launch.describe(chosen, nodes, gpus)))
        return Training(launch.run(chosen, nodes=nodes, gpus=gpus, resume=resume))
    require("train", "entmin train")
    if nodes > 1:
        raise UsageError("--nodes is an option of --engine verl; TRL's runs on several machines are accelerate's")
    if dry_run:
        from entmin.train.plan import describe, plan

        return TrainingPlan(tuple(describe(chosen, plan(chosen, gpus), str(config) if config else None)))
    require_prompts(chosen)
    require_model(model, chosen.revision)
    from entmin.train.session import train as run

    return Training(run(chosen, resume=resume))
