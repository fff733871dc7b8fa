"""Answers of the playground as one self-contained HTML file: the page of `entmin report`."""

from __future__ import annotations

from importlib.util import find_spec
from statistics import fmean

from entmin.play.bodies import ExportBody, ExportedArm
from entmin.report.page import Alternative, Answer, Chart, Flip, Page, Token, render

_LONGEST_TITLE = 80


def as_page(asked: ExportBody, model: str, facts: tuple[tuple[str, str], ...]) -> str:
    """The HTML of what the page shows, with facts about the model."""
    question = asked.question
    title = question if len(question) <= _LONGEST_TITLE else question[: _LONGEST_TITLE - 1] + "…"
    return render(
        Page(
            title=f"{model}: {title}",
            verdict="; ".join(map(_found, asked.arms)),
            charts=_charts(asked.arms),
            flips=(Flip("Prompt", question, "", tuple(map(_answer, asked.arms))),),
            heading="Answers",
            facts=(("model", model), *facts, *asked.facts),
        )
    )


def _found(arm: ExportedArm) -> str:
    if not arm.tokens:
        return f"{arm.mode}: no tokens"
    before, after = (_mean(arm, i) for i in (1, 2))
    known = f"{before:.2f} → {after:.2f}" if after is not None else f"at least {before or 0:.2f}"
    return f"{arm.mode}: {len(arm.tokens)} tokens, entropy {known} nats"


def _mean(arm: ExportedArm, place: int) -> float | None:
    values = [value for token in arm.tokens if isinstance(value := token[place], float)]
    return fmean(values) if values else None


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

    whole = all(token[2] is not None for arm in arms for token in arm.tokens)
    lines = [
        Series(
            arm.mode,
            [1.0 + i for i in range(len(arm.tokens))],
            [(one[2] if whole else one[1]) or 0.0 for one in arm.tokens],
        )
        for arm in arms
        if arm.tokens
    ]
    if not lines:
        return ()
    said = "Of the distribution each token was drawn from." if whole else "Of the model's own distribution, at least."
    return (curves(lines, "Entropy along the answer", ("token", "nats"), said),)
