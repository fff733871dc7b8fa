"""From our settings to TRL's arguments."""

from __future__ import annotations

import os
from typing import Any

from entmin.report.outlets import project
from entmin.train.config import TrainConfig
from entmin.train.policy import Place
from entmin.train.processes import is_sharded


def common_arguments(config: TrainConfig, place: Place, steps: int) -> dict[str, Any]:
    """Arguments that every trainer takes."""
    split = config.divided()
    arguments: dict[str, Any]
    schedule = "constant_with_warmup" if config.schedule == "constant" else config.schedule
    arguments = {
        "output_dir": config.output,
        "max_steps": steps,
        "per_device_train_batch_size": split.micro,
        "gradient_accumulation_steps": split.accumulate,
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": schedule,
        "warmup_steps": config.warmup_steps,
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        "gradient_checkpointing": config.gradient_checkpointing,
        "bf16": place.bf16,
        "use_cpu": place.device.type == "cpu",
        "seed": config.seed,
        "data_seed": config.seed,
        "save_strategy": "steps",
        "save_steps": config.save_every,
        "save_total_limit": None,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # it would show a loss that is not a number as 0
        "report_to": list(config.report) or "none",
        "project": project("trackio"),
        "run_name": f"{config.method}-{os.path.basename(config.output)}",
        "disable_tqdm": True,
        "remove_unused_columns": False,
    }
    if is_sharded():  # or each process would keep the whole gradient until the last micro-batch
        arguments["accelerator_config"] = {"gradient_accumulation_kwargs": {"sync_each_batch": True}}
    if config.revision:  # of the reference model, which the trainer loads by its name
        arguments["model_init_kwargs"] = {"revision": config.revision}
    return arguments


def online_arguments(config: TrainConfig, place: Place, steps: int) -> dict[str, Any]:
    """Arguments of the trainers that draw samples."""
    arguments = common_arguments(config, place, steps)
    return arguments | {
        "steps_per_generation": arguments["gradient_accumulation_steps"] * config.updates_per_rollout,
        "num_generations": config.n,
        "max_completion_length": config.max_tokens,
        "temperature": config.temperature,
        "top_p": 1.0,
        "top_k": 0,
        "min_p": None,
        "repetition_penalty": 1.0,
        "beta": config.kl,
        "epsilon": config.clip,
        "shuffle_dataset": False,
        "chat_template_kwargs": config.chat_template_kwargs or None,
        "disable_dropout": not config.lora_dropout,
    }
