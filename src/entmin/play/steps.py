"""The logits of steps, kept for a while or made again; and one step drawn under other settings."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from entmin.engine.requests import Request, TokenConfidence
from entmin.errors import EntminError
from entmin.jsonl import or_null
from entmin.methods.memory import MethodWithMemory
from entmin.seeds import noise_key
from entmin.serve.logprobs import TokenTexts
from entmin.terminal import printable

if TYPE_CHECKING:
    from torch import Tensor

MOST_BYTES = 256 << 20
"""Of logits that are kept; the oldest go first."""


class Rows:
    """Logits of the next token by the tokens before it, prompt included; for any number of threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        """Start empty."""
        self._rows: OrderedDict[tuple[int, ...], Tensor] = OrderedDict()
        self._most, self._held = most_bytes, 0
        self._lock = threading.Lock()

    def keep(self, request: Request, tokens: list[int], logits: Tensor) -> None:
        """Keep a copy of the logits of one step, as the engine tells them."""
        key, own = (*request.prompt, *tokens), logits.cpu().clone()
        with self._lock:
            old = self._rows.pop(key, None)
            self._rows[key] = own
            self._held += own.nbytes - (0 if old is None else old.nbytes)
            while self._held > self._most and len(self._rows) > 1:
                self._held -= self._rows.popitem(last=False)[1].nbytes

    def get(self, before: list[int]) -> Tensor | None:
        """The logits that follow these tokens, if they are kept."""
        with self._lock:
            key = tuple(before)
            if key in self._rows:
                self._rows.move_to_end(key)
            return self._rows.get(key)


def steps_needed(request: Request, at: int) -> range:
    """The steps whose logits it takes to draw step `at`: a method with memory needs all before it too."""
    return range(0 if request.method.memory else at, at + 1)


def drawn_again(request: Request, at: int, rows: list[Tensor]) -> tuple[int, TokenConfidence]:
    """Step `at` of an answer under a request's method, sampling and seed: the token, and what it was drawn from.

    The numbers are those of a decoding: the same functions on the same logits.

    Args:
        request: with `confidence`, `alternatives` and `drawn`.
        at: number of the step, 0 for the first token.
        rows: ``[V]`` logits of the steps of `steps_needed`.

    Raises:
        EntminError: the logits hold NaN or infinity.
    """
    from entmin.engine.sampling import draw

    state = None
    if isinstance(request.method, MethodWithMemory):
        state = request.method.start()
        for row in rows[:-1]:
            [state] = request.method.adjust_with(row[None], [state])[1]
    found = draw(rows[-1][None], [request], [noise_key(request.seed, at)], states=[state])
    sure = found.confidence[0]
    if sure.before != sure.before or sure.after != sure.after:
        raise EntminError("the model gave NaN or infinite logits; try --dtype float32")
    return int(found.tokens[0]), sure


def shown(token: int, sure: TokenConfidence, texts: TokenTexts) -> dict[str, Any]:
    """One token for the page: log-probabilities in nats, None for minus infinity, which JSON has not."""
    pairs = zip(sure.likeliest, sure.log_probabilities, sure.drawn_log_probabilities, strict=True)
    return {
        "id": token,
        "name": printable(texts[token]),
        "before": sure.before,
        "after": sure.after,
        "p": or_null(sure.log_probability),
        "q": or_null(sure.drawn),
        "top": [[one, printable(texts[one]), or_null(p), or_null(q)] for one, p, q in pairs],
    }
