"""Host for Hugging Face transformers: one `LogitsProcessor`, any causal language model.

    model.generate(**inputs, logits_processor=[EntropyLogitsProcessor(EmInf())])

`generate` runs the caller's processors before its own temperature, top-k and top-p, so the order is that of every host:
adjust, then temperature, then truncation. A method that belongs after the temperature, such as min-p, must be told the
temperature that `generate` will divide by: ``EntropyLogitsProcessor(MinP(), temperature=0.7)``.

A method with memory (`Method.memory`) needs a processor for each call of `generate`. Beams take their memory along;
assisted decoding and prompt lookup, which go back over tokens, are refused.

Beam search hands over log-probabilities and adds up what it gets back, so rows that can be log-probabilities (no entry
is above 0) come back as such.

Where no processor can be handed over, as to a pipeline that makes many calls, a folder of ours can:
``generate(..., custom_generate=CUSTOM_GENERATE, trust_remote_code=True, method="em_inf", threshold=0.3)``.

Processors that `generate` builds from the generation config itself, such as a repetition penalty, come before ours.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from transformers import LogitsProcessor

from entmin.errors import UsageError
from entmin.methods import Method, Normal
from entmin.methods.ahead import ahead_of_temperature
from entmin.methods.base import as_method
from entmin.methods.memory import MethodWithMemory, Sequences, Steps

if TYPE_CHECKING:
    from entmin.mode import Mode

CUSTOM_GENERATE = str(Path(__file__).with_name("custom_generate"))
"""The folder for ``custom_generate``; its README has the arguments."""
_NORMALISED = 1e-3
"""How far from 0 the logarithm of a sum of probabilities may be."""


class EntropyRecord(NamedTuple):
    """Per-token entropies of one `generate` call, in nats."""

    before: Tensor
    """``[steps, B]``: of the distribution the model gave."""
    after: Tensor
    """``[steps, B]``: of the distribution the method made of it (before temperature and truncation)."""


class EntropyLogitsProcessor(LogitsProcessor):  # type: ignore[misc]
    """Applies a `Method` to the next-token logits of every row, at every step.

    Works with batches, left padding, sampling, greedy and beam search: rows never influence each other. With
    ``record=True`` it keeps entropies before and after, from the logits at hand and without a second forward pass; rows
    that have already finished are recorded too (`generate` goes on computing them), so cut them by each row's length.
    Of beams, and of tokens that an assistant model or prompt lookup proposes, it does not know which are kept: they are
    not recorded but refused. So is a second call of `generate` without `reset`.
    """

    def __init__(
        self,
        method: Method | type[Method] | str,
        *,
        record: bool = False,
        in_place: bool = False,
        temperature: float | None = None,
    ) -> None:
        """Build the processor.

        Args:
            method: what to do to the logits: a method such as ``EmInf()``, its class, or its name.
            record: keep entropies for `entropies`.
            in_place: write over the scores that `generate` passes, so that a step allocates nothing; not together with
                ``output_logits=True``, which keeps those very scores.
            temperature: the one that `generate` is given; only methods that belong after it (`Method.stage`) need it.

        Raises:
            UsageError: this is no method, or one that needs the temperature, which was not given.
        """
        self.method = ahead_of_temperature(as_method(method), temperature)
        self.record = record
        self.in_place = in_place
        self.reset()

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Adjust ``[B, V]`` scores; called by `generate`.

        Raises:
            UsageError: the method has memory or entropies are recorded, and the tokens do not go on with those of the
                call before; or beams are to be recorded.
        """
        given: Tensor = scores.detach() if scores.requires_grad else scores
        if self.record:
            self._require_rows_in_order(input_ids, given)
        below = given.amax(-1, keepdim=True) <= 0  # taken now: what is in place is written over
        return self._as_scores(self._adjusted(input_ids, given), below)  # type: ignore[return-value]

    def _adjusted(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if self._sequences is None and not self.record:
            run = self.method.adjust_in_place if self.in_place else self.method.adjust
            return run(scores)
        if self._sequences is None:
            adjusted = self.method.adjust_measured(scores, scores if self.in_place else None)
        else:
            adjusted = self._sequences.adjust(input_ids.cpu().numpy(), scores)
            if self.in_place:
                adjusted = adjusted._replace(logits=scores.copy_(adjusted.logits))
        if self.record:
            self._entropies.append((adjusted.before, adjusted.after))
        return adjusted.logits

    def _as_scores(self, adjusted: Tensor, below: Tensor) -> Tensor:
        """Log-probabilities for log-probabilities; other rows, whose scores may be shifted alike, as they are."""
        if isinstance(self.method, Normal) or not below.any():
            return adjusted
        total = adjusted.logsumexp(-1, keepdim=True)
        total = torch.where(below & total.isfinite(), total, 0)
        return adjusted.sub_(total) if self.in_place else adjusted - total

    def _require_rows_in_order(self, input_ids: Tensor, scores: Tensor) -> None:
        places = self._steps.follow(input_ids.cpu().numpy())
        moved = places is not None and places != list(range(len(places)))
        if moved or bool((scores.logsumexp(-1).abs() < _NORMALISED).all()):
            self.reset()
            raise UsageError(
                "entropies of beam search cannot be recorded: beams change places, and which of them become answers is "
                "decided elsewhere; leave out record=True, or decode without beams"
            )

    def entropies(self) -> EntropyRecord:
        """What was recorded since the last `reset`; empty ``[0, 0]`` tensors when nothing was."""
        if not self._entropies:
            return EntropyRecord(torch.zeros(0, 0), torch.zeros(0, 0))
        return EntropyRecord(*(torch.stack(kind).cpu() for kind in zip(*self._entropies, strict=True)))

    def reset(self) -> None:
        """Forget what was recorded and what the method remembers, before another `generate` call."""
        self._entropies: list[tuple[Tensor, Tensor]] = []
        self._steps = Steps("entropies are recorded step by step")
        self._sequences = Sequences(self.method) if isinstance(self.method, MethodWithMemory) else None


def harness_mode(text: str, asker: str, instead: str) -> Mode:
    """The mode that an evaluation harness was given for its transformers model.

    Args:
        text: the mode.
        asker: the harness.
        instead: what to do about a seed.

    Raises:
        UsageError: it is malformed, or has a strategy or a seed.
    """
    from entmin.mode import Mode

    mode = Mode.parse(text)
    if mode.strategy is not None:
        raise UsageError(f"{mode.strategy.name}: {asker} asks once; `entmin eval` runs strategies")
    if mode.seed is not None:
        raise UsageError(f"{asker} seeds its own runs: {instead}")
    return mode


def refuse_scores(method: Method) -> None:
    """Refuse to score given answers under a method.

    Raises:
        UsageError: it is not `normal`.
    """
    if method.name != "normal":
        raise UsageError(
            f"{method.name} changes what is generated, not the log-likelihood of given answers: choose a task that "
            "generates, such as gsm8k, or mode=normal"
        )
