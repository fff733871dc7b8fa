"""The settings of a training run: one flat, frozen record, every field documented and checked once, here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from entmin.errors import UsageError
from entmin.report.outlets import Outlet
from entmin.train.fields import Amount, Free, MayChange, NonNegative, Positive
from entmin.train.levels import WatchSettings
from entmin.train.rewards import RewardSettings

Method = Literal["em-ft", "em-rl", "sft", "rloo", "grpo"]
METHODS: dict[str, str] = {
    "em-ft": "minimise token entropy on the model's own samples, differentiated directly",
    "em-rl": "reinforce the model's own certainty (no labels)",
    "sft": "supervised fine-tuning on the answers",
    "rloo": "RLOO with verified answers as reward",
    "grpo": "GRPO with verified answers as reward",
}
UNSUPERVISED = ("em-ft", "em-rl")
"""Methods that never see a label."""
SINGLE = ("em-ft", "sft")
"""Methods that compare no samples."""
ADVANTAGES = {"em-rl": ("rloo", "grpo", "published"), "rloo": ("rloo", "published"), "grpo": ("rloo", "grpo")}


@dataclass(frozen=True)
class Split:
    """How one optimiser step is divided."""

    processes: int
    micro: int
    """Samples of one forward pass of one process."""
    accumulate: int
    """Forward and backward passes per optimiser step, in each process."""


class TrainConfig(WatchSettings, RewardSettings):
    """One run of ``entmin train``. Sizes are of one optimiser step over all processes together."""

    method: Method
    """em-ft, em-rl, sft, rloo or grpo."""
    engine: Literal["trl", "verl"] = "trl"
    """What trains: TRL, on one machine or a few GPUs, or veRL on many (docs/verl.md)."""
    model: str
    """Alias, local folder or Hub id."""
    revision: str | None = None
    """Commit, tag or branch of a Hub model."""

    data: str = "arithmetic"
    """Named source, local file or folder (JSONL, Parquet, CSV), or Hub id."""
    split: str = "train"
    """Split of the data."""
    prompt_column: str | None = None
    """Column that holds the prompts (default: found by its name)."""
    answer_column: str | None = None
    """Column that holds the answers (default: found by its name); unsupervised methods never receive it."""
    prompt_format: Literal["auto", "chat", "plain"] = "auto"
    """Whether prompts go through the chat template; auto: yes where the tokenizer has one."""
    chat_template_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Variables of the model's chat template, such as `{"enable_thinking": false}`; for held-out problems too."""
    limit: Positive | None = None
    """Only this many prompts, drawn by `seed`."""
    decontaminate: tuple[str, ...] = ("at-hand",)
    """Evaluation tasks whose problems prompts must not share; at-hand: all that can be read without the network."""
    data_options: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Options of the data source, such as `terms` and `digits` of arithmetic."""
    max_prompt_tokens: Positive = 1024
    """Longer prompts are left out and counted."""

    output: Free[str] = "out"
    """Folder for checkpoints, curves and the model card."""
    max_steps: Free[Positive | None] = None
    """Optimiser steps (default: what `epochs` takes)."""
    epochs: Free[Annotated[float, Field(gt=0)]] = 1.0
    """Passes over the prompts, when `max_steps` is not given."""
    batch_size: Positive = 16
    """Prompts per optimiser step (published: 128)."""
    n: Positive = Field(default_factory=lambda given: 1 if given.get("method") in SINGLE else 4)
    """Samples per prompt (default: 1 for em-ft and sft, 4 otherwise)."""
    micro_batch: Free[Positive] = 8
    """Samples in one forward and backward pass of one process; changes memory and time, not the result."""
    updates_per_rollout: Positive = 1
    """Optimiser steps taken on each batch of samples (published: 4, of 128 prompts each, on the samples of 512)."""
    max_tokens: Positive = 128
    """Longest completion, tokens (published: 3072)."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Temperature of the samples, and of the logits whose entropy is taken."""

    learning_rate: Annotated[float, Field(gt=0)] = 1e-6
    """Of AdamW, betas 0.9 and 0.999."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """Learning-rate schedule after the warm-up."""
    warmup_steps: NonNegative = 0
    """Steps of linear warm-up."""
    weight_decay: Amount = 0.01
    """Of AdamW."""
    max_grad_norm: Amount = 1.0
    """Gradients are scaled down to this norm, times the mean answer length where a loss sums over an answer's tokens
    (`advantage=rloo`, em-ft with `reduction=sum`); 0 leaves them alone."""

    kl: Amount = Field(default_factory=lambda given: 0.0 if given.get("method") in SINGLE else 0.001)
    """Weight of the KL divergence to the initial model (default: 0 for em-ft and sft, 0.001 otherwise)."""
    clip: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Clip range of the probability ratio."""
    advantage: Literal["rloo", "grpo", "published"] = Field(
        default_factory=lambda given: (
            "published" if given.get("engine") == "verl" and given.get("method") in ("em-rl", "rloo") else "rloo"
        )
    )
    """How em-rl turns rewards into updates: rloo and grpo as TRL has them, or the published estimator (leave-one-out
    advantages, a ratio per token, the k3 KL estimate in the loss), which rloo can use too (default: rloo; with veRL,
    which has no ratio per completion, published)."""
    entropy_bonus: float = 0.0
    """Weight of an entropy bonus in the RL loss; the published run left 0.001 on, against its own objective."""
    static: bool = False
    """em-ft on a fixed set of answers sampled once from the initial model, instead of fresh ones every step."""

    lora: bool = False
    """Train low-rank adapters instead of all weights."""
    lora_rank: Positive = 16
    """Rank of the adapters."""
    lora_alpha: Positive = 32
    """Scale of the adapters."""
    lora_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout of the adapters; anything but 0 makes entropies and ratios noisy."""
    lora_targets: str = "all-linear"
    """Layers that get adapters: all-linear (all but the head), or names separated by commas."""
    gradient_checkpointing: Free[bool] = False
    """Recompute activations in the backward pass: less memory, about a third more time."""
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """bf16: float32 weights, bfloat16 products; auto: bf16 where the device computes in it natively."""
    device: Free[Literal["auto", "cpu"]] = "auto"
    """auto: an accelerator where there is one."""
    rollouts: Free[Literal["transformers", "vllm"]] = Field(
        default_factory=lambda given: "vllm" if given.get("engine") == "verl" else "transformers"
    )
    """What draws the samples (default: transformers; with veRL, vLLM, which it starts itself)."""
    vllm_url: Free[str] = "http://localhost:8000"
    """Addresses of vLLM servers, separated by commas, each started with VLLM_SERVER_DEV_MODE=1."""
    vllm_weights: Free[str | None] = None
    """Folder through which vLLM gets the weights, in memory if possible (default: the output folder)."""
    rollouts_ahead: Annotated[int, Field(ge=0, le=1)] = 0
    """Rollouts that vLLM servers draw while steps run: 0, or 1, whose samples come from weights that are
    `updates_per_rollout` steps old, which the ratio to the servers' log-probabilities corrects."""
    rollout_batch: Free[Positive] = 32
    """Samples decoded together by transformers."""

    engine_options: Free[dict[str, Any]] = Field(default_factory=dict)
    """Settings of veRL by their full names, such as
    `{"actor_rollout_ref.rollout.tensor_model_parallel_size": 2}`; they win over what entmin sets."""

    save_every: Free[Positive] = 20
    """Steps between checkpoints."""
    keep_checkpoints: Free[Positive | None] = 3
    """Newest checkpoints that are kept; null keeps all."""
    eval_every: Free[NonNegative] = 0
    """Steps between evaluations on held-out problems; 0: none. The untrained model is evaluated too."""
    eval_limit: Free[Positive] = 100
    """Held-out problems."""
    eval_samples: Free[Positive] = 4
    """Samples per held-out problem, besides one greedy answer; gives pass@1 and pass@k."""
    eval_data: Free[str | None] = None
    """Source of the held-out problems (default: the training source's own held-out part)."""
    report: Free[tuple[Outlet, ...]] = ("tensorboard",)
    """Where curves are shown besides curves.jsonl: one or several with commas, or none."""
    push_to_hub: Free[str | None] = None
    """Hub id that the final model is pushed to."""

    @field_validator("report", mode="before")
    @classmethod
    def _listed(cls, given: Any) -> Any:
        """Also as one text: names with commas, or none."""
        if given is None:
            return []
        if not isinstance(given, str):
            return given
        return [] if given.lower() == "none" else [name.strip() for name in given.split(",")]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = (
            (
                self.method not in SINGLE and self.n == 1,
                f"{self.method} compares samples of one prompt, so n must be 2 or more",
            ),
            (
                self.method == "sft" and self.n != 1,
                "sft learns from the answers in the data and draws no samples: n must be 1",
            ),
            (
                self.advantage not in ADVANTAGES.get(self.method, ("rloo",)),
                f"advantage={self.advantage} is not an option of {self.method}",
            ),
            (self.static and self.method != "em-ft", "static is an option of em-ft"),
            (
                self.static and self.rollouts == "vllm",
                "static answers are sampled by transformers: leave rollouts out",
            ),
            (self.method == "sft" and self.kl != 0, "sft has no KL term: leave kl out"),
            (
                self.method in SINGLE and self.entropy_bonus != 0,
                "entropy_bonus is an option of em-rl, rloo and grpo",
            ),
            (
                self.save_every % self.updates_per_rollout != 0,
                f"save_every ({self.save_every}) must be a multiple of updates_per_rollout "
                f"({self.updates_per_rollout}), so that a run resumes at the start of a rollout",
            ),
            (
                bool(self.max_steps and self.max_steps % self.updates_per_rollout),
                f"max_steps ({self.max_steps}) must be a multiple of updates_per_rollout ({self.updates_per_rollout}), "
                "so that the run can go on after its end",
            ),
        )
        for wrong, message in problems:
            if wrong:
                raise UsageError(message)
        if self.engine == "trl":  # veRL packs samples by their tokens
            self.divided(1)
        return self

    @model_validator(mode="after")
    def _can_correct_for_older_weights(self) -> Self:
        found = ""
        if self.method in SINGLE:
            found = f"{self.method} has no ratio that corrects for samples of older weights: leave rollouts_ahead out"
        elif self.rollouts != "vllm":
            found = "rollouts are drawn ahead by servers: add rollouts=vllm and vllm_url, or leave rollouts_ahead out"
        elif self.temperature != 1:
            found = "servers tell log-probabilities of temperature 1: set temperature=1, or leave rollouts_ahead out"
        if self.rollouts_ahead and found:
            raise UsageError(found)
        return self

    @property
    def unsupervised(self) -> bool:
        """Whether the method never sees a label."""
        return self.method in UNSUPERVISED

    @property
    def advantages(self) -> str:
        """Rloo, grpo or published: the estimator that the run uses."""
        return "grpo" if self.method == "grpo" else self.advantage

    def divided(self, processes: int | None = None) -> Split:
        """Divide a step's samples among processes and micro-batches.

        Args:
            processes: how many, one for each GPU; default: what the launcher says.

        Raises:
            UsageError: the samples cannot be divided evenly.
        """
        processes = processes or int(os.environ.get("WORLD_SIZE", "1"))
        if self.batch_size % processes:
            raise UsageError(f"batch_size {self.batch_size} cannot be divided among {processes} GPUs")
        rows = self.batch_size // processes * self.n
        micro = min(self.micro_batch, rows)
        if rows % micro:
            raise UsageError(
                f"{rows} samples per GPU cannot be split into micro-batches of {micro}; choose a micro_batch that "
                "divides them"
            )
        return Split(processes, micro, rows // micro)

    def steps(self, prompts: int) -> int:
        """Optimiser steps of a run on so many prompts: whole rollouts."""
        if self.max_steps:
            return self.max_steps
        rollouts = round(self.epochs * prompts / self.batch_size / self.updates_per_rollout)
        return max(1, rollouts) * self.updates_per_rollout

    def changed(self) -> dict[str, Any]:
        """The settings that are not what they are by default, as JSON values."""
        default = default_settings(self.method, self.model)
        return {name: value for name, value in self.model_dump(mode="json").items() if value != default[name]}


def default_settings(method: Method, model: str) -> dict[str, Any]:
    """All settings where nothing but method and model is given, as JSON values."""
    return TrainConfig(method=method, model=model).model_dump(mode="json")


def fixed_settings() -> list[str]:
    """Names of the settings that a resumed run must keep."""
    fields = TrainConfig.model_fields.items()
    return [name for name, field in fields if not any(isinstance(mark, MayChange) for mark in field.metadata)]
