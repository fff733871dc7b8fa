"""What a run will take, before it starts: ``entmin train ... --dry-run``.

Memory of one GPU of G, in bytes; P parameters, p those that train (all, or the adapters'), b bytes of a number in
products (2, or 4 with precision=fp32), under full sharding (FSDP2) or, with G = 1, none:

    weights        4 P / G            float32, products in bfloat16; a frozen base under adapters: 2 P / G
    gathered       2 b x (P of a layer, or of the embeddings if larger)    two units in flight; G > 1 only
    gradients      4 p / G
    optimiser      8 p / G            AdamW: two float32 moments
    reference      4 P, or b P / G    only with a KL term and without adapters (with them, it is the base)
    sampling copy  b P                not sharded; only where transformers draws the samples, and with G = 1 not where
                                      the weights are of that precision already (adapters, precision=fp32)
    converted      2 P                weights as the products of a pass take them, kept for its backward; G = 1 and
                                      half precision only, and not with adapters
    activations    t a L or, with checkpointing, t (c h L + a)    t tokens of a micro-batch, L layers
                   a = b (2 (heads + kv heads) head width + 4 intermediate) + m h: what one layer keeps for backward;
                   m, c of the two norms and the residual stream, see `_norms`
    head           k n min(V, 32768)  the fused head's tile of logits for the n answer tokens of a micro-batch, at most
                                      1024: k = b with Triton's kernels, b + 8 x 4 with torch's operations on a CPU,
                                      which hold eight more in float32; and 4 V h, the gradient of its weights
    KV cache       2 b r t' L (kv heads) (head width)    r sequences of t' tokens decoded together, at most the window
                   of a layer that has one; not with a vLLM server (which has its own GPUs)

Three times compete for what is left beside weights, optimiser and reference, and the largest counts: the rollout (KV
cache), the beginning of a backward pass (converted weights, activations, head), and its end (gradients). Where a step
has several micro-batches, gradients are there at all three.

Memory of the machine: the first process loads the weights, and the reference beside them; with G > 1 it later collects
the weights and then both moments of the optimiser for a checkpoint. For vLLM servers 2 P are collected, and written to
a folder that is best in memory.

Every length is taken at its limit, so token counts and floating-point operations are upper bounds. Operations per token
are the paper's (appendix D.4): 2 P forward, 6 P forward and backward, P without the experts that a token does not take;
drawn and trained tokens both count.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any

from entmin.errors import UsageError
from entmin.estimates.known import sizes_of
from entmin.estimates.sizes import Sizes
from entmin.train.config import Split, TrainConfig
from entmin.train.data import arithmetic
from entmin.train.data.named import NAMED
from entmin.train.levels import WatchSettings
from entmin.train.reading import load_config

_GIB = 1 << 30
_HEAD_TOKENS, _HEAD_WIDTH = 1024, 32_768
"""Of a tile of TRL's fused head."""
_TORCH_TILES = 8
"""Float32 tiles that its backward holds at once where it has no Triton: five by name, three of an expression."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate; sizes in bytes, per GPU."""

    parameters: int
    trained: int
    gpus: int
    memory: dict[str, int]
    accumulates: bool
    """Whether a step has several micro-batches, so that gradients wait beside the activations of the next."""
    prompts: int | None
    """None: not known before the data is read."""
    steps: int | None
    tokens_per_step: int
    """Completion tokens at most, over all GPUs."""
    flops_per_step: float
    host: int
    """Peak bytes of the machine, all processes together, without their libraries."""

    @property
    def total(self) -> int:
        """Peak bytes of one GPU: of the rollout, a backward pass at its beginning, and at its end, the largest."""
        passes = ("converted weights", "activations", "head")
        moving = (*passes, "KV cache", "gradients")
        fixed = sum(size for name, size in self.memory.items() if name not in moving)
        gradients, begun = self.memory["gradients"], sum(self.memory[name] for name in passes)
        waiting = gradients if self.accumulates else 0
        return fixed + max(waiting + max(begun, self.memory["KV cache"]), gradients)


