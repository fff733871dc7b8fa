"""The queue and the thread around the batch: submit from anywhere, get a future."""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future

import torch

from entmin.engine.batch import Batch, OnToken, Row
from entmin.engine.loading import LoadedModel
from entmin.engine.requests import Completion, EngineStats, PromptTooLongError, Request
from entmin.errors import EntminError, UsageError

_LINGER = 0.02
_PREFILL_TOKENS = 16_384


class Engine:
    """Decodes requests together on one model.

    Rows that finish make room for waiting requests at once, so one long answer holds nobody up. When memory runs out
    the batch is halved, every row in progress goes back to the queue with what it has decoded so far, and
    `batch_size` says the new size. Cancelling a request's future takes its row out at the next step.
    """

    def __init__(self, loaded: LoadedModel, *, batch_size: int | None = None, threads: int | None = None) -> None:
        """Build the engine; its thread starts with the first request.

        Args:
            loaded: the model.
            batch_size: most rows decoded together; default 32 on CPU, 128 elsewhere.
            threads: CPU threads for torch; default leaves torch's own choice.

        Raises:
            UsageError: a size below 1.
        """
        if (batch_size is not None and batch_size < 1) or (threads is not None and threads < 1):
            raise UsageError("batch size and threads must be at least 1")
        self.loaded = loaded
        self.batch_size = batch_size or (32 if loaded.device.type == "cpu" else 128)
        self.threads = threads
        self.stats = EngineStats()
        self.notices: list[str] = []
        """What a user should be told, such as a smaller batch; appended to as it happens."""
        self.decoding = 0
        """Rows in progress after the last step."""
        self._waiting: deque[Row] = deque()
        self._incoming: list[Row] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False

    def submit(self, request: Request, on_token: OnToken | None = None) -> Future[Completion]:
        """Queue a request; the future resolves to its `Completion` or raises `EntminError`.

        Args:
            request: what to decode.
            on_token: called with each token as it is drawn, and its `TokenConfidence` if the request asks for that,
                in the engine's thread and before the future resolves; it must neither block nor raise.

        Raises:
            UsageError: the prompt is empty or leaves no room in the model's context, or `max_tokens` is below 1.
        """
        if not request.prompt or request.max_tokens < 1:
            raise UsageError("a request needs a prompt of at least one token and max_tokens of at least 1")
        if len(request.prompt) >= self.loaded.max_length:
            raise PromptTooLongError(
                f"the prompt has {len(request.prompt)} tokens; {self.loaded.name} takes {self.loaded.max_length}"
            )
        future: Future[Completion] = Future()
        with self._changed:
            if self._closing:
                raise EntminError("the engine is closed")
            self._waiting.append(Row(request, future, on_token))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="entmin-engine", daemon=True)
                self._thread.start()
            self._changed.notify()
        return future

    def generate(self, requests: list[Request]) -> list[Completion]:
        """Decode a list of requests and wait for all of them, in order."""
        return [future.result() for future in [self.submit(request) for request in requests]]

    @property
    def waiting(self) -> int:
        """Requests that no step has taken in yet, cancelled ones left out."""
        with self._changed:
            return sum(not row.ticket.cancelled() for row in self._waiting)

    def close(self) -> None:
        """Stop after the current step; requests still queued or in progress are cancelled."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        if self.threads:
            torch.set_num_threads(self.threads)
        batch = Batch(self.loaded)
        self._linger()
        while self._wait(batch):
            started = time.monotonic()
            try:
                self._advance(batch)
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if not _is_out_of_memory(error) or not self._shrink(batch):
                    self._fail(batch, error)
                batch = Batch(self.loaded)
            except Exception as error:
                self._fail(batch, error)
                batch = Batch(self.loaded)
            self.stats.busy_seconds += time.monotonic() - started
            self.decoding = batch.live
        for row in [*batch.rows, *self._waiting]:
            row.ticket.cancel()

    def _wait(self, batch: Batch) -> bool:
        """Block until there is work; False when the engine closes."""
        with self._changed:
            if not batch.live and not self._waiting and not self._closing:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                self._linger()
            return not self._closing

    def _linger(self) -> None:
        """Let companions of a first request arrive."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing, timeout=_LINGER)

    def _advance(self, batch: Batch) -> None:
        for row in batch.rows:
            row.cancelled = row.ticket.cancelled()
        arriving = self._arriving(batch)
        dead = len(batch.rows) - batch.live
        if arriving or dead * 4 >= max(1, len(batch.rows)):
            for row in arriving:
                self.stats.prompt_tokens += len(row.request.prompt)
            self._deliver(batch, batch.recompose(arriving))
            self.stats.generated_tokens += len(arriving)
        live = batch.live
        if live:
            self._deliver(batch, batch.step())
            self.stats.generated_tokens += live

    def _arriving(self, batch: Batch) -> list[Row]:
        """Waiting requests to take in now: enough to be worth a prefill, few enough to fit one."""
        free = self.batch_size - batch.live
        with self._changed:
            enough = min(len(self._waiting), max(1, self.batch_size // 8))
            if not enough or (batch.live and (free < enough or not batch.refillable)):
                return []
            taken: list[Row] = []
            width = 0
            while self._waiting and len(taken) < free:
                width = max(width, self._waiting[0].length)
                if taken and width * (len(taken) + 1) > _PREFILL_TOKENS:
                    break
                row = self._waiting.popleft()
                if not row.ticket.cancelled():
                    taken.append(row)
        self._incoming = taken
        return taken

    def _deliver(self, batch: Batch, finished: list[Row]) -> None:
        for row in finished:
            if not row.ticket.set_running_or_notify_cancel():  # a future stays pending, so cancellable, until here
                continue
            if row.failure is not None:
                row.ticket.set_exception(row.failure)
            else:
                self.stats.completed += 1
                row.ticket.set_result(batch.completion(row))

    def _in_progress(self, batch: Batch) -> list[Row]:
        """Rows that were being decoded or prefilled when a step failed."""
        rows = {id(row): row for row in [*batch.rows, *self._incoming]}
        return [row for row in rows.values() if not row.ticket.done()]

    def _shrink(self, batch: Batch) -> bool:
        """Halve the batch and put its rows back in the queue; False when it was one row already."""
        rows = self._in_progress(batch)
        if len(rows) <= 1:
            return False
        self.batch_size = max(1, len(rows) // 2)
        self.stats.shrinks += 1
        self.notices.append(f"out of memory with {len(rows)} rows: decoding {self.batch_size} at a time from here on")
        with self._changed:
            self._waiting.extendleft(reversed(rows))
        batch.rows = []
        if self.loaded.device.type == "cuda":
            torch.cuda.empty_cache()
        return True

    def _fail(self, batch: Batch, error: BaseException) -> None:
        if _is_out_of_memory(error):
            error = EntminError(f"out of memory with a single row: {error}; use a smaller model or --max-tokens")
        for row in self._in_progress(batch):
            if row.ticket.set_running_or_notify_cancel():
                row.ticket.set_exception(error)


def _is_out_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return (
        isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "out of memory" in text or "can't allocate" in text
    )
