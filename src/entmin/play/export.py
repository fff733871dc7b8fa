"""Answers of the playground as one self-contained HTML file: the page of `entmin report`."""

from __future__ import annotations

from importlib.util import find_spec
from statistics import fmean

from entmin.play.bodies import ExportBody, ExportedArm
from entmin.report.page import Alternative, Answer, Chart, Flip, Page, Token, render
from entmin.serve.protocol import Served

_LONGEST_TITLE = 80


def as_page(asked: ExportBody, served: Served) -> str:
    """The HTML of what the page shows."""
    question = asked.question
    title = question if len(question) <= _LONGEST_TITLE else question[: _LONGEST_TITLE - 1] + "…"
    return render(
        Page(
            title=f"{served.name}: {title}",
            verdict="; ".join(map(_found, asked.arms)),
            charts=_charts(asked.arms),
            flips=(Flip("Prompt", question, "", tuple(map(_answer, asked.arms))),),
            heading="Answers",
            facts=(("model", served.name), ("revision", served.loaded.revision), *asked.facts),
        )
    )


def _found(arm: ExportedArm) -> str:
    if not arm.tokens:
        return f"{arm.mode}: no tokens"
    before, after = (fmean(token[i] for token in arm.tokens) for i in (1, 2))  # type: ignore[misc]
    return f"{arm.mode}: {len(arm.tokens)} tokens, entropy {before:.2f} → {after:.2f} nats"


def _answer(arm: ExportedArm) -> Answer:
    tokens = (
        Token(text, before, after, tuple(Alternative(*one) for one in top)) for text, before, after, top in arm.tokens
    )
    return Answer(arm.mode, None, tuple(tokens))


def _charts(arms: list[ExportedArm]) -> tuple[Chart, ...]:
    """Entropy along the answers, where the library that draws is installed."""
    if find_spec("matplotlib") is None:
        return ()
    from entmin.report.drawing import Series
    from entmin.report.page.charts import curves

    lines = [
        Series(arm.mode, list(range(1, len(arm.tokens) + 1)), [token[2] for token in arm.tokens])
        for arm in arms
        if arm.tokens
    ]
    if not lines:
        return ()
    said = "Of the distribution each token was drawn from."
    return (curves(lines, "Entropy along the answer", ("token", "nats"), said),)
