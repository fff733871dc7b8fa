"""From our settings to veRL's, as the arguments of its command. Needs neither veRL nor torch.

A step of veRL is one rollout: `updates_per_rollout` optimiser steps of `batch_size` prompts each.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from entmin.engine.aliases import ALIASES, folder_of
from entmin.errors import UsageError
from entmin.train.config import TrainConfig

TOKEN_REWARDS = ("token-entropy", "sequence-logprob", "rent")
"""Rewards that the entropies and log-probabilities at hand in veRL determine (`entmin.core.rewards.OF_TOKENS`)."""
TRAINER = "entmin_sync"
ROWS, LOG, METRICS, STOP, SAVED = "prompts.parquet", "verl.log", "verl.jsonl", "stop", "checkpoints"
"""In a run's folder: the prompts, what veRL said and what it measured, the file that asks for an end, checkpoints."""
_NO_LIMIT = 1e9
"""A limit that never acts."""
_DEVICES_OF_A_RUN = ("vllm_url", "vllm_weights", "rollouts_ahead", "rollout_batch", "device")


def refuse(config: TrainConfig, gpus: int) -> None:
    """Refuse what veRL would not do as asked.

    Args:
        config: settings.
        gpus: of all machines together.

    Raises:
        UsageError: a setting has no counterpart there, or the batch cannot be divided.
    """
    changed = config.changed()
    problems = (
        (config.method == "sft", "sft has no counterpart in this engine: leave --engine out"),
        (
            config.method in ("em-rl", "rloo") and config.advantages == "rloo",
            "veRL has a ratio per token, not per completion: use advantage=published or grpo",
        ),
        (
            config.method == "em-rl" and config.reward not in TOKEN_REWARDS,
            f"veRL has no numbers at hand for the reward {config.reward}; rewards there: {', '.join(TOKEN_REWARDS)}",
        ),
        (
            config.warmup_steps % config.updates_per_rollout != 0,
            "veRL changes the learning rate once per rollout: warmup_steps must be a multiple of updates_per_rollout",
        ),
        (config.rollouts != "vllm", "veRL draws samples with vLLM: leave rollouts out"),
        (config.schedule != "constant", "only schedule=constant is offered with veRL"),
        (config.precision == "fp32", "runs on veRL compute in bfloat16, on float32 weights: leave precision out"),
        (config.prompt_format == "plain", "veRL sends prompts through the chat template: leave prompt_format out"),
        (
            config.eval_every > 0,
            "held-out problems are not asked during a run of veRL: leave eval_every out, and compare the checkpoints "
            "afterwards (entmin compare BASE --against FOLDER)",
        ),
        (config.batch_size * config.n % gpus != 0, _undivided(config, gpus)),
        ((Path(config.model) / "adapter_config.json").exists(), "MODEL is an adapter folder; merge it into its base"),
    )
    for wrong, message in problems:
        if wrong:
            raise UsageError(message)
    if given := [name for name in (*_DEVICES_OF_A_RUN, "lora", "static", "push_to_hub", "revision") if name in changed]:
        raise UsageError(f"{given[0]} has no meaning with engine=verl: leave it out")


def _undivided(config: TrainConfig, gpus: int) -> str:
    return (
        f"the {config.batch_size} x {config.n} samples of a step cannot be divided among {gpus} GPUs: choose another "
        "batch_size"
    )


def flags(config: TrainConfig, nodes: int, gpus: int, *, resume: bool = False) -> dict[str, Any]:
    """Settings of veRL by their full names; a `+` stands before one that its own configuration lacks.

    Args:
        config: settings.
        nodes: machines.
        gpus: of each machine.
        resume: go on from the newest checkpoint.

    Raises:
        UsageError: a setting has no counterpart there.
    """
    refuse(config, nodes * gpus)
    found = _data(config) | _model(config) | _objective(config) | _trainer(config, nodes, gpus, resume)
    return found | {name: value for name, value in config.engine_options.items()}


def arguments(found: dict[str, Any]) -> list[str]:
    """The settings as Hydra reads them."""
    return [f"{name}={_written(value)}" for name, value in found.items()]


def model_path(config: TrainConfig) -> str:
    """What veRL is told to load: a folder by its whole path, or a Hub id."""
    if config.model in ALIASES:
        return str(folder_of(config.model))
    return str(Path(config.model).resolve()) if Path(config.model).exists() else config.model


def _data(config: TrainConfig) -> dict[str, Any]:
    rows = str(Path(config.output).resolve() / ROWS)
    switches = {f"+data.apply_chat_template_kwargs.{name}": on for name, on in config.chat_template_kwargs.items()}
    return {
        "data.train_files": rows,
        "data.val_files": rows,  # read and not asked
        "data.val_max_samples": 1,
        "data.train_batch_size": config.batch_size * config.updates_per_rollout,
        "data.max_prompt_length": config.max_prompt_tokens,
        "data.max_response_length": config.max_tokens,
        "data.shuffle": False,  # the file has the order of the whole run
        "data.truncation": "error",
        **switches,
        "reward.custom_reward_function.path": "pkg://entmin.train.verl.reward",
        "reward.custom_reward_function.name": "score",
    }


