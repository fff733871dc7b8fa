"""A scheduler in a thread of its own: submit from anywhere, get a future."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress

import torch

from entmin.engine.loaded import LoadedModel
from entmin.engine.packed import pack_weights
from entmin.engine.requests import Completion, Request
from entmin.engine.rows import OnLogits, OnToken
from entmin.engine.sampling import draw
from entmin.engine.scheduler import Scheduler
from entmin.errors import EntminError, UsageError

_LINGER = 0.02


class Engine(Scheduler):
    """Decodes what is submitted until it is closed, with weights that do not change."""

    def __init__(self, loaded: LoadedModel, *, batch_size: int | None = None, threads: int | None = None) -> None:
        """Build the engine; its thread starts with the first request.

        Args:
            loaded: the model.
            batch_size: most rows decoded together; default 32 on CPU, 128 elsewhere.
            threads: CPU threads for torch; default leaves torch's own choice.

        Raises:
            UsageError: a number below 1.
        """
        super().__init__(loaded, batch_size)
        if threads is not None and threads < 1:
            raise UsageError("threads must be at least 1")
        self.threads = threads
        self._packing = threading.Thread(target=pack_weights, args=[loaded.model], name="entmin-packing", daemon=True)
        self._packing.start()
        self._thread: threading.Thread | None = None
        self._closing = False

    def submit(
        self, request: Request, on_token: OnToken | None = None, on_logits: OnLogits | None = None
    ) -> Future[Completion]:
        """Queue a request, as `Scheduler.submit` does.

        Raises:
            EntminError: the engine is closed.
        """
        with self._changed:
            if self._closing:
                raise EntminError("the engine is closed")
            future = super().submit(request, on_token, on_logits)
            if self._thread is None:
                self._thread = threading.Thread(target=self._decode, name="entmin-engine", daemon=True)
                self._thread.start()
        return future

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Decode a list of requests and wait for all of them, in order."""
        return [future.result() for future in [self.submit(request) for request in requests]]

    def close(self) -> None:
        """Stop after the current step; requests still queued or in progress are cancelled."""
        self._packing.join()
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _decode(self) -> None:
        if self.threads:
            torch.set_num_threads(self.threads)
        self._linger()
        self._rehearse()
        self._packing.join()
        self.run(self._wait)

    def _rehearse(self) -> None:
        """Draw from nothing while weights are packed, so that what drawing imports and compiles is there."""
        with self._changed:
            rows = [row for row in self._queue if not row.done][:1]
        if not rows or not self._packing.is_alive():
            return
        logits = torch.zeros(1, self._vocabulary, dtype=self.loaded.dtype)
        with suppress(Exception), torch.inference_mode():  # the row itself will tell
            draw(logits, [rows[0].request], [rows[0].key], logits.float(), [rows[0].state])

    def _wait(self) -> bool:
        """Block until there is work; False when the engine closes."""
        with self._changed:
            if not self.decoding and not self._queue and not self._closing:
                self._changed.wait_for(lambda: self._queue or self._closing)
                self._linger()
            return not self._closing

    def _linger(self) -> None:
        """Let companions of a first request arrive."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing, timeout=_LINGER)
