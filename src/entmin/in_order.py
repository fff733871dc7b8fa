"""Blocking work on many rows, several at a time, with results in the rows' order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Row = TypeVar("Row")
Result = TypeVar("Result")
_AHEAD = 8
"""Rows in flight per worker: enough to keep it busy, few enough to bound memory."""


def in_order(work: Callable[[Row], Result], rows: Iterable[Row], workers: int) -> Iterator[Result]:
    """The result of `work` for each row, in threads, as results come; memory does not grow with the rows."""
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as threads:
        try:
            for row in rows:
                pending.append(threads.submit(work, row))
                if len(pending) >= workers * _AHEAD:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
