"""How long a training run takes on some hardware, and whether it fits: ``entmin estimate MODEL --train em-rl``.

Of one optimiser step over G GPUs, t tokens of prompts and completions, P weights of which p train:

    rollouts    the completions decoded, as `entmin.estimates.decoding` has it; one rollout serves all its updates
    weights     2 P bytes to the vLLM servers, once a rollout
    products    t (6 P + attention) operations and 2 P t more for each pass without gradient: reference, scores, and
                activations that are computed again; a padded micro-batch computes more, which the low MFU stands for
    exchange    G > 1: 3 x 2 P bytes of weights and gradients over the link in each micro-batch; hidden behind the
                products at the low end, beside them at the high end
    optimiser   28 p / G bytes of memory traffic

The parts come one after the other; with rollouts_ahead, rollouts beside products, exchange and optimiser.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from entmin.errors import UsageError
from entmin.estimates.decoding import EFFICIENCIES, SAMPLING, Engine, Work
from entmin.estimates.evaluation import ANSWER, GIB, smallest_width
from entmin.estimates.hardware import Hardware
from entmin.estimates.known import sizes_of
from entmin.estimates.ranges import Range, between, count, ending, seconds, total
from entmin.train.config import SINGLE, TrainConfig
from entmin.train.plan import Estimate, plan

MFU = Range(0.5, 0.15)
"""Share of the peak operations in passes of training, best first."""
_PROMPT = Range(80, 400)
"""Tokens of a mean prompt, where its limit is not lower."""
_EXTRA = 3 * GIB
"""Of allocator and libraries."""
_LOADED = Range(10e9, 1e9)
"""Bytes a second that servers take weights with."""
_MACHINE, _NETWORK = 8, 50e9
"""GPUs of one machine, and bytes a second between machines for each."""
_AT_ONCE = 256
"""Completions that a server of vLLM decodes together by default."""


@dataclass(frozen=True, slots=True)
class Duration:
    """An estimate; times in seconds."""

    config: TrainConfig
    hardware: Hardware
    plan: Estimate
    answer_tokens: Range
    prompt_tokens: Range
    smallest: int | None
    """The fewest GPUs on which it fits; None where 1024 are too few, or the batch cannot be divided further."""
    step: dict[str, Range]
    """The parts of one optimiser step."""
    serving: int
    """GPUs of vLLM servers, each server as wide as the model needs."""
    price: float | None

    @property
    def fits(self) -> bool:
        """Whether the memory is enough."""
        return _fits(self.plan, self.hardware)

    @property
    def gpus(self) -> int:
        """Of trainer and vLLM servers together."""
        return self.plan.gpus + self.serving

    @property
    def each(self) -> Range:
        """Of one step."""
        if not self.config.rollouts_ahead:
            return total(list(self.step.values()))
        rollouts, rest = self.step["rollouts"], self.step["passes"].plus(self.step["optimiser"])
        return self.step["weights"].plus(Range(*map(max, rollouts, rest)))

    @property
    def time(self) -> Range | None:
        """Of all steps; None where their number is not known before the data are read."""
        return None if self.plan.steps is None else self.each.scaled(self.plan.steps)

    @property
    def money(self) -> Range | None:
        """Of all steps."""
        return None if self.price is None or self.time is None else self.time.scaled(self.price * self.gpus / 3600)


def duration(
    config: TrainConfig, gpus: int, hardware: Hardware, answer_tokens: Range | None = None, price: float | None = None
) -> Duration:
    """Estimate a run on `gpus` GPUs.

    Args:
        config: the run.
        gpus: that train.
        hardware: each of them.
        answer_tokens: of a mean completion; None assumes `ANSWER`.
        price: of one GPU for an hour.

    Raises:
        UsageError: the model's sizes are not known, or the batch cannot be divided.
    """
    found = plan(config, gpus)
    answers = Range(*(min(end, config.max_tokens) for end in answer_tokens or ANSWER))
    prompts = Range(*(min(end, config.max_prompt_tokens) for end in _PROMPT))
    engine, work = _sampler(config, gpus, hardware, prompts, answers)
    step = (_rollout(config, engine, work) if config.method != "sft" else {}) | _update(
        config, found, hardware, prompts, answers
    )
    serving = engine.width * engine.replicas if config.method != "sft" and config.rollouts == "vllm" else 0
    smallest = gpus if _fits(found, hardware) else _smallest(config, hardware)
    return Duration(config, hardware, found, answers, prompts, smallest, step, serving, price)


def _fits(found: Estimate, hardware: Hardware) -> bool:
    return found.total + _EXTRA <= hardware.memory


def _smallest(config: TrainConfig, hardware: Hardware) -> int | None:
    for gpus in (1 << power for power in range(11)):
        try:
            if _fits(plan(config, gpus), hardware):
                return gpus
        except UsageError:  # the batch cannot be divided among more
            return None
    return None


def _update(
    config: TrainConfig, found: Estimate, hardware: Hardware, prompts: Range, answers: Range
) -> dict[str, Range]:
    sizes, gpus = sizes_of(config.model), found.gpus
    forward = bool(config.kl) + (config.method not in SINGLE) + config.gradient_checkpointing
    link = hardware.link if gpus <= _MACHINE else min(hardware.link, _NETWORK)
    share = EFFICIENCIES["vllm"].memory
    exchanged = 6 * sizes.parameters * (gpus - 1) / gpus * config.divided(gpus).accumulate if gpus > 1 else 0.0
    products, exchange = [], []
    for end in (0, 1):
        tokens = prompts[end] + answers[end]
        flops = (6 + 2 * forward) * (sizes.computed + sizes.attention_flops(tokens / 2) / 2)
        products.append(config.batch_size * config.n * tokens * flops / (gpus * hardware.flops * MFU[end]))
        exchange.append(exchanged / (link * share[end]) if gpus > 1 else 0.0)
    moved = 28 * found.trained / gpus / hardware.bandwidth
    return {
        "passes": Range(max(products[0], exchange[0]), products[1] + exchange[1]),
        "optimiser": Range(moved / share.low, moved / share.high),
    }


def _sampler(config: TrainConfig, gpus: int, hardware: Hardware, prompts: Range, answers: Range) -> tuple[Engine, Work]:
    """What draws the completions of one rollout, and all of them.

    Raises:
        UsageError: no server is wide enough for the model.
    """
    samples = config.batch_size * config.n * config.updates_per_rollout
    sizes, work = sizes_of(config.model), Work(samples, prompts, answers, config.max_tokens, SAMPLING)
    if config.rollouts == "vllm":
        servers = len(config.vllm_url.split(","))
        engine = Engine(sizes, hardware, "vllm", replicas=servers, in_flight=servers * _AT_ONCE)
        return replace(engine, width=smallest_width(engine, work)), work
    kind = "measured" if hardware.own else "transformers"
    return Engine(sizes, hardware, kind, replicas=gpus, in_flight=gpus * config.rollout_batch), work


def _rollout(config: TrainConfig, engine: Engine, work: Work) -> dict[str, Range]:
    """A step's share of decoding and of handing over the weights."""
    share = 1 / config.updates_per_rollout
    parts = {"rollouts": engine.read(work).plus(engine.decode(work)).scaled(share)}
    if config.rollouts == "vllm":
        moved = 2 * engine.sizes.parameters * share
        parts["weights"] = Range(moved / _LOADED.low, moved / _LOADED.high)
    return parts


