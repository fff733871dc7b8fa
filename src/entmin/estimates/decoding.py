"""How long answers take, and what memory: prefill and decoding of one engine on some hardware, from first principles.

Of one replica on t GPUs (tensor parallel), for B answers in flight with a context of c tokens:

    a step of decoding    max(bytes / (bandwidth x MBU), operations / (peak x MFU)) / t + launch x layers + row x B;
                          transformers launches ahead of a GPU, so there the larger of the first two counts
                          bytes: the weights that the step reads (of experts, those that some row takes), keys and
                          values of B contexts, and the passes of sampling and method over B rows of float32 logits
                          operations: 2 active weights + attention, for each row
    between GPUs, t > 1   2 all-reduces a layer: a latency each, and 2 (t - 1) / t of the hidden states over the link
    reading prompts       operations / (peak x MFU) / t
    all answers           N x length / B steps, or length where all N fit; at the high end then a tail, in which an
                          eighth of the batch goes on to the longest answer allowed
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from entmin.engine.requests import IN_FLIGHT, ROWS, ROWS_ON_CPU
from entmin.estimates.hardware import Hardware
from entmin.estimates.ranges import Range
from entmin.estimates.sizes import Sizes


@dataclass(frozen=True, slots=True)
class Efficiency:
    """What software gets out of hardware: at best (low end of an estimate) and at worst (high end)."""

    memory: Range
    """Share of the bandwidth (MBU)."""
    products: Range
    """Share of the peak operations (MFU)."""
    launch: Range
    """Seconds per layer and pass."""
    row: Range
    """Seconds per answer and step: scheduling, sampling, text."""
    ready: Range
    """Seconds of a start beside reading the weights."""
    in_flight: int
    """Answers in flight, where nothing is said."""
    reserved: float = 2e9
    """Bytes of a GPU for libraries and graphs."""
    usable: float = 0.9
    """Share of the memory that is used."""
    ahead: bool = False
    """Whether launches run ahead of the GPU, so that the longer of the two counts and not their sum."""


EFFICIENCIES = {
    "vllm": Efficiency(
        Range(0.85, 0.5), Range(0.65, 0.3), Range(20e-6, 120e-6), Range(5e-6, 50e-6), Range(30, 180), IN_FLIGHT
    ),
    "transformers": Efficiency(
        Range(0.8, 0.4), Range(0.6, 0.2), Range(0.4e-3, 0.9e-3), Range(20e-6, 200e-6), Range(5, 20), ROWS, ahead=True
    ),
    "measured": Efficiency(
        Range(1.2, 0.6), Range(1.2, 0.6), Range(0.8, 1.6), Range(0, 0), Range(3, 15), ROWS_ON_CPU, 1e9, 0.95
    ),
}
"""By engine; ``measured``: ours on a CPU whose rates are measured, `launch` a factor of all that was seen beside."""
SAMPLING = 4
"""Passes over the float32 logits of a step for softmax, truncation and drawing."""
METHOD = 10
"""Further passes of a method that adjusts every row."""
_CHUNK = 8192
"""Prompt tokens read at once."""
_DISK = Range(3e9, 0.5e9)
"""Bytes a second that weights are read with."""
_TAIL = 1 / 8
REDUCE = Range(10e-6, 30e-6)
"""Seconds of latency of one all-reduce."""


@dataclass(frozen=True, slots=True)
class Work:
    """Answers to be decoded."""

    requests: int
    prompt_tokens: Range
    answer_tokens: Range
    """Of a mean answer."""
    longest: int
    """Tokens that no answer exceeds."""
    passes: int = SAMPLING
    """Over the logits of each step."""

    def context(self, end: int) -> float:
        """Tokens of a mean prompt and answer together, at an end of the range."""
        return self.prompt_tokens[end] + self.answer_tokens[end]


@dataclass(frozen=True, slots=True)
class Engine:
    """A model in an engine on hardware: so many replicas of `width` GPUs each."""

    sizes: Sizes
    hardware: Hardware
    kind: str
    """A key of `EFFICIENCIES`."""
    width: int = 1
    replicas: int = 1
    in_flight: int | None = None
    """Answers in flight at all replicas together."""

    @property
    def efficiency(self) -> Efficiency:
        """Of this kind."""
        return EFFICIENCIES[self.kind]

    def cache(self, tokens: float) -> float:
        """Bytes of one GPU for keys and values of one answer."""
        compressed = self.kind == "vllm"
        shared = 1 if self.sizes.latent and compressed else min(self.width, self.sizes.kv_heads)
        return self.hardware.number * self.sizes.cache(tokens, compressed) / shared

    def memory(self, work: Work, rows: float) -> dict[str, float]:
        """Bytes of one GPU, with so many mean answers in flight."""
        sizes, kept = self.sizes, min(_CHUNK, rows * work.prompt_tokens.high)
        wide = (
            5 * sizes.hidden + (2 * (sizes.heads + sizes.kv_heads) * sizes.head + 4 * sizes.intermediate) / self.width
        )
        return {
            "weights": self.hardware.number * sizes.parameters / self.width,
            "KV cache": rows * self.cache(work.context(1)),
            "activations": self.hardware.number * kept * wide,
            "logits": 8 * rows * sizes.vocab,
            "libraries": self.efficiency.reserved,
        }

    def fits(self, work: Work) -> bool:
        """Whether one answer of full length can be decoded."""
        needed = self.memory(work, 1)
        needed["KV cache"] = self.cache(work.prompt_tokens.high + work.longest)
        return sum(needed.values()) <= self.efficiency.usable * self.hardware.memory

    def rows(self, work: Work, end: int) -> int:
        """Answers of one replica that are decoded together: as many as are asked for, and as the memory holds."""
        asked = -(-(self.in_flight or self.efficiency.in_flight * self.replicas) // self.replicas)
        asked = min(asked, -(-work.requests // self.replicas))
        taken = self.memory(work, asked)
        fixed = sum(taken[name] for name in ("weights", "activations", "libraries"))
        room = self.efficiency.usable * self.hardware.memory - fixed
        return max(1, min(asked, int(room / (self.cache(work.context(end)) + taken["logits"] / asked))))

    def step(self, rows: float, context: float, passes: int, end: int) -> float:
        """Seconds of one step of decoding, at an end of the range."""
        sizes, hardware, share = self.sizes, self.hardware, self.efficiency
        moved = self.hardware.number * sizes.read(rows) / self.width + rows * (
            self.cache(context) + 4 * sizes.vocab * passes
        )
        flops = rows * (2 * sizes.active + sizes.attention_flops(context)) / self.width
        busy = max(moved / hardware.bandwidth / share.memory[end], flops / hardware.flops / share.products[end])
        if hardware.own is not None:
            seen = hardware.own.step + hardware.own.layer * sizes.layers + hardware.own.logit * sizes.vocab * rows
            return busy + share.launch[end] * seen
        launched = share.launch[end] * sizes.layers
        busy = max(busy, launched) if share.ahead else busy + launched
        return busy + share.row[end] * rows + self._exchanged(rows, end)

    def _exchanged(self, rows: float, end: int) -> float:
        """Seconds of a pass over so many tokens for exchange between the GPUs of a replica."""
        if self.width == 1:
            return 0.0
        moved = 2 * (self.width - 1) / self.width * rows * self.sizes.hidden * 2
        link = self.hardware.link * self.efficiency.memory[end]
        return 2 * self.sizes.layers * (REDUCE[end] + moved / link)

    def start(self) -> Range:
        """Seconds until the model answers."""
        size = self.hardware.number * self.sizes.parameters
        ready = self.efficiency.ready
        return Range(ready.low + size / _DISK.low, ready.high + size / _DISK.high)

    def read(self, work: Work) -> Range:
        """Seconds of reading all prompts."""
        return Range(*(self._read(work, end) for end in (0, 1)))

    def _read(self, work: Work, end: int) -> float:
        tokens, each = work.prompt_tokens[end], -(-work.requests // self.replicas)
        flops = 2 * self.sizes.active + self.sizes.attention_flops(tokens / 2)
        rate = self.hardware.flops * self.efficiency.products[end] * self.width
        return each * tokens * flops / rate + self._exchanged(each * tokens, end) - self._exchanged(0, end)

    def decode(self, work: Work) -> Range:
        """Seconds of decoding all answers."""
        return Range(*(self._decode(work, end) for end in (0, 1)))

    def _decode(self, work: Work, end: int) -> float:
        rows, length = self.rows(work, end), work.answer_tokens[end]
        context = work.prompt_tokens[end] + length / 2
        steps = max(length, -(-work.requests // self.replicas) * length / rows)
        taken = steps * self.step(rows, context, work.passes, end)
        if end == 0 or work.requests == 1:
            return taken
        tail = max(0.0, work.longest - length)
        return taken + tail * self.step(max(1.0, rows * _TAIL), context + tail / 2, work.passes, end)


def widths(sizes: Sizes) -> Iterator[int]:
    """Numbers of GPUs that a model's heads can be divided among: powers of two."""
    width = 1
    while sizes.heads % width == 0:
        yield width
        width *= 2
