"""Ctrl-C during a run: answers that are there are judged and kept, and only those being generated are given up.

After the first signal no sample gets another answer from the model. Samples that need none go on: they vote, they are
judged, they reach the log. When the last of them is in it, the run ends as Inspect ends it. A second signal ends the
run at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache, partial, wraps
from typing import Any, Self, TypeVar

import anyio
from inspect_ai.hooks import Hooks, SampleEnd, hooks
from inspect_ai.model import Model, ModelOutput
from inspect_ai.solver import Generate, Solver, TaskState

from entmin.errors import Interrupted
from entmin.loops import beside_a_loop, has_loop
from entmin.terminal import say

GRACE = 3.0
"""Seconds that a run has after the second Ctrl-C to end by itself."""
NOT_STEERED: dict[str, Any] = {"acp_server": False, "ctl_server": False}
"""For Inspect: nobody steers a run of ours from outside, and the imports of its two servers take a second or two."""
_solving: ContextVar[str | None] = ContextVar("entmin_solving", default=None)
"""The sample whose solver runs; calls of the model by a scorer have none."""
_runs: set[Stopping] = set()
"""The runs that are going on in this process."""
Made = TypeVar("Made")


class Stopping:
    """Watches one run, as a context manager."""

    def __init__(self, notify: Callable[[str], None] | None = None) -> None:
        """Prepare; signals are taken over when the first sample begins.

        Args:
            notify: takes the line that tells a waiting person what is still done; standard error by default.
        """
        self.asked = False
        self._notify = notify or partial(say, err=True)
        self._going: set[str] = set()
        """Samples that may still end by themselves."""
        self._calls: dict[anyio.CancelScope, str] = {}
        """Calls of the model in progress, each with its sample."""
        self._ended, self._logged = False, 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._apart = False
        """Whether the run's event loop is in a thread, which gets no signals, while the main thread waits for it."""
        self._root: asyncio.Task[Any] | None = None
        """The outermost task of a run that is apart."""
        self._before: Any = None
        self._last: threading.Timer | None = None

    def __enter__(self) -> Self:
        _register()
        _runs.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        _runs.discard(self)
        if self._last is not None:
            self._last.cancel()
        if self._before is not None:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def run(self, work: Callable[[], Made]) -> Made:
        """Call the run itself, beside the event loop of a notebook where there is one."""
        self._apart = has_loop() and threading.current_thread() is threading.main_thread()
        if not self._apart:
            return beside_a_loop(work)
        before = signal.signal(signal.SIGINT, self._signal)
        try:
            return beside_a_loop(work)
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
        finally:
            signal.signal(signal.SIGINT, before)

    def watched(self, inner: Solver) -> Solver:
        """The solver, whose samples are known here."""

        @wraps(inner)  # with its name and arguments in Inspect's registry, which the log shows
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            self._take_over()
            self._going.add(state.uuid)
            token = _solving.set(state.uuid)
            try:
                return await inner(state, generate)
            finally:
                _solving.reset(token)

        return solve

    def model(self, model: Model) -> Model:
        """The model, whose answers to solvers stop when they should."""
        ask = model.generate

        async def generate(*args: Any, **options: Any) -> ModelOutput:
            sample = _solving.get()
            if sample is None:
                return await ask(*args, **options)
            if not self.asked:
                with anyio.CancelScope() as call:
                    self._calls[call] = sample
                    try:
                        return await ask(*args, **options)
                    finally:
                        del self._calls[call]
            self._leave(sample)
            await anyio.sleep_forever()
            raise AssertionError("unreachable")

        model.generate = generate  # type: ignore[method-assign]
        return model

    def ended(self, sample: str, *, whole: bool) -> None:
        """A sample is in the log, whole or with what stopped it."""
        self._logged += whole
        self._leave(sample)

    def _leave(self, sample: str) -> None:
        known = sample in self._going
        self._going.discard(sample)
        if known and self.asked and not self._going:
            self._end()

    def _take_over(self) -> None:
        """Take the place of the handler that the event loop has set; only the main thread may."""
        if self._loop is not None:
            return
        if self._apart:
            self._loop, self._root = asyncio.get_running_loop(), _outermost_task()
        elif threading.current_thread() is threading.main_thread():
            self._loop = asyncio.get_running_loop()
            self._before = signal.signal(signal.SIGINT, self._signal)

    def _signal(self, *_: object) -> None:
        if self._apart and self._loop is None:
            self.asked = True  # the first sample finds it so
            return
        if self._loop is None or self._loop.is_closed():
            raise KeyboardInterrupt
        self._loop.call_soon_threadsafe(self._interrupt if self.asked else self._begin)
        if self.asked and self._last is None and not self._apart:  # a notebook's process is not ours to end
            self._last = threading.Timer(GRACE, self._leave_at_once)
            self._last.daemon = True
            self._last.start()
        self.asked = True

    def _begin(self) -> None:
        for call, sample in list(self._calls.items()):
            call.cancel()
            self._going.discard(sample)
        if self._going:
            there = len(self._going)
            self._notify(f"stopping: answers that are there are judged first ({there}); Ctrl-C again ends at once")
        else:
            self._end()

    def _end(self) -> None:
        if not self._ended:
            self._interrupt()

    def _interrupt(self) -> None:
        """What Ctrl-C does without us: the event loop's own handler cancels the run, or leaves it when called again."""
        self._ended = True
        if self._root is not None:
            self._root.cancel()
        elif callable(self._before):
            self._before(signal.SIGINT, None)

    def _leave_at_once(self) -> None:
        """What can be waited for no longer: a judge in a thread, or a program in its sandbox, which dies with us."""
        # Inspect keeps finished samples in a buffer on disk, so that this is as safe as a kill.
        self._notify(f"error: stopped at once; {self._logged} answers of this run are kept; the same command goes on")
        os._exit(Interrupted.exit_code)


def _outermost_task() -> asyncio.Task[Any]:
    """The task that everything in this event loop is done for."""
    tasks = {id(task): task for task in asyncio.all_tasks()}
    parents = {task.id: task.parent_id for task in anyio.get_running_tasks()}
    one = anyio.get_current_task().id
    while (parent := parents.get(one)) in tasks:
        one = parent
    return tasks[one]


@cache
def _register() -> None:
    """Tell Inspect once, and only in processes that run something."""

    @hooks(name="entmin_stopping", description="knows which samples are in the log")
    class _Ends(Hooks):
        async def on_sample_end(self, data: SampleEnd) -> None:
            for run in list(_runs):
                run.ended(data.sample_id, whole=data.sample.error is None)
