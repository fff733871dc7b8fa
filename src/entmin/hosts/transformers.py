"""Host for Hugging Face transformers: one `LogitsProcessor`, any causal language model.

    model.generate(**inputs, logits_processor=[EntropyLogitsProcessor(EmInf())])

`generate` runs the caller's processors before its own temperature, top-k and top-p, so the order is that of every host:
adjust, then temperature, then truncation. A method that belongs after the temperature, such as min-p, must be told the
temperature that `generate` will divide by: ``EntropyLogitsProcessor(MinP(), temperature=0.7)``.

A method with memory (`Method.memory`) needs a processor for each call of `generate`. Beams take their memory along;
assisted decoding and prompt lookup, which go back over tokens, are refused.

Processors that `generate` builds from the generation config itself, such as a repetition penalty, come before ours.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from transformers import LogitsProcessor

from entmin.core import Adjusted
from entmin.methods import Method
from entmin.methods.ahead import ahead_of_temperature
from entmin.methods.memory import MethodWithMemory, Sequences


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
    """

    def __init__(
        self, method: Method, *, record: bool = False, in_place: bool = False, temperature: float | None = None
    ) -> None:
        """Build the processor.

        Args:
            method: what to do to the logits, such as ``EmInf()``.
            record: keep entropies for `entropies`.
            in_place: write over the scores that `generate` passes, so that a step allocates nothing; not together with
                ``output_logits=True``, which keeps those very scores.
            temperature: the one that `generate` is given; only methods that belong after it (`Method.stage`) need it.

        Raises:
            UsageError: the method needs the temperature, and it was not given.
        """
        self.method = ahead_of_temperature(method, temperature)
        self.record = record
        self.in_place = in_place
        self._before: list[Tensor] = []
        self._after: list[Tensor] = []
        self._sequences = self._no_sequences()

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Adjust ``[B, V]`` scores; called by `generate`.

        Raises:
            UsageError: the method has memory, and the tokens do not go on with those of the call before.
        """
        if self._sequences is not None:
            adjusted = self._sequences.adjust(input_ids.cpu().numpy(), scores)
            if self.in_place:
                adjusted = adjusted._replace(logits=scores.copy_(adjusted.logits))
            return self._recorded(adjusted)
        if not self.record:
            run = self.method.adjust_in_place if self.in_place else self.method.adjust
            return run(scores)  # type: ignore[return-value]
        return self._recorded(self.method.adjust_measured(scores, scores if self.in_place else None))

    def _recorded(self, adjusted: Adjusted) -> torch.FloatTensor:
        if self.record:
            self._before.append(adjusted.before)
            self._after.append(adjusted.after)
        return adjusted.logits  # type: ignore[return-value]

    def _no_sequences(self) -> Sequences | None:
        return Sequences(self.method) if isinstance(self.method, MethodWithMemory) else None

    def entropies(self) -> EntropyRecord:
        """What was recorded since the last `reset`; empty ``[0, 0]`` tensors when nothing was."""
        if not self._before:
            return EntropyRecord(torch.zeros(0, 0), torch.zeros(0, 0))
        return EntropyRecord(torch.stack(self._before).cpu(), torch.stack(self._after).cpu())

    def reset(self) -> None:
        """Forget what was recorded and what the method remembers, before another `generate` call."""
        self._before.clear()
        self._after.clear()
        self._sequences = self._no_sequences()
