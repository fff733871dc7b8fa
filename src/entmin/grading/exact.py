r"""Exact answers: the stated answer must be the gold, word for word.

Case, spaces, quotation marks, a closing full stop and LaTeX dress (``\text{}``, dollar signs) do not count;
everything else does: ``Paris`` is ``paris.``, not ``Paris, France``.
"""

from __future__ import annotations

import re
import unicodedata

from entmin.grading.extract import extract
from entmin.grading.gold import Gold
from entmin.verdict import Verdict

NAME, VERSION = "exact", "3"
_DRESS = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|boxed)\b|\\[(),;!\[\]]|[{}$*`\"“”„«»]|\\(?= )")


def normal(text: str) -> str:
    """The text that is compared."""
    bare = _DRESS.sub("", unicodedata.normalize("NFKC", text)).casefold()
    return " ".join(bare.split()).strip("'‘’").rstrip(".").strip()


def grade(prediction: str, gold: Gold) -> Verdict:
    """Judge one answer."""
    found = extract(prediction)
    if found is None:
        return Verdict(False, None, "no-answer", NAME, VERSION)
    right = any(normal(found.answer) == normal(answer) for answer in gold.answers)
    return Verdict(right, found.answer, "match" if right else "wrong", NAME, VERSION)


def equivalent(a: str, b: str) -> bool:
    """Whether two predictions state the same answer."""
    one, other = extract(a), extract(b)
    return one is not None and other is not None and normal(one.answer) == normal(other.answer)


def rewritings(gold: Gold) -> list[tuple[str, str]]:
    """(name, prediction) pairs that must be right."""
    text = gold.answers[0]
    return [("upper case", f"\\boxed{{{text.upper()}}}"), ("stated", f"The answer is {text}.")]


def corruptions(gold: Gold) -> list[tuple[str, str]]:
    """(name, prediction) pairs that must be wrong."""
    return [("word added", f"\\boxed{{{gold.answers[0]} zebra}}"), ("other word", "\\boxed{zebra}")]
