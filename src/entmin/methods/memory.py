"""Methods with memory: what a row becomes depends on earlier rows of its own sequence, and on nothing else.

A host keeps one state a sequence: `MethodWithMemory.start` is that of an empty one, and each step takes a state and
gives the next. States are never written to, so a step that failed is repeated with the state that it had.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from entmin.errors import UsageError
from entmin.methods.base import Method

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from entmin.core import Adjusted

    State = NDArray[np.float64]
    """What a sequence has left behind, on the CPU."""


@dataclasses.dataclass(frozen=True)
class MethodWithMemory(Method):
    """Base of methods with memory; they belong before the temperature."""

    memory: ClassVar[bool] = True

    def start(self) -> State:
        """The state of a sequence that has made no step yet."""
        raise NotImplementedError

    def adjust_with(self, logits: Tensor, states: Sequence[State]) -> tuple[Adjusted, list[State]]:
        """Adjust ``[B, V]`` logits, each row with the state of its sequence, and measure them.

        Args:
            logits: ``[B, V]``, any floating dtype; they are not written to.
            states: one a row, left as they are.

        Returns:
            The adjusted rows as `Method.adjust` would give them, and the next state of each sequence.
        """
        raise NotImplementedError

    def adjust(self, logits: Tensor) -> Tensor:
        """Refuse: rows alone do not say which sequences they go on with.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{self.name} remembers the steps of each sequence: call adjust_with, and keep the states")


class Steps:
    """The order of a host's steps, which names its sequences by their tokens alone: transformers, llama.cpp."""

    def __init__(self, why: str) -> None:
        """Begin a call.

        Args:
            why: what needs the order, for the error.
        """
        self._why = why
        self._ids: NDArray[np.int64] | None = None

    def follow(self, ids: NDArray[np.int64]) -> list[int] | None:
        """For each row of ``[B, T]`` tokens so far, the row of the step before that it goes on with; None at first.

        Raises:
            UsageError: a row does not go on with the step before by one token.
        """
        last, before = self._ids, ids[:, :-1]
        found: list[int | None] = []
        if last is not None and before.shape == last.shape and (before == last).all():
            found = list(range(len(ids)))
        elif last is not None:
            places = {row.tobytes(): place for place, row in enumerate(last)}
            found = [places.get(row.tobytes()) for row in before]
        if None in found:
            raise UsageError(
                f"{self._why}, and these tokens do not go on with the step before by one token: build a new processor "
                "for each call, or reset() this one, and decode without an assistant model, prompt lookup or another "
                "way of going back over tokens"
            )
        self._ids = ids.copy()
        return None if last is None else [place for place in found if place is not None]


class Sequences:
    """States of a host that names its sequences by their tokens alone.

    A row goes on with the sequence whose tokens it has, one more apart, wherever that stood in the batch: beams that
    change places take their memory along.
    """

    def __init__(self, method: MethodWithMemory) -> None:
        self._method = method
        self._steps = Steps(f"{method.name} remembers every step of a sequence")
        self._states: list[State] = []

    def adjust(self, ids: NDArray[np.int64], logits: Tensor) -> Adjusted:
        """One step of every sequence.

        Args:
            ids: ``[B, T]`` tokens so far, padding included.
            logits: ``[B, V]``.

        Raises:
            UsageError: a row does not go on with the step before by one token.
        """
        places = self._steps.follow(ids)
        states = [self._method.start() for _ in ids] if places is None else [self._states[i] for i in places]
        adjusted, self._states = self._method.adjust_with(logits, states)
        return adjusted
