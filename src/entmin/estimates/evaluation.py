"""What an evaluation takes: modes on benchmarks, with a model on so many GPUs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from entmin.errors import UsageError
from entmin.estimates.decoding import METHOD, REDUCE, SAMPLING, Engine, Work, widths
from entmin.estimates.lengths import Lengths
from entmin.estimates.ranges import Range, between, count, ending, seconds, total
from entmin.estimates.sizes import Sizes
from entmin.mode import Mode
from entmin.strategies import PowerSampling, SelfRefinement, Strategy

GIB = float(1 << 30)
ANSWER = Range(400, 2000)
"""Tokens of a mean answer that reasons in steps, where nobody says; a model that thinks first takes more."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An estimate; times in seconds, sizes in bytes of one GPU."""

    model: str
    sizes: Sizes
    gpus: int
    engine: Engine
    """As wide as it has to be; where nothing fits, one replica of the width that would."""
    tasks: tuple[Lengths, ...]
    answer_tokens: Range
    """Of a mean answer, before a task's limit."""
    memory: Mapping[str, float]
    rows: int
    """Answers of one replica in flight."""
    fits: bool
    arms: Mapping[str, Mapping[str, Range]]
    """Seconds of each mode, over all tasks: ``prompts`` and ``answers``. Empty where the model does not fit."""
    price: float | None
    """Of one GPU for an hour."""

    @property
    def time(self) -> Range:
        """Of everything, the start of the engine included."""
        return total([self.engine.start(), *(part for arm in self.arms.values() for part in arm.values())])

    @property
    def money(self) -> Range | None:
        """For all GPUs as long as it lasts, those without work included."""
        return None if self.price is None else self.time.scaled(self.price * self.gpus / 3600)


