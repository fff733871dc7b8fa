"""Which prompts repeat a problem of an evaluation set: word n-grams, and whole texts.

Normalisation: Unicode NFKC, lower case; words are runs of letters and digits, each CJK character a word of its own;
everything else separates words. A prompt is contaminated by a problem when the two share n words in a row, or when they
are the same text but for case and white space. The second rule is what catches problems with fewer than n words, in
which operators count: ``12 + 7`` is not ``12 * 7``.

13 words are the usual choice since GPT-3. Stock phrases of contests ("where m and n are relatively prime positive
integers, find m + n") are as long, so some prompts are dropped for nothing; every match is reported with its words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

N_WORDS = 13
_CJK = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")


@dataclass(frozen=True, slots=True)
class Repeat:
    """A problem that a prompt repeats."""

    task: str
    problem: str
    """The problem's id."""
    words: str | None
    """The first shared n-gram; None where the whole text is the same."""


def words(text: str) -> list[str]:
    """The words of a text after normalisation."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower())


def squeezed(text: str) -> str:
    """A text without case and white space."""
    return "".join(unicodedata.normalize("NFKC", text).lower().split())


def grams(found: list[str], n: int) -> Iterator[str]:
    """The n-grams of a list of words."""
    return (" ".join(found[start : start + n]) for start in range(len(found) - n + 1))


class Overlap:
    """An index of evaluation problems that prompts are looked up in."""

    def __init__(self, problems: Mapping[str, Iterable[tuple[str, str]]], n: int = N_WORDS) -> None:
        """Index (id, text) pairs by evaluation set; `n` words in a row make an overlap."""
        self.n = n
        self._grams: dict[str, dict[str, str]] = {}
        self._texts: dict[str, dict[str, str]] = {}
        for task, pairs in problems.items():
            for problem, text in pairs:
                if whole := squeezed(text):
                    self._texts.setdefault(whole, {}).setdefault(task, problem)
                for gram in grams(words(text), n):
                    self._grams.setdefault(gram, {}).setdefault(task, problem)

    def matches(self, text: str) -> list[Repeat]:
        """One match for each evaluation set that has a problem in common with a prompt."""
        found = {task: Repeat(task, problem, None) for task, problem in self._texts.get(squeezed(text), {}).items()}
        for gram in grams(words(text), self.n):
            for task, problem in self._grams.get(gram, {}).items():
                found.setdefault(task, Repeat(task, problem, gram))
        return list(found.values())
