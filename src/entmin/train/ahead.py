"""The next rollout, drawn by vLLM servers while the steps on this one run.

With U updates per rollout and w(t) the weights after t steps, rollout k is

    wait for batch k | hand over w(k U) | begin to draw batch k + 1 | U steps on batch k

so that batch k comes of w((k - 1) U): it is U steps old when it is first used. The first batch, and the first one after
a resumption, is drawn and waited for. Prompts and random streams are those of a run that draws nothing ahead.

Weights are never exchanged under a batch in flight, which would come of both: whoever gives the servers other weights
waits for it first, in every process. An error in flight is raised where the batch is next waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from accelerate import PartialState

from entmin.engine.requests import Completion

if TYPE_CHECKING:
    from entmin.train.vllm_rollouts import Drawn, VllmRollouts

_SECONDS = 10.0
"""Longest wait for the end of a batch that is given up."""
_AWAKE = 1.0
"""Longest time in seconds that a wait does not look for signals."""


class Batch(NamedTuple):
    """What is to be drawn: a completion for each."""

    prompts: list[list[int]]
    streams: list[int]


@dataclass(frozen=True)
class Rollout:
    """What was drawn, and by which policy."""

    tokens: list[list[int]]
    logprobs: list[list[float]]
    """Of each token under the policy that drew it, nats."""
    staleness: int
    """Optimiser steps since that policy."""


class Flight:
    """A batch that is drawn in a thread of its own."""

    def __init__(self, batch: Batch, step: int, drawing: Coroutine[Any, Any, list[Drawn]]) -> None:
        """Begin.

        Args:
            batch: what is drawn.
            step: the steps that made the weights it is drawn with.
            drawing: draws it.
        """
        self.batch, self.step = batch, step
        self._found: Future[list[Drawn]] = Future()
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(drawing)
        # Nothing waits for a daemon when the process ends.
        Thread(target=self._fly, name="entmin-rollout-ahead", daemon=True).start()

    def _fly(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                found = runner.run(self._drawn())
        except BaseException as error:  # it is raised in the thread that waits
            self._found.set_exception(error)
        else:
            self._found.set_result(found)

    async def _drawn(self) -> list[Drawn]:
        return await self._task

    def result(self) -> list[Drawn]:
        """Wait for the completions.

        Raises:
            EntminError: a server cannot be reached or refuses.
        """
        while not self._found.done():  # waking up, as another thread may have been given the signal of Ctrl-C
            wait([self._found], _AWAKE)
        return self._found.result()

    def cancel(self) -> None:
        """Give the batch up; its connections are closed, which ends the drawing in the servers too."""
        with suppress(RuntimeError):  # it has just ended, and its loop with it
            self._loop.call_soon_threadsafe(self._task.cancel)
        wait([self._found], _SECONDS)


class RolloutsAhead:
    """Draws each rollout while the steps on the one before run; as a context manager, leaves nothing in flight."""

    def __init__(self, servers: VllmRollouts) -> None:
        self._servers = servers
        self._flight: Flight | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._flight is not None:
            self._flight.cancel()

    def take(self, model: Any, wanted: Batch, following: Batch | None, step: int) -> Rollout:
        """The completions of a batch; begins to draw the one that follows with the model as it is now.

        Args:
            model: as it is now; with several processes, all must ask.
            wanted: this batch; the one that was announced as following, if any was.
            following: the next one; None where no step will use one.
            step: the optimiser steps that were taken.

        Raises:
            EntminError: a server cannot be reached or refuses, now or since the last batch.
            RuntimeError: another batch had been announced.
        """
        fresh = self._flight is None
        if fresh:
            self._servers.load(model)
            self._begin(wanted, step)
        flight = self._flight
        assert flight is not None
        if flight.batch != wanted:
            raise RuntimeError("the batch that was drawn ahead is not the one that the trainer asks for")
        drawn = flight.result()
        if following is None:
            self._flight = None
        else:
            if not fresh:
                self._settle()
                self._servers.load(model)
            self._begin(following, step)
        tokens, logprobs = [one.tokens for one in drawn], [one.logprobs for one in drawn]
        return Rollout(tokens, logprobs, step - flight.step)

    def draw(self, model: Any, prompts: Sequence[list[int]], seeds: Sequence[int | None]) -> list[Completion]:
        """Completions of the model as it is now, as `VllmRollouts.draw` has them; the batch in flight comes first.

        Raises:
            EntminError: a server cannot be reached or refuses, now or since the last batch.
        """
        self._settle()
        return self._servers.draw(model, prompts, seeds)

    def _begin(self, batch: Batch, step: int) -> None:
        seeds = self._servers.seeds(batch.streams)
        self._flight = Flight(batch, step, self._servers.ask(batch.prompts, seeds, logprobs=True))

    def _settle(self) -> None:
        """Wait until nothing is in flight in any process; all must ask."""
        if self._flight is not None:
            self._flight.result()
        PartialState().wait_for_everyone()