def as_json(found: Duration) -> dict[str, Any]:
    """The estimate as JSON values; ranges are pairs."""
    return {
        "model": found.config.model,
        "method": found.config.method,
        "parameters": found.plan.parameters,
        "trained_parameters": found.plan.trained,
        "hardware": found.hardware.name,
        "gpus": found.gpus,
        "fits": found.fits,
        "smallest_gpus": found.smallest,
        "memory_bytes_per_gpu": found.plan.memory | {"total": found.plan.total},
        "steps": found.plan.steps,
        "step_seconds": {name: list(span) for name, span in found.step.items()},
        "seconds": list(found.time) if found.fits and found.time else None,
        "money": list(found.money) if found.fits and found.money else None,
        "assumptions": list(_assumptions(found)),
    }


def described(found: Duration) -> Iterator[str]:
    """The estimate as lines for a person."""
    config, planned, hardware = found.config, found.plan, found.hardware
    yield f"{config.model}: {planned.parameters / 1e9:.2f} billion parameters, {config.method}"
    servers = f", {found.serving} of them for vLLM servers" if found.serving else ""
    yield f"{found.gpus} x {hardware.name}{servers}"
    yield (
        f"memory of one that trains: {(planned.total + _EXTRA) / GIB:.1f} of {hardware.memory / GIB:.1f} GiB, every "
        "sequence at its limit"
    )
    yield from (f"  {name:<18} {size / GIB:8.2f} GiB" for name, size in planned.memory.items() if size)
    if not found.fits:
        enough = (
            f"the smallest number of GPUs that does is {found.smallest}"
            if found.smallest
            else ("no number of GPUs that divides the batch does")
        )
        yield f"does not fit: {enough}; lora, gradient_checkpointing and a smaller micro_batch take less (--set)"
        return
    yield ""
    parts = ", ".join(f"{name} {seconds(part)}" for name, part in found.step.items())
    beside = "; rollouts beside passes and optimiser" if config.rollouts_ahead else ""
    yield f"one step: {seconds(found.each)} ({parts}{beside})"
    if found.time is None:
        yield "all steps: not known before the data are read; --set max_steps=N says it"
    else:
        yield f"all {planned.steps:,} steps: {seconds(found.time)}"
    yield from ending(found.money, found.price, _assumptions(found))


def _assumptions(found: Duration) -> Iterator[str]:
    yield found.hardware.described()
    yield f"passes of training use {MFU.low:.0%} to {MFU.high:.0%} of the operations"
    prompts, answers = between(found.prompt_tokens, count), between(found.answer_tokens, count)
    yield f"a mean prompt has {prompts} tokens, a mean completion {answers} (--answer-tokens says it)"
    if found.plan.gpus > _MACHINE:
        yield f"machines have {_MACHINE} GPUs each, with {_NETWORK / 1e9:.0f} GB/s a GPU between them"
    yield "not in it: start, judging of answers, held-out evaluations, checkpoints"
