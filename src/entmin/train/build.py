"""The trainer of each method, put together."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets import Dataset

from entmin.engine.loaded import LoadedModel
from entmin.errors import UsageError
from entmin.train.ahead import RolloutsAhead
from entmin.train.answers import Answers, text_of
from entmin.train.arguments import common_arguments, online_arguments
from entmin.train.config import TrainConfig
from entmin.train.policy import Place, Twin, reference_of
from entmin.train.processes import is_sharded
from entmin.train.prompts import Prompts, in_order, with_solution
from entmin.train.rewards import reward_function
from entmin.train.rollouts import Rollouts

if TYPE_CHECKING:
    from entmin.train.trainers.samples import Sampler


def build_trainer(
    config: TrainConfig, place: Place, loaded: LoadedModel, prompts: Prompts, steps: int, card: Callable[[Path], None]
) -> Any:
    """The method's trainer, ready to run.

    Raises:
        UsageError: TRL or PEFT refuses the settings.
    """
    logging.getLogger("trl").setLevel(logging.WARNING)
    rows = in_order(prompts.rows, steps * config.batch_size, config.seed)
    answers = Answers(config.n)
    common = {
        "model": loaded.model,
        "train_dataset": rows,
        "processing_class": loaded.tokenizer,
        "peft_config": adapters(config) if config.lora else None,
        "keep": config.keep_checkpoints,
        "card": card,
    }
    if is_sharded() and config.kl and not config.lora:
        common["reference"] = reference_of(loaded, place)
    online = {
        "answer_keys": answers.keys,
        "sampler": _sampler(config, place, loaded),
    }
    try:
        if config.method == "sft":
            return _supervised(config, place, steps, common)
        if config.method == "em-ft":
            return _em_ft(config, place, steps, common | online)
        return _reinforced(config, place, steps, common | online, answers)
    except ValueError as error:
        raise UsageError(f"the trainer refuses these settings: {error}") from error


def _sampler(config: TrainConfig, place: Place, loaded: LoadedModel) -> Sampler | RolloutsAhead | None:
    if config.method == "sft":
        return None
    if config.rollouts == "transformers":
        return rollouts_for(config, place, loaded)
    from entmin.train.vllm_rollouts import VllmRollouts

    servers = VllmRollouts(loaded, config)
    return RolloutsAhead(servers) if config.rollouts_ahead else servers


def rollouts_for(config: TrainConfig, place: Place, loaded: LoadedModel) -> Rollouts:
    """What draws the samples in this process."""
    return Rollouts(
        Twin(loaded, place),
        max_tokens=config.max_tokens,
        temperature=config.temperature,
        batch_size=config.rollout_batch,
        seed=config.seed,
    )


def adapters(config: TrainConfig) -> Any:
    """PEFT's configuration of the adapters."""
    from peft import LoraConfig

    targets = config.lora_targets
    return LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=targets if targets == "all-linear" else [name.strip() for name in targets.split(",")],
        task_type="CAUSAL_LM",
        revision=config.revision,
    )


def _supervised(config: TrainConfig, place: Place, steps: int, common: dict[str, Any]) -> Any:
    from trl import SFTConfig

    from entmin.train.trainers.sft import SupervisedTrainer

    arguments = SFTConfig(
        **common_arguments(config, place, steps),
        max_length=None,
        completion_only_loss=True,
        train_sampling_strategy="sequential",
        dataset_num_proc=None,
    )
    rows = _with_solutions(common["train_dataset"], common["processing_class"], config.chat_template_kwargs)
    return SupervisedTrainer(args=arguments, **common | {"train_dataset": rows})


def _with_solutions(rows: Dataset, tokenizer: Any, switches: dict[str, Any]) -> Dataset:
    """Token ids of prompt and worked solution, or answer where there is none, with 1 in the mask for the latter."""

    def completed(row: dict[str, Any]) -> dict[str, Any]:
        ids, begun = with_solution(row["prompt"], row.get("solution") or row["answer"], tokenizer, switches)
        return {"input_ids": ids, "completion_mask": [0] * begun + [1] * (len(ids) - begun)}

    return rows.map(completed, keep_in_memory=True, remove_columns=rows.column_names)


def _em_ft(config: TrainConfig, place: Place, steps: int, common: dict[str, Any]) -> Any:
    from entmin.train.trainers.em_ft import EMFTConfig, EMFTTrainer

    arguments = EMFTConfig(**online_arguments(config, place, steps), reduction=config.reduction)
    return EMFTTrainer(args=arguments, **common)


def _reinforced(config: TrainConfig, place: Place, steps: int, common: dict[str, Any], answers: Answers) -> Any:
    from trl import GRPOConfig, RLOOConfig

    from entmin.train.trainers.intrinsic import Intrinsic, IntrinsicGRPO, IntrinsicRLOO, PublishedTrainer

    published = {"scale_rewards": "none", "loss_type": "dapo", "use_bias_correction_kl": False}
    trainer, arguments, options = {
        "rloo": (IntrinsicRLOO, RLOOConfig, {}),
        "grpo": (IntrinsicGRPO, GRPOConfig, {}),
        "published": (PublishedTrainer, GRPOConfig, published),  # dapo: the mean over all tokens of the step
    }[config.advantages]
    if config.method == "em-rl":
        common["intrinsic"] = Intrinsic(config.reward, reward_function(config))
    else:
        common["reward_funcs"] = [_verified(answers)]
    settings = arguments(**online_arguments(config, place, steps), **options)
    return trainer(args=settings, entropy_bonus=config.entropy_bonus, **common)


def _verified(answers: Answers) -> Callable[..., list[float | None]]:
    def verified(completions: list[Any], answer: list[str | None], kind: list[str], **_: Any) -> list[float | None]:
        verdicts = answers.verdicts([text_of(completion) for completion in completions], answer, kind)
        return [None if verdict is None else float(verdict) for verdict in verdicts]

    return verified
