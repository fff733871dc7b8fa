"""The settings of a training run: one flat, frozen record, every field documented, defaults as published.

Defaults that differ by method are None here and filled in by `TrainConfig.resolved`: EM-FT draws one sample per prompt
and has no KL term; the reinforcement-learning methods draw four and have 0.001.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from entmin.errors import UsageError
from entmin.train.watch_settings import Amount, NonNegative, Positive, Share, WatchSettings

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


class TrainConfig(WatchSettings):
    """One run of ``entmin train``. Sizes are of one optimiser step over all processes together."""

    method: Method
    """em-ft, em-rl, sft, rloo or grpo."""
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
    limit: Positive | None = None
    """Only this many prompts, drawn by `seed`."""
    decontaminate: tuple[str, ...] = ("at-hand",)
    """Evaluation tasks whose problems prompts must not share; at-hand: all that can be read without the network."""
    data_options: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Options of the data source, such as `terms` and `digits` of arithmetic."""
    max_prompt_tokens: Positive = 1024
    """Longer prompts are left out and counted."""

    output: str = "out"
    """Folder for checkpoints, curves and the model card."""
    max_steps: Positive | None = None
    """Optimiser steps (default: what `epochs` takes)."""
    epochs: Annotated[float, Field(gt=0)] = 1.0
    """Passes over the prompts, when `max_steps` is not given."""
    batch_size: Positive = 16
    """Prompts per optimiser step (published: 128)."""
    n: Positive | None = None
    """Samples per prompt (default: 1 for em-ft and sft, 4 otherwise)."""
    micro_batch: Positive = 8
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
    """Gradients are scaled down to this norm; 0 leaves them alone."""

    kl: Amount | None = None
    """Weight of the KL divergence to the initial model (default: 0 for em-ft and sft, 0.001 otherwise)."""
    clip: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Clip range of the probability ratio."""
    reward: str = "token-entropy"
    """Reward of em-rl: see `entmin.train.rewards`."""
    reduction: Literal["mean", "sum"] = "mean"
    """Over the tokens of a completion, in the em-ft loss and the em-rl reward (published code: mean; paper: sum)."""
    advantage: Literal["rloo", "grpo"] = "rloo"
    """How em-rl turns rewards into advantages."""
    entropy_bonus: float = 0.0
    """Weight of an entropy bonus in the RL loss; the published run left 0.001 on, against its own objective."""
    rent_share: Share = 0.2
    """Share of a completion's tokens, at its end, that the reward `rent` looks at."""
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
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, about a third more time."""
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """bf16: float32 weights, bfloat16 products; auto: bf16 where the device computes in it natively."""
    device: Literal["auto", "cpu"] = "auto"
    """auto: an accelerator where there is one."""
    rollouts: Literal["transformers", "vllm"] = "transformers"
    """What draws the samples."""
    vllm_url: str = "http://localhost:8000"
    """Addresses of vLLM servers, separated by commas, each started with VLLM_SERVER_DEV_MODE=1."""
    vllm_weights: str | None = None
    """Folder through which vLLM gets the weights, in memory if possible (default: the output folder)."""
    rollout_batch: Positive = 32
    """Samples decoded together by transformers."""
    seed: NonNegative = 0
    """Of data order, samples and initial adapters."""

    save_every: Positive = 20
    """Steps between checkpoints."""
    keep_checkpoints: Positive | None = 3
    """Newest checkpoints that are kept; null keeps all."""
    eval_every: NonNegative = 0
    """Steps between evaluations on held-out problems; 0: none. The untrained model is evaluated too."""
    eval_limit: Positive = 100
    """Held-out problems."""
    eval_samples: Positive = 4
    """Samples per held-out problem, besides one greedy answer; gives pass@1 and pass@k."""
    eval_data: str | None = None
    """Source of the held-out problems (default: the training source's own held-out part)."""
    report: tuple[Literal["tensorboard", "wandb", "trackio"], ...] = ("tensorboard",)
    """Where curves are shown besides curves.jsonl; empty for nowhere."""
    push_to_hub: str | None = None
    """Hub id that the final model is pushed to."""

    @property
    def unsupervised(self) -> bool:
        """Whether the method never sees a label."""
        return self.method in UNSUPERVISED

    @property
    def advantages(self) -> str:
        """Rloo or grpo: the estimator that the run uses."""
        return self.method if self.method in ("rloo", "grpo") else self.advantage

    def resolved(self) -> TrainConfig:
        """The same settings with the method's defaults filled in and checked against one another.

        Raises:
            UsageError: settings that contradict one another or that this method does not have.
        """
        single = self.method in ("em-ft", "sft")
        filled = {"n": self.n or (1 if single else 4), "kl": (0.0 if single else 0.001) if self.kl is None else self.kl}
        config = self.model_copy(update=filled)
        config.check()
        return config

    def check(self) -> None:
        """Contradictions between settings.

        Raises:
            UsageError: one was found.
        """
        from entmin.train.rewards import reward_summaries

        rows, rewards = self.batch_size * (self.n or 1), reward_summaries()
        problems = {
            f"unknown reward {self.reward!r}{suggestion(self.reward, rewards)}; rewards: {', '.join(rewards)}": (
                self.reward not in rewards
            ),
            f"{self.method} compares samples of one prompt, so n must be 2 or more": (
                self.method in ("em-rl", "rloo", "grpo") and self.n == 1
            ),
            "sft learns from the answers in the data and draws no samples: n must be 1": (
                self.method == "sft" and self.n not in (None, 1)
            ),
            "static is an option of em-ft": self.static and self.method != "em-ft",
            "static answers are sampled by transformers: leave rollouts out": (self.static and self.rollouts == "vllm"),
            "sft has no KL term: leave kl out": self.method == "sft" and bool(self.kl),
            "entropy_bonus is an option of em-rl, rloo and grpo": (
                bool(self.entropy_bonus) and self.method in ("em-ft", "sft")
            ),
            f"save_every ({self.save_every}) must be a multiple of updates_per_rollout ({self.updates_per_rollout}), "
            "so that a run resumes at the start of a rollout": self.save_every % self.updates_per_rollout != 0,
            f"batch_size x n = {rows} samples cannot be split into updates of micro_batch = {self.micro_batch}; "
            "choose a micro_batch that divides it": rows > self.micro_batch and rows % self.micro_batch != 0,
        }
        for message, wrong in problems.items():
            if wrong:
                raise UsageError(message)


def load_config(file: str | Path | None, given: dict[str, Any]) -> TrainConfig:
    """Build a configuration from an optional YAML, TOML or JSON file and settings that override it.

    Raises:
        UsageError: the file cannot be read, or a key or value is wrong; the message says which and what is meant.
    """
    settings = {**(_read(Path(file)) if file else {}), **given}
    fields = TrainConfig.model_fields
    for key in settings:
        if key not in fields:
            raise UsageError(f"unknown setting {key!r}{suggestion(key, fields)}; see `entmin train --help`")
    try:
        return TrainConfig(**settings)
    except ValidationError as error:
        raise UsageError("; ".join(_explain(problem) for problem in error.errors())) from None


def parse_settings(texts: Iterable[str]) -> dict[str, Any]:
    """Settings from ``key=value`` texts; a value is JSON where it parses as such, else the text itself.

    Raises:
        UsageError: a text without ``=``.
    """
    found: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--set {text!r}: write key=value")
        try:
            found[key.strip().replace("-", "_")] = json.loads(value)
        except ValueError:
            found[key.strip().replace("-", "_")] = value
    return found


def suggestion(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` where some known name is close."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the configuration {path}: {error}") from None
    import yaml  # type: ignore[import-untyped]

    try:
        settings = tomllib.loads(text) if path.suffix == ".toml" else yaml.safe_load(text)
    except (tomllib.TOMLDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"the configuration {path} is malformed: {error}") from None
    if not isinstance(settings, dict):
        raise UsageError(f"the configuration {path} must be a table of settings, key: value")
    return {str(key).replace("-", "_"): value for key, value in settings.items()}


def _explain(problem: Any) -> str:
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "missing":
        return f"setting {name!r} is missing"
    return f"setting {name!r}: {problem['msg'][0].lower()}{problem['msg'][1:]} (given: {problem['input']!r})"