def _model(config: TrainConfig) -> dict[str, Any]:
    tokens = config.micro_batch * (config.max_prompt_tokens + config.max_tokens)
    actor, rollout = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
    return {
        "actor_rollout_ref.model.path": model_path(config),
        "actor_rollout_ref.model.enable_gradient_checkpointing": config.gradient_checkpointing,
        "actor_rollout_ref.model.use_remove_padding": True,
        f"{actor}.strategy": "fsdp2",
        f"{actor}.fsdp_config.model_dtype": "fp32",
        f"{actor}.fsdp_config.dtype": "bfloat16",
        # Entropies in float32; without chunks they are differences of bfloat16 numbers near 20, which are 1/8 apart.
        f"{actor}.fsdp_config.entropy_from_logits_with_chunking": True,
        f"{actor}.fsdp_config.entropy_checkpointing": True,
        f"{actor}.fsdp_config.use_torch_compile": False,  # of the entropy, once more for each number of chunks
        f"{actor}.use_dynamic_bsz": True,
        f"{actor}.ppo_max_token_len_per_gpu": tokens,
        f"{actor}.checkpoint.save_contents": ["model", "optimizer", "extra", "hf_model"],
        f"{rollout}.name": "vllm",
        f"{rollout}.dtype": "bfloat16",
        f"{rollout}.n": config.n,
        f"{rollout}.seed": config.seed,
        f"{rollout}.temperature": config.temperature,
        f"{rollout}.top_p": 1.0,
        f"{rollout}.top_k": -1,
        f"{rollout}.log_prob_use_dynamic_bsz": True,
        f"{rollout}.log_prob_max_token_len_per_gpu": tokens,
        "actor_rollout_ref.ref.log_prob_use_dynamic_bsz": True,
        "actor_rollout_ref.ref.log_prob_max_token_len_per_gpu": tokens,
    }


def _objective(config: TrainConfig) -> dict[str, Any]:
    actor = "actor_rollout_ref.actor"
    direct = config.method == "em-ft"
    return {
        "algorithm.adv_estimator": "grpo" if config.advantages == "grpo" else "rloo",
        "algorithm.norm_adv_by_std_in_grpo": True,
        "algorithm.use_kl_in_reward": False,
        "critic.enable": False,
        f"{actor}.use_kl_loss": config.kl > 0,
        f"{actor}.kl_loss_coef": config.kl,
        f"{actor}.kl_loss_type": "low_var_kl",
        # The loss is reduced by this times the entropy: with no reward, -1 leaves the entropy itself, which is EM-FT.
        f"{actor}.entropy_coeff": -1.0 if direct else config.entropy_bonus,
        f"{actor}.loss_agg_mode": "seq-mean-token-sum" if direct and config.reduction == "sum" else "token-mean",
        f"{actor}.clip_ratio": config.clip,
        f"{actor}.clip_ratio_low": config.clip,
        f"{actor}.clip_ratio_high": config.clip,
        f"{actor}.clip_ratio_c": _NO_LIMIT,  # the second clip, of negative advantages, which nobody else has
        f"{actor}.ppo_mini_batch_size": config.batch_size,
        f"{actor}.ppo_epochs": 1,
        f"{actor}.grad_clip": config.max_grad_norm or _NO_LIMIT,
        f"{actor}.optim.clip_grad": config.max_grad_norm or _NO_LIMIT,
        f"{actor}.optim.lr": config.learning_rate,
        f"{actor}.optim.lr_warmup_steps": config.warmup_steps // config.updates_per_rollout,
        f"{actor}.optim.weight_decay": config.weight_decay,
    }


def _trainer(config: TrainConfig, nodes: int, gpus: int, resume: bool) -> dict[str, Any]:
    folder = Path(config.output).resolve()
    own = f"+trainer.v1.{TRAINER}"
    cluster = {"+ray_kwargs.ray_init.address": "auto"} if nodes > 1 else {}
    return {
        "trainer.nnodes": nodes,
        "trainer.n_gpus_per_node": gpus,
        "trainer.v1.trainer_mode": TRAINER,
        f"{own}.reward": config.reward if config.method == "em-rl" else None,
        f"{own}.reduction": config.reduction,
        f"{own}.rent_share": config.rent_share,
        f"{own}.folder": str(folder),
        "trainer.default_local_dir": str(folder / SAVED),
        "trainer.resume_mode": "auto" if resume else "disable",
        "trainer.total_epochs": 1,
        "trainer.save_freq": config.save_every // config.updates_per_rollout,
        "trainer.max_actor_ckpt_to_keep": config.keep_checkpoints,
        "trainer.val_before_train": False,
        "trainer.test_freq": -1,
        "trainer.project_name": "entmin",
        "trainer.experiment_name": folder.name,
        "trainer.logger": ["console", *config.report],
        "hydra.run.dir": str(folder),
        "hydra.output_subdir": None,
        "hydra/job_logging": "stdout",
        **cluster,
    }


_AS_IT_IS = re.compile(r"[A-Za-z_/][\w./:@-]*")


def _written(value: Any) -> str:
    """A value in Hydra's grammar; texts in quotes unless they can be nothing else."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_written, value))}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_written(one)}" for key, one in value.items()) + "}"
    if not isinstance(value, str):
        return repr(value)
    if _AS_IT_IS.fullmatch(value) and value.lower() not in ("null", "true", "false", "nan", "inf"):
        return value
    return "'" + value.replace("'", "\\'") + "'"
