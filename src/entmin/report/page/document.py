"""What a report page shows, as plain values. Texts are plain text; rendering escapes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from entmin.report.table import Table

MOST_PROBLEMS = 30
"""Problems whose answers are on a page; those whose tokens were recorded first."""
Tone = Literal["better", "not-better", "undecided", "plain"]


@dataclass(frozen=True, slots=True)
class Alternative:
    """A token that could have been drawn at one place."""

    text: str
    probability: float
    """Under the model's own distribution, before method, temperature and truncation."""
    after: float | None = None
    """Under the distribution that the token was drawn from; None where it was not recorded."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token of an answer."""

    text: str
    before: float | None
    """Entropy of the model's own distribution, nats; None where it was not recorded."""
    after: float | None
    """Entropy of the distribution the token was drawn from, nats."""
    alternatives: tuple[Alternative, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """One arm's answer to a problem."""

    arm: str
    correct: bool | None
    tokens: tuple[Token, ...]
    """An answer whose tokens were not recorded is one token without entropies."""


@dataclass(frozen=True, slots=True)
class Flip:
    """A problem with the answers of the arms: one that they do not all have right or wrong, or of a single arm any."""

    problem: str
    question: str
    gold: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure: an SVG of ours, and what it says for those who do not see it."""

    title: str
    caption: str
    svg: str
    """Made by `entmin.report.page.charts`; goes into the page unescaped, so its texts are escaped there."""


@dataclass(frozen=True, slots=True)
class Page:
    """A report on one question, in reading order; a document holds one or several."""

    title: str
    verdict: str
    """One sentence, the first thing a reader sees."""
    tone: Tone = "plain"
    remarks: tuple[str, ...] = ()
    """Sentences under the verdict."""
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    flips: tuple[Flip, ...] = ()
    facts: tuple[tuple[str, str], ...] = field(default=())
    """Settings, versions, hashes: name and value."""
    heading: str = ""
    """Of answers that nobody has judged; empty for those of a benchmark, which have their verdicts."""
