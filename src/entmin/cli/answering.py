"""Answers in the terminal: streamed as they are drawn, uncertain tokens marked; or as one JSON object."""

from __future__ import annotations

import queue
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from entmin.api.options import engine_settings
from entmin.engine.lean import decoding_alone
from entmin.errors import UsageError
from entmin.jsonl import or_null
from entmin.terminal import printable, say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from entmin.engine.engine import Engine
    from entmin.engine.requests import Completion, Request, TokenConfidence
    from entmin.mode import Mode

SHOWS = ("auto", "shade", "underline", "numbers", "plain")
"""How a token's entropy is shown; ``auto`` is what the output can show."""
FULL_SHADE = 3.0
"""Entropy in nats at which a token's shade is full."""
UNSURE = 1.0
"""Entropy in nats from which a token is underlined or has its number."""


def check_text(text: str) -> None:
    """Refuse what is no text.

    Raises:
        UsageError: it holds bytes that are not of the terminal's encoding.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError("the question is no text in this terminal's encoding; write it in UTF-8") from None


def open_engine(model: str, options: dict[str, Any]) -> closing[Engine]:
    """The engine that the options describe, as a context that closes it."""
    loading = engine_settings(options)
    sizes = {name: loading.pop(name) for name in ("batch_size", "threads") if name in loading}
    with decoding_alone(model, loading.get("revision")):
        from entmin.engine.engine import Engine
        from entmin.engine.loading import load

        engine = Engine(load(model, **loading), **sizes)
    for notice in engine.notices:
        say(f"note: {notice}", err=True)
    return closing(engine)


def stream(
    engine: Engine,
    requests: Sequence[Request],
    on_token: Callable[[int, int, TokenConfidence], None],
    on_end: Callable[[int, Completion], None] = lambda *_: None,
) -> list[Completion]:
    """Decode requests together; Ctrl-C takes them out of the engine.

    Args:
        engine: decodes.
        requests: of the answers.
        on_token: told in this thread the number of the answer, the token, and what it was drawn from.
        on_end: told the number of an answer that came to its end, and the whole of it.
    """
    events: queue.SimpleQueue[tuple[int, int, TokenConfidence | None]] = queue.SimpleQueue()
    futures = []
    for number, request in enumerate(requests):
        future = engine.submit(request, lambda token, sure, number=number: events.put((number, token, sure)))  # type: ignore[misc]
        future.add_done_callback(lambda _, number=number: events.put((number, -1, None)))  # type: ignore[misc]
        futures.append(future)
    going = len(futures)
    try:
        while going:
            number, token, sure = events.get()
            if sure is not None:
                on_token(number, token, sure)
            elif token < 0:
                going -= 1
                on_end(number, futures[number].result())  # which raises what went wrong
    finally:
        for future in futures:
            future.cancel()
    return [future.result() for future in futures]


class Writer:
    """Writes one answer's tokens, each marked by the entropy of the model's own distribution."""

    def __init__(self, put: Callable[[str, str], None], tokenizer: Any, style: Style) -> None:
        """Begin an answer.

        Args:
            put: takes printable text and the style that it is written in.
            tokenizer: of the model.
            style: how tokens are marked.
        """
        from entmin.engine.text import TextStream

        self._put, self._text, self._style = put, TextStream(tokenizer), style
        self.said = ""

    @classmethod
    def on(cls, shown: Console, tokenizer: Any, show: str) -> Writer:
        """Begin an answer on a console."""
        return cls(
            lambda part, how: shown.out(part, style=how, highlight=False, end=""), tokenizer, Style.of(shown, show)
        )

    def token(self, token: int, sure: TokenConfidence) -> None:
        """Write what a token makes certain of the text."""
        self._write(self._text.feed(token), sure.before)

    def finish(self, done: Completion) -> None:
        """Write the rest."""
        self._write(self._text.finish(done.text), done.before[-1])

    def _write(self, text: str, entropy: float) -> None:
        self.said += text
        for part, how in self._style.marked(text, entropy):
            self._put(printable(part), how)


@dataclass(frozen=True)
class Style:
    """How tokens are marked."""

    show: str

    @classmethod
    def of(cls, shown: Console, show: str) -> Style:
        """What was chosen of `SHOWS`, or what the output can show."""
        if show != "auto":
            return cls(show)
        if not shown.is_terminal:
            return cls("plain")
        if shown.color_system is None:
            return cls("numbers")
        return cls("underline" if shown.no_color else "shade")

    def marked(self, text: str, entropy: float) -> list[tuple[str, str]]:
        """A token's text in parts, each with the style that it is written in."""
        if not text:
            return []
        if self.show == "shade":
            level = min(entropy / FULL_SHADE, 1.0)
            return [(text, f"on rgb({round(140 * level)},{round(40 * level)},{round(60 * level)})")]
        if entropy < UNSURE or self.show == "plain":
            return [(text, "")]
        return [(text, "underline")] if self.show == "underline" else [(text, ""), (f"[{entropy:.1f}]", "")]


def caption(done: Completion) -> str:
    """How long and how sure an answer was."""
    return (
        f"{len(done.tokens)} tokens, entropy {done.entropy_before:.2f} → {done.entropy_after:.2f} nats, "
        f"ended by {done.stop_reason}"
    )


def as_json(mode: Mode, done: Completion, tokenizer: Any) -> dict[str, Any]:
    """An answer with its tokens; entropies and log-probabilities in nats, minus infinity as null."""
    from entmin.engine.text import pieces

    def name(token: int) -> str:
        text: str = tokenizer.decode([token])
        return text

    tokens = [
        {
            "id": token,
            "text": text,
            "entropy_before": sure.before,
            "entropy_after": sure.after,
            "log_probability_before": or_null(sure.log_probability),
            "log_probability_after": or_null(sure.drawn),
            "alternatives": [
                {
                    "id": one,
                    "text": name(one),
                    "log_probability_before": or_null(p),
                    "log_probability_after": or_null(q),
                }
                for one, p, q in zip(sure.likeliest, sure.log_probabilities, sure.drawn_log_probabilities, strict=True)
            ],
        }
        for token, text, sure in zip(done.tokens, pieces(tokenizer, done.tokens), done.confidence, strict=True)
    ]
    return {
        "mode": str(replace(mode, seed=None)),
        "seed": mode.seed or 0,
        "text": done.text,
        "ended_by": done.stop_reason,
        "prompt_tokens": done.prompt_tokens,
        "entropy_before": done.entropy_before,
        "entropy_after": done.entropy_after,
        "tokens": tokens,
    }
