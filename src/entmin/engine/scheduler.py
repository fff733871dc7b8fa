"""Which row decodes when. `Scheduler.run` is the loop: read it first.

Rows that finish make room for waiting ones at once, so one long answer holds nobody up.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import torch

from entmin.blame import blamed
from entmin.engine.batch import Batch
from entmin.engine.loaded import LoadedModel
from entmin.engine.requests import ROWS, ROWS_ON_CPU, Completion, EngineStats, PromptTooLongError, Request
from entmin.engine.rows import BatchRow, OnLogits, OnToken
from entmin.engine.rowwise import batch_for
from entmin.engine.text import decoder
from entmin.errors import EntminError, UsageError

_PREFILL_TOKENS = 16_384


class Scheduler:
    """Decodes requests together on one model, in the thread that calls `run`.

    When memory runs out the batch is halved, every row in progress goes back to the queue with what it has decoded so
    far, and `batch_size` says the new size. Cancelling a request's future takes its row out at the next step. The cache
    lives as long as one `run`, so the model's weights may change between two.
    """

    def __init__(self, loaded: LoadedModel, batch_size: int | None = None) -> None:
        """Build a scheduler with an empty queue.

        Args:
            loaded: the model.
            batch_size: most rows decoded together; default 32 on CPU, 128 elsewhere.

        Raises:
            UsageError: a size below 1.
        """
        if batch_size is not None and batch_size < 1:
            raise UsageError("batch size must be at least 1")
        self.loaded = loaded
        self.batch_size = batch_size or (ROWS_ON_CPU if loaded.device.type == "cpu" else ROWS)
        self.stats = EngineStats()
        self._vocabulary = int(loaded.model.get_input_embeddings().weight.shape[0])
        self.notices: list[str] = [loaded.slow] if loaded.slow else []
        """What a user should be told, such as a smaller batch; appended to as it happens."""
        self.decoding = 0
        """Rows in progress after the last step."""
        self._queue: deque[BatchRow] = deque()
        self._changed = threading.Condition()

    def submit(
        self, request: Request, on_token: OnToken | None = None, on_logits: OnLogits | None = None
    ) -> Future[Completion]:
        """Queue a request; the future resolves to its `Completion` or raises `EntminError`.

        Args:
            request: what to decode.
            on_token: called with each token as it is drawn, and its `TokenConfidence` if the request asks for that,
                in the decoding thread and before the future resolves; it must neither block nor raise.
            on_logits: called with the tokens so far and the logits of the next one, ``[V]``, before `on_token`, under
                the same rules; both are only lent.

        Raises:
            UsageError: the prompt is empty or leaves no room in the model's context, or `max_tokens` is below 1.
        """
        if not request.prompt or request.max_tokens < 1:
            raise UsageError("a request needs a prompt of at least one token and max_tokens of at least 1")
        if len(request.prompt) >= self.loaded.max_length:
            raise PromptTooLongError(
                f"the prompt has {len(request.prompt)} tokens; {self.loaded.name} takes {self.loaded.max_length}"
            )
        if max(request.prompt) >= self._vocabulary:
            raise UsageError(
                f"the prompt holds the token {max(request.prompt)}, and {self.loaded.name} has {self._vocabulary}: its "
                "tokenizer belongs to another model, or tokens were added that the model did not get"
            )
        row = BatchRow(request, on_token=on_token, on_logits=on_logits)
        with self._changed:
            self._queue.append(row)
            self._changed.notify()
        return row.answer

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Decode a list of requests, in order."""
        futures = [self.submit(request) for request in requests]
        self.run()
        return [future.result() for future in futures]

    @property
    def waiting(self) -> int:
        """Requests that no step has taken in yet, cancelled ones left out."""
        with self._changed:
            return sum(not row.done for row in self._queue)

    def run(self, goes_on: Callable[[], bool] | None = None) -> None:
        """Decode until no request is left.

        Args:
            goes_on: asked before every step instead, may block; when it says no, requests that are left are cancelled.
        """
        goes_on = goes_on or (lambda: bool(self._queue or self.decoding))
        batch = batch_for(self.loaded)
        while goes_on():
            started = time.monotonic()
            arriving = self._admit(batch)
            try:
                if arriving or batch.wasteful:
                    logits = batch.refill(arriving)
                    self._finish(batch.sample(arriving, logits))
                if batch.live:
                    logits = batch.step()
                    self._finish(batch.sample(batch.rows, logits))
            except Exception as error:
                failed, batch = [*batch.rows, *arriving], batch_for(self.loaded)
                self._recover(failed, error)
            self.decoding = batch.live
            self.stats.busy_seconds += time.monotonic() - started
        for row in [*batch.rows, *self._queue]:
            row.answer.cancel()

    def _admit(self, batch: Batch) -> list[BatchRow]:
        """Waiting requests to take in now: enough to be worth a prefill, few enough to fit one; by length of prompt."""
        free = self.batch_size - batch.live
        taken: list[BatchRow] = []
        width = 0
        with self._changed:
            enough = min(len(self._queue), max(1, self.batch_size // 8))
            if not enough or (batch.live and (free < enough or not batch.refillable)):
                return []
            while self._queue and len(taken) < free:
                width = max(width, self._queue[0].length)
                if taken and width * (len(taken) + 1) > _PREFILL_TOKENS:
                    break
                row = self._queue.popleft()
                if not row.done:
                    taken.append(row)
        self.stats.prompt_tokens += sum(len(row.request.prompt) for row in taken)
        return sorted(taken, key=lambda row: (row.length, row.request.prompt))  # equal ones beside each other

    def _finish(self, drawn: list[BatchRow]) -> None:
        """Hand over the answers of rows that finished with the token just drawn."""
        self.stats.generated_tokens += len(drawn)
        for row in drawn:
            text = self._text(row) if row.done else ""
            if not row.done or not row.answer.set_running_or_notify_cancel():
                continue
            if row.failure is not None:
                row.answer.set_exception(row.failure)
            else:
                self.stats.completed += 1
                row.answer.set_result(row.completion(text))

    def _text(self, row: BatchRow) -> str:
        """What a finished row says; where its tokens cannot be read, that is this row's failure and no other's."""
        try:
            return decoder(self.loaded.tokenizer).until(row.tokens, row.request.stop)
        except Exception as error:
            row.failure = row.failure or EntminError(f"the tokenizer cannot read the answer: {error}")
            return ""

    def _recover(self, rows: list[BatchRow], error: Exception) -> None:
        """After a step that failed: try again with half the rows where memory ran out, else give the error to all."""
        rows = [row for row in dict.fromkeys(rows) if not row.answer.done()]
        short = _is_out_of_memory(error)
        if short and len(rows) > 1:
            self.batch_size = max(1, len(rows) // 2)
            self.stats.shrinks += 1
            self.notices.append(
                f"out of memory with {len(rows)} rows: decoding {self.batch_size} at a time from here on"
            )
            with self._changed:
                self._queue.extendleft(reversed(rows))
            if self.loaded.device.type == "cuda":
                torch.cuda.empty_cache()
            return
        if not short and not isinstance(error, EntminError) and (whose := blamed(error)):
            error = EntminError(whose)
        if short:
            error = EntminError(f"out of memory with a single row: {error}; use a smaller model or --max-tokens")
        for row in rows:
            if row.answer.set_running_or_notify_cancel():
                row.answer.set_exception(error)


def _is_out_of_memory(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate" in text)
    )
