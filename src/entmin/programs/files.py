"""Judging many finished programs, several at a time and in order: the code side of `entmin grade`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from entmin.problem import Problem
from entmin.programs.judge import Judgement

_AHEAD = 4
"""Programs in flight per worker."""


def judge_answers(
    pairs: Iterator[tuple[str, Problem]], judging: Callable[[Problem, str], Judgement], workers: int
) -> Iterator[Judgement]:
    """Judgements of (answer, problem) pairs, in order, as they come; memory does not grow with the pairs."""
    pending: deque[Future[Judgement]] = deque()
    with ThreadPoolExecutor(workers) as threads:
        try:
            for answer, problem in pairs:
                pending.append(threads.submit(judging, problem, answer))
                if len(pending) >= workers * _AHEAD:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
