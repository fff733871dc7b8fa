r"""Multiple choice: the one letter an answer commits to, however it is dressed.

``(C)``, ``**C**``, ``\text{C}``, ``\boxed{C. Plane}``, "The answer is C" and "option c" all say C. An answer that names
two letters ("A or B") commits to none and is reported as ``ambiguous``, which counts as wrong.
"""

from __future__ import annotations

import re

from entmin.grading.extract import Extracted, extract, without_reasoning
from entmin.grading.gold import Gold
from entmin.verdict import Verdict

NAME, VERSION = "choice", "1"

_DRESS = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|boxed|bf|rm)\b|[{}$*_`\"]|\\[()\[\],;! ]|~")
_WHOLE = re.compile(r"\(?\s*([A-Za-z])\s*\)?\s*[.:)]?")
_LABELLED = re.compile(r"\(?\s*([A-Z])\s*(?:\)|\.|:)\s*\S.*", re.DOTALL)
_NAMED = re.compile(
    r"\b(?:option|choice|answer|letter|选项)\s*(?:is\s*|:\s*)?\(?([A-Za-z])\)?(?![A-Za-z])", re.IGNORECASE
)
_PARENTHESISED = re.compile(r"\(([A-Z])\)")
_ALONE = re.compile(r"(?<![A-Za-z'’])([A-Z])(?![A-Za-z'’])")
_JOINED = re.compile(r"\(?([A-Za-z])\)?\s*(?:,|and|or|&|/)\s*\(?([A-Za-z])\)?(?![a-z])")


def undress(text: str) -> str:
    """Without LaTeX, Markdown and quotes."""
    return re.sub(r"\s+", " ", _DRESS.sub(" ", text)).strip(" .,;:")


def letters(text: str) -> set[str]:
    """The letters an answer text names, upper case; one letter when it commits to one."""
    bare = undress(text)
    whole = _WHOLE.fullmatch(bare)
    if whole:
        return {whole.group(1).upper()}
    joined = _JOINED.fullmatch(bare)
    if joined:
        return {letter.upper() for letter in joined.groups()}
    labelled = _LABELLED.fullmatch(bare)
    if labelled:
        return {labelled.group(1)}
    for pattern in (_NAMED, _PARENTHESISED, _ALONE):
        found = {letter.upper() for letter in pattern.findall(bare)}
        if pattern is _ALONE:
            found -= _articles(bare)
        if found:
            return found
    return set()


def _articles(text: str) -> set[str]:
    """A and I where they are English words and not options."""
    return {
        letter
        for letter in "AI"
        if re.search(rf"(?<![A-Za-z]){letter}\s+(?!and\b|or\b|is\b|are\b|was\b|because\b|since\b)[a-z]", text)
    }


def _last_mention(prediction: str) -> Extracted | None:
    """Where nothing is boxed or stated: a letter opening or closing the text."""
    text = without_reasoning(prediction).strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in (lines[-1:] + lines[:1]) if lines else []:
        if _WHOLE.fullmatch(undress(line)) or _LABELLED.fullmatch(undress(line)):
            return Extracted(line, "line")
    return None


def find(prediction: str) -> Extracted | None:
    """The text that carries the choice."""
    found = extract(prediction)
    if found is None or found.how in ("boxed", "stated", "whole"):
        return found
    return _last_mention(prediction) or found


def grade(prediction: str, gold: Gold) -> Verdict:
    """Judge one choice."""
    found = find(prediction)
    named = letters(found.answer) if found else set()
    if found is None or not named:
        return Verdict(False, found.answer if found else None, "no-answer", NAME, VERSION)
    wanted = {letter for answer in gold.answers for letter in re.findall("[A-Z]", undress(answer).upper())}
    shown = "".join(sorted(named))
    if named == wanted:
        return Verdict(True, shown, "match", NAME, VERSION)
    return Verdict(False, shown, "ambiguous" if len(named) > len(wanted) else "wrong", NAME, VERSION)


def equivalent(a: str, b: str) -> bool:
    """Whether two predictions choose the same letter."""
    left, right = find(a), find(b)
    named = [letters(found.answer) if found else set() for found in (left, right)]
    return bool(named[0]) and named[0] == named[1]