def plan(config: TrainConfig, gpus: int = 1) -> Estimate:
    """Estimate a run on `gpus` GPUs.

    Raises:
        UsageError: the model's sizes are not known, or the batch cannot be divided.
    """
    if gpus < 1:
        raise UsageError(f"gpus must be at least 1, not {gpus}")
    split = config.divided(gpus)
    sizes = sizes_of(config.model)
    trained = sizes.adapter_parameters(config.lora_rank) if config.lora else sizes.parameters
    samples = config.batch_size * config.n
    tokens = samples * config.max_tokens
    passes = (0 if config.method == "sft" else 2) + (2 if config.kl else 0) + 6
    prompts = _prompts(config)
    steps = config.max_steps if prompts is None else config.steps(prompts)
    memory = _memory(config, sizes, trained, split)
    return Estimate(
        sizes.parameters, trained, gpus, memory, split.accumulate > 1, prompts, steps, tokens,
        float(passes) * sizes.computed * tokens, _host(config, sizes.parameters, trained, gpus),
    )  # fmt: skip


def _host(config: TrainConfig, everything: int, trained: int, gpus: int) -> int:
    number = _number(config)
    weights = (number if config.lora else 4) * everything
    reference = (4 if gpus == 1 else number) * everything if config.kl and not config.lora else 0
    collected = max(weights, 8 * trained) if gpus > 1 else 0
    handed_over = 4 * everything if config.rollouts == "vllm" else 0
    return max(weights + reference, collected, handed_over)


def _number(config: TrainConfig) -> int:
    """Bytes of a number in products."""
    return 4 if config.precision == "fp32" else 2


def _prompts(config: TrainConfig) -> int | None:
    if config.data == "arithmetic":
        return config.limit or int(arithmetic.checked(config.data_options)["size"])
    return config.limit or (NAMED[config.data].size if config.data in NAMED else None)


def _memory(config: TrainConfig, sizes: Sizes, trained: int, split: Split) -> dict[str, int]:
    gpus, rows = split.processes, split.micro * split.accumulate
    everything, whole = sizes.parameters, not config.lora
    unit = max(sizes.largest_layer, sizes.vocab * sizes.hidden)
    here = config.rollouts == "transformers" and config.method != "sft"
    number, kept_whole = _number(config), gpus == 1 and (config.lora or config.precision == "fp32")
    context = config.max_prompt_tokens + config.max_tokens
    cache = round(number * sizes.cache(context, compressed=False)) * min(config.rollout_batch, rows)
    return {
        "weights": (number * everything + 4 * trained if config.lora else 4 * everything) // gpus,
        "gathered layers": 2 * number * unit if gpus > 1 else 0,
        "gradients": 4 * trained // gpus,
        "optimiser": 8 * trained // gpus,
        "reference": (4 if gpus == 1 else number) * everything // gpus if config.kl and whole else 0,
        "sampling copy": number * everything if here and not kept_whole else 0,
        "converted weights": 2 * everything if gpus == 1 and number == 2 and whole else 0,
        "activations": split.micro * context * _kept(config, sizes, gpus),
        "head": _head(config, sizes, split),
        "KV cache": cache if here else 0,
    }


def _kept(config: TrainConfig, sizes: Sizes, gpus: int) -> int:
    """Bytes that are kept of one token for the backward pass."""
    number, (norms, residual) = _number(config), _norms(config, gpus)
    attention = 2 * (sizes.heads + sizes.kv_heads) * sizes.head
    layer = number * (attention + 4 * sizes.intermediate) + norms * sizes.hidden
    return residual * sizes.hidden * sizes.layers + layer if config.gradient_checkpointing else layer * sizes.layers


def _norms(config: TrainConfig, gpus: int) -> tuple[int, int]:
    """Bytes a unit of width that a layer's two norms keep, and of the residual stream.

    A norm keeps its input in float32; where its weights train, what they are multiplied with; and its output, which the
    linear layers take. Under autocast (one GPU, half precision) all but the last is float32; with adapters or pieces
    (FSDP2) the stream is of the precision of products.
    """
    number = _number(config)
    residual = 4 if gpus == 1 and not config.lora else number
    return 2 * (4 + (0 if config.lora else residual) + number), residual