def evaluation(
    model: str,
    sizes: Sizes,
    engine: Engine,
    gpus: int,
    tasks: Sequence[Lengths],
    arms: Mapping[str, Mode],
    *,
    epochs: int = 1,
    answer_tokens: Range | None = None,
    price: float | None = None,
) -> Evaluation:
    """Estimate an evaluation.

    Args:
        model: its name.
        sizes: of the model.
        engine: on one GPU; here it gets its width and its replicas.
        gpus: how many there are.
        tasks: the benchmarks.
        arms: modes by label.
        epochs: samples per problem.
        answer_tokens: of a mean answer; None assumes `ANSWER`.
        price: of one GPU for an hour.

    Raises:
        UsageError: an engine that takes one GPU alone was to use several, or no number of GPUs is enough.
    """
    if engine.kind != "vllm" and gpus > 1:
        raise UsageError("the transformers engine decodes on one device: leave out --gpus, or take --engine vllm")
    said = answer_tokens or ANSWER
    largest = max(
        (_work(one, Mode(), 1, said) for one in tasks), key=lambda work: work.prompt_tokens.high + work.longest
    )
    width = smallest_width(engine, largest)
    fits = width <= gpus
    engine = replace(engine, width=width, replicas=max(1, gpus // width))
    work = {label: [_work(one, mode, epochs, said) for one in tasks] for label, mode in arms.items()}
    first = next(iter(work.values()))[0]
    rows = engine.rows(first, 1)
    times = {
        label: {
            "prompts": total([engine.read(one) for one in parts]),
            "answers": total([engine.decode(one) for one in parts]),
        }
        for label, parts in work.items()
    }
    memory = engine.memory(first, rows)
    return Evaluation(model, sizes, gpus, engine, tuple(tasks), said, memory, rows, fits, times if fits else {}, price)


def smallest_width(engine: Engine, work: Work) -> int:
    """The fewest GPUs that hold the model and one answer."""
    tried = list(widths(engine.sizes)) if engine.kind == "vllm" else [1]
    for width in tried:
        if replace(engine, width=width).fits(work):
            return width
    raise UsageError(
        f"the model fits on no {tried[-1]} of these GPUs, and it has only {engine.sizes.heads} heads to divide: "
        "take GPUs with more memory"
        if engine.kind == "vllm"
        else "the model does not fit on this device, and the transformers engine uses one: take a larger one, or "
        "--engine vllm with more --gpus"
    )


def _work(lengths: Lengths, mode: Mode, epochs: int, answer_tokens: Range) -> Work:
    """The requests of one mode on one benchmark."""
    answers = Range(*(min(tokens, lengths.longest) for tokens in answer_tokens))
    calls, prompt = _calls(mode.strategy), lengths.prompt_tokens
    if isinstance(mode.strategy, SelfRefinement):  # earlier prompts and answers stand before the question
        prompt = prompt.plus(prompt.plus(answers).scaled((calls - 1) / 2))
    passes = SAMPLING + (0 if mode.method.name == "normal" else METHOD)
    return Work(round(lengths.problems * epochs * calls), prompt, answers, lengths.longest, passes)


def _calls(strategy: Strategy | None) -> float:
    """Answers that a strategy has drawn for one problem; of power sampling, pieces of answers added up."""
    if isinstance(strategy, PowerSampling):  # each step draws half of what stands so far again, on average
        return 1 + strategy.steps * (strategy.blocks + 1) / 4
    return getattr(strategy, "n", 1)


def as_json(found: Evaluation) -> dict[str, Any]:
    """The estimate as JSON values; ranges are pairs."""
    engine, start = found.engine, found.engine.start()
    return {
        "model": found.model,
        "parameters": found.sizes.parameters,
        "active_parameters": found.sizes.active,
        "kv_bytes_per_token": engine.hardware.number * found.sizes.cache(1, engine.kind == "vllm"),
        "hardware": engine.hardware.name,
        "gpus": found.gpus,
        "engine": "transformers" if engine.kind == "measured" else engine.kind,
        "fits": found.fits,
        "tensor_parallel": engine.width,
        "replicas": engine.replicas if found.fits else 0,
        "in_flight_per_replica": found.rows,
        "memory_bytes_per_gpu": dict(found.memory),
        "tasks": [
            {"task": one.task, "problems": one.problems, "prompt_tokens": list(one.prompt_tokens), "how": one.how}
            for one in found.tasks
        ],
        "answer_tokens": list(found.answer_tokens),
        "start_seconds": list(start),
        "modes": {label: {part: list(span) for part, span in arm.items()} for label, arm in found.arms.items()},
        "seconds": list(found.time) if found.fits else None,
        "money": list(found.money) if found.fits and found.money else None,
        "assumptions": list(assumptions(found)),
    }


def described(found: Evaluation) -> Iterator[str]:
    """The estimate as lines for a person."""
    yield from _placed(found)
    if not found.fits:
        return
    yield ""
    yield f"start of the engine: {seconds(found.engine.start())}"
    for label, arm in found.arms.items():
        yield f"{label}: {seconds(total(list(arm.values())))} (prompts {seconds(arm['prompts'])}, answers " + (
            f"{seconds(arm['answers'])})"
        )
    yield f"all: {seconds(found.time)}"
    yield from ending(found.money, found.price, assumptions(found))


def _placed(found: Evaluation) -> Iterator[str]:
    """Model, tasks, memory, and whether it fits."""
    engine, sizes = found.engine, found.sizes
    per_token = engine.hardware.number * sizes.cache(1, engine.kind == "vllm") / 1024
    idle = f", {sizes.computed / 1e9:.2f} billion of them for each token" if sizes.routed else ""
    yield f"{found.model}: {sizes.parameters / 1e9:.2f} billion parameters{idle}; {per_token:.0f} KiB of cache a token"
    for one in found.tasks:
        prompts, answers = one.prompt_tokens, Range(*(min(end, one.longest) for end in found.answer_tokens))
        yield (
            f"{one.task}: {one.problems:,} problems, prompts of {between(prompts, count)} tokens ({one.how}), "
            f"answers of {between(answers, count)}, at most {one.longest:,}"
        )
    hardware = engine.hardware
    holds = f"{sum(found.memory.values()) / GIB:.1f} of {hardware.memory / GIB:.1f} GiB"
    if not found.fits:
        weights = engine.hardware.number * sizes.parameters / GIB
        yield (
            f"does not fit: the weights alone are {weights:.0f} GiB, {found.gpus} x {hardware.name} has "
            f"{found.gpus * hardware.memory / GIB:.0f}; the smallest tensor-parallel size that does is {engine.width} "
            f"(--gpus {engine.width})"
        )
        return
    used = engine.width * engine.replicas
    spare = f"; {found.gpus - used} without work" if used < found.gpus else ""
    yield (
        f"{found.gpus} x {hardware.name}: {engine.replicas} replica{'s' * (engine.replicas > 1)} of tensor-parallel "
        f"size {engine.width}, {found.rows} answers in flight in each{spare}"
    )
    yield f"memory of one: {holds}"
    yield from (f"  {name:<12} {size / GIB:8.2f} GiB" for name, size in found.memory.items())


def assumptions(found: Evaluation) -> Iterator[str]:
    """What the estimate takes for granted, best first where there are two."""
    engine, share = found.engine, found.engine.efficiency
    hardware, sizes = engine.hardware, found.sizes
    yield hardware.described()
    yield (
        f"of it used: {share.products.low:.0%} to {share.products.high:.0%} of the operations, "
        f"{share.memory.low:.0%} to {share.memory.high:.0%} of the bandwidth, {share.usable:.0%} of the memory"
    )
    if hardware.own is not None:
        own = hardware.own
        yield (
            f"beside that, measured, {between(share.launch)} times: {own.step * 1e3:.1f} ms a step, "
            f"{own.layer * 1e3:.2f} ms per layer, {own.logit * sizes.vocab * 1e3:.2f} ms per answer"
        )
    else:
        yield (
            f"beside that: {between(share.launch.scaled(1e6))} µs per layer and step, "
            f"{between(share.row.scaled(1e6))} µs per answer and step"
            + (f", {between(REDUCE.scaled(1e6))} µs per all-reduce" if engine.width > 1 else "")
        )
    yield f"an answer has {between(found.answer_tokens, count)} tokens, or its limit if lower (--answer-tokens says it)"
    yield "the high end has a tail: an eighth of the answers in flight goes on to the limit"
    yield f"a method reads the logits {METHOD} times more than sampling alone ({SAMPLING})"
    yield "not in it: grading, downloads, a queue for the hardware, prefixes that are cached"
