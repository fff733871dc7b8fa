"""Text of a completion while it grows, in pieces that later tokens do not change."""

from __future__ import annotations

from typing import Any

_HALF = "\ufffd"


class TextStream:
    """Turns tokens into text as they come.

    Held back until it is settled: the end of a character whose bytes are not all there, and anything that may be the
    start of a stop text. Only the tokens since the last settled character are decoded again. The pieces add up to the
    text of the finished `Completion`; the one exception is a tokenizer that decodes a stray byte differently depending
    on what follows it much later, where the pieces keep what was said.
    """

    def __init__(self, tokenizer: Any, stop: tuple[str, ...] = ()) -> None:
        """Build a stream for one completion that ends before the first of `stop`."""
        self._tokenizer = tokenizer
        self._stop = stop
        self._window: list[int] = []
        self._fresh = 0
        self._shown = 0
        self._held = ""
        self._sent = ""
        self._ended = False

    def feed(self, token: int) -> str:
        """Take one token; returns the text that is now certain, often empty."""
        if self._ended:
            return ""
        self._window.append(token)
        text = self._decode(self._window)
        settled = text.rstrip(_HALF)
        self._held += settled[self._shown :]
        self._shown = max(self._shown, len(settled))
        latest = self._window[self._fresh :]
        if settled == text and (alone := self._decode(latest)):  # the tokens before the latest ones are needed no more
            self._window, self._fresh, self._shown = latest, len(latest), len(alone)
        return self._release()

    def finish(self, text: str) -> str:
        """The rest of `text`, the finished completion's."""
        return text[len(self._sent) :] if text.startswith(self._sent) else self._held

    def _decode(self, tokens: list[int]) -> str:
        text: str = self._tokenizer.decode(tokens, skip_special_tokens=True)
        return text

    def _release(self) -> str:
        ends = [at for stop in self._stop if (at := self._held.find(stop)) >= 0]
        if ends:
            piece, self._held, self._ended = self._held[: min(ends)], "", True
        else:
            keep = max((_overlap(self._held, stop) for stop in self._stop), default=0)
            piece, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        self._sent += piece
        return piece


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that is a beginning of `stop`."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
