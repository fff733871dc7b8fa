"""``entmin ask --compare``: answers side by side while they grow; one after another where that is no terminal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from entmin.cli import answering
from entmin.terminal import console

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from entmin.engine.engine import Engine
    from entmin.engine.requests import Completion, Request, TokenConfidence

_EVERY = 0.08
"""Seconds between two drawings of the answers."""


def stream_beside(engine: Engine, titles: Sequence[str], requests: Sequence[Request], show: str) -> None:
    """Decode answers together and show them as they grow, under their titles, with their captions at the end."""
    shown = console(soft_wrap=True)
    tokenizer = engine.loaded.tokenizer
    if not shown.is_terminal:
        column = InTurn(shown, titles, tokenizer, show)
        answering.stream(engine, requests, column.token, column.end)
        return
    from rich.live import Live

    panels = Panels(titles, tokenizer, answering.Style.of(shown, show))
    with Live(
        panels.grid(), console=console(), auto_refresh=False, redirect_stdout=False, redirect_stderr=False
    ) as live:
        drawn = 0.0

        def token(number: int, *one: Any) -> None:
            nonlocal drawn
            panels.writers[number].token(*one)
            if time.monotonic() - drawn > _EVERY:
                drawn = time.monotonic()
                live.update(panels.grid(), refresh=True)

        completions = answering.stream(engine, requests, token)
        for writer, done in zip(panels.writers, completions, strict=True):
            writer.finish(done)
        live.update(panels.grid([answering.caption(done) for done in completions]), refresh=True)


class Panels:
    """A panel for each answer, in columns."""

    def __init__(self, titles: Sequence[str], tokenizer: Any, style: answering.Style) -> None:
        """Begin empty."""
        from rich.text import Text

        self._titles = titles
        self._texts = [Text() for _ in titles]
        self.writers = [
            answering.Writer(lambda part, how, text=text: text.append(part, style=how), tokenizer, style)  # type: ignore[misc]
            for text in self._texts
        ]

    def grid(self, captions: Sequence[str] = ()) -> RenderableType:
        """The panels as they are."""
        from rich.panel import Panel
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(expand=True, padding=(0, 1))
        for _ in self._titles:
            grid.add_column(ratio=1)
        grid.add_row(
            *(
                Panel(
                    text, title=Text(title), subtitle=Text(captions[i]) if captions else None,
                    title_align="left", subtitle_align="left",
                )
                for i, (title, text) in enumerate(zip(self._titles, self._texts, strict=True))
            )
        )  # fmt: skip
        return grid


class InTurn:
    """Answers one after another: the first streams, the tokens of the others wait until it is their turn."""

    def __init__(self, shown: Console, titles: Sequence[str], tokenizer: Any, show: str) -> None:
        """Begin the first."""
        self._shown, self._titles = shown, titles
        self._writers = [answering.Writer.on(shown, tokenizer, show) for _ in titles]
        self._waiting: list[list[tuple[int, TokenConfidence]]] = [[] for _ in titles]
        self._done: dict[int, Completion] = {}
        self._turn = 0
        self._begin()

    def token(self, number: int, token: int, sure: TokenConfidence) -> None:
        """Write a token, or keep it."""
        if number == self._turn:
            self._writers[number].token(token, sure)
        else:
            self._waiting[number].append((token, sure))

    def end(self, number: int, done: Completion) -> None:
        """End the answer whose turn it is, and go on with the next."""
        self._done[number] = done
        while self._turn in self._done:
            self._writers[self._turn].finish(self._done[self._turn])
            self._shown.out(f"\n({answering.caption(self._done[self._turn])})")
            self._turn += 1
            self._begin()

    def _begin(self) -> None:
        if self._turn < len(self._titles):
            self._shown.out(f"[{self._titles[self._turn]}]")
            for one in self._waiting[self._turn]:
                self._writers[self._turn].token(*one)