def _head(config: TrainConfig, sizes: Sizes, split: Split) -> int:
    limit = config.max_tokens + (config.max_prompt_tokens if config.method == "sft" else 0)
    tile = min(_HEAD_TOKENS, split.micro * limit) * min(_HEAD_WIDTH, sizes.vocab)
    plain = 4 * _TORCH_TILES if config.device == "cpu" else 0
    return (_number(config) + plain) * tile + (0 if config.lora else 4 * sizes.vocab * sizes.hidden)


def describe(config: TrainConfig, found: Estimate, file: str | None = None) -> list[str]:
    """The plan as lines for a person: settings, data, memory, work, command."""
    size = "not known before it is read" if found.prompts is None else f"{found.prompts:,} prompts"
    steps = "one pass over the data" if found.steps is None else f"{found.steps:,} steps"
    adapters = f", of which {found.trained / 1e6:,.1f} million train" if config.lora else ""
    total = f"{found.total / _GIB:.1f} GiB"
    lines = [
        "settings:",
        *settings_lines(config),
        "",
        f"model: {found.parameters / 1e9:.2f} billion parameters{adapters}",
    ]
    lines += [f"data: {config.data}, {size}", f"length: {steps} of {config.batch_size} prompts x {config.n} samples"]
    limit = f"{config.max_prompt_tokens} + {config.max_tokens} tokens (max_prompt_tokens + max_tokens)"
    lines += [f"memory per GPU, of {found.gpus}, with every sequence at its limit of {limit}: about {total}"]
    lines += [f"  {name:<18} {size / _GIB:7.2f} GiB" for name, size in found.memory.items() if size]
    lines += ["  (not all are alive together; allocator and libraries take 1 to 3 GiB more)"]
    lines += [f"memory of the machine, of all processes together: about {found.host / _GIB:.1f} GiB"]
    all_steps = f"; all steps {found.flops_per_step * found.steps:.1e}" if found.steps else ""
    lines += [
        f"per step at most: {found.tokens_per_step:,} completion tokens, {found.flops_per_step:.1e} floating-point "
        f"operations{all_steps}",
        "",
        f"command for {found.gpus} GPU{'s' if found.gpus > 1 else ''}:",
        f"  {launch_command(config, found.gpus, file)}",
    ]
    if config.rollouts == "vllm":
        context = config.max_prompt_tokens + config.max_tokens
        lines += [
            "and, on GPUs of its own: "
            f"VLLM_SERVER_DEV_MODE=1 vllm serve {config.model} --dtype bfloat16 --max-model-len {context}"
        ]
    return lines


def settings_lines(config: TrainConfig) -> list[str]:
    """All settings for a person, those of the watch last."""
    values = config.model_dump(mode="json")
    return [f"  {name}: {values[name]}" for name in sorted(values, key=lambda name: name in WatchSettings.model_fields)]


def launch_command(config: TrainConfig, gpus: int, file: str | None = None) -> str:
    """The shell command that starts the run on `gpus` GPUs of one machine."""
    changed = config.changed()
    if file:
        try:
            alone = load_config(file, {"method": config.method, "model": config.model}).model_dump(mode="json")
            changed = {name: value for name, value in config.model_dump(mode="json").items() if value != alone[name]}
        except UsageError:  # without the options beside it, the file says something that cannot be
            file = None
    run = ["train", config.method, config.model, *(["--config", file] if file else [])]
    for name, value in changed.items():
        run += ["--set", f"{name}={_as_option(value)}"]
    if gpus == 1:
        return shlex.join(["entmin", *run])
    sharding = (
        "--use_fsdp --fsdp_version 2 --fsdp_auto_wrap_policy TRANSFORMER_BASED_WRAP "
        "--fsdp_state_dict_type FULL_STATE_DICT"  # otherwise no model is written at the end
    ).split()
    launch = ["accelerate", "launch", "--num_processes", str(gpus), *sharding, "-m", "entmin"]
    return shlex.join([*launch, *run])


def _as_option(value: Any) -> str:
    """A value as `--set` reads it back: texts as they are, unless they would be read as something else."""
    if not isinstance(value, str):
        return json.dumps(value)
    try:
        json.loads(value)
    except ValueError:
        return value
    return json.dumps(value)
