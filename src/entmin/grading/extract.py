r"""The final answer in a model's text.

Order: the last ``\boxed``/``\fbox`` (reasoning in ``<think>`` tags is skipped), what follows the last "answer is" or
"Answer:", a bold phrase or formula closing the last paragraph, the last number. A text that is nothing but an answer
is that answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_TEXT = 200_000
"""Of longer texts the end is read: that is where a final answer stands."""

_BOX = re.compile(r"\\(?:boxed|fbox|framebox)(?![a-zA-Z])\s*")
_STATED = re.compile(
    r"(?:final\s+answer|correct\s+(?:answer|option|choice)|the\s+answer|answer|答案)\s*"
    r"(?:to\s[^.\n:]{1,60}?\s)?(?:\([^()\n]{1,40}\)\s*)?(?:\*\*|__)?\s*(?:is|are|应?该?[是为])?\s*(?:\*\*|__)?\s*(?:[:：]|=)?"
    r"\s*(?:\*\*|__)?\s*(?:[:：])?",
    re.IGNORECASE,
)
_HAS_VERB = re.compile(r"(?:is|are|:|：|=|是|为)\W*$", re.IGNORECASE)
_MATH = re.compile(r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|(?<!\\)\$((?:\\\$|[^$\n])+?)(?<!\\)\$|\\\((.+?)\\\)", re.DOTALL)
_STATED_MATH = re.compile(
    r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|(?<!\\)\$((?:\\\$|(?!\n\n)[^$])+?)(?<!\\)\$|\\\((.+?)\\\)", re.DOTALL
)
_HASHES = re.compile(r"^####\s*([-+$\\]?\s?[\d.\\].*)$", re.MULTILINE)
_BOLD = re.compile(r"\*\*([^*\n]{1,200}?)\*\*")
_NUMBER = re.compile(r"(?<![\w.])[-−+]?\s?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:/\d+|\s*\\?%)?")
_SENTENCE_END = re.compile(r"(?<=[^\s.])\.(?=\s|$)|\n")
_PROSE = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{2,}\s+[A-Za-z]{2,}\s+[A-Za-z]{1,}")


@dataclass(frozen=True, slots=True)
class Extracted:
    """Where the answer was found and what it says."""

    answer: str
    how: str
    """``boxed``, ``stated``, ``whole``, ``bold``, ``formula``, ``number`` or ``line``."""
    group: tuple[str, ...] = ()
    """All boxes of the last run of boxes, for answers boxed piece by piece."""


def without_reasoning(text: str) -> str:
    """What follows the last closed ``<think>`` block; everything when that is empty."""
    for tag in ("</think>", "</thinking>", "</reasoning>"):
        head, found, tail = text.rpartition(tag)
        if found and tail.strip():
            return tail
        if found:
            return re.sub(r"<(?:think|thinking|reasoning)>", "", head)
    return text


def balanced(text: str, start: int) -> int | None:
    r"""Index just past the brace that closes the one at ``start``; escaped braces do not count."""
    level, index = 0, start
    while index < len(text):
        char = text[index]
        if char == "\\":
            index += 2
            continue
        level += (char == "{") - (char == "}")
        if level == 0:
            return index + 1
        index += 1
    return None


def _box(text: str, match: re.Match[str]) -> tuple[str, int]:
    """(content, end) of one box; an unclosed one ends with its line, a brace-less one with its word."""
    start = match.end()
    if text[start : start + 1] == "{":
        end = balanced(text, start)
        if end is not None:
            return text[start + 1 : end - 1].strip(), end
        line = re.split(r"\n|\$|\\\]|\\\)", text[start + 1 :], maxsplit=1)[0]
        return re.sub(r"[.\s]+$", "", line), start + 1 + len(line)
    token = re.match(r"[^\s$]+", text[start:])
    word = token.group().rstrip(".,;") if token else ""
    return word, start + len(word)


def boxes(text: str) -> list[tuple[str, int, int]]:
    """(content, start, end) of every box, nested ones included, in order of their starts."""
    found = []
    for match in list(_BOX.finditer(text))[-40:]:
        content, end = _box(text, match)
        found.append((content, match.start(), end))
    return [box for box in found if box[0]]


def _last_run(text: str, found: list[tuple[str, int, int]]) -> tuple[str, ...]:
    """Boxes at the end that are joined by nothing but "and", "or", commas and formula signs."""
    run = [found[-1]]
    for box in reversed(found[:-1]):
        between = text[box[2] : run[0][1]]
        joined = re.fullmatch(
            r"[\s$,;.\\()\[\]]*(?:(?:and|or|\\text\{\s*(?:and|or)\s*\}|\\quad)[\s$\\()\[\]]*)?", between
        )
        if not joined or len(between) > 40 or "\n\n" in between:
            break
        run.insert(0, box)
    return tuple(box[0] for box in run)


def _from_boxes(text: str) -> Extracted | None:
    found = boxes(text)
    if not found:
        return None
    answer = found[-1][0]
    while (inner := boxes(answer)) and inner[-1][0] != answer:
        answer = inner[-1][0]
    return Extracted(answer, "boxed", _last_run(text, found))


def clean_statement(tail: str) -> str:
    """The answer at the head of what follows "the answer is"."""
    tail = re.split(r"\.?\s*I hope it is correct", tail, maxsplit=1)[0].strip()
    if not tail:
        return ""
    bold = re.match(r"\*\*([^*\n]+)\*\*", tail)
    if bold:
        return bold.group(1).strip().rstrip(".")
    pieces = _leading_formulas(tail)
    if pieces:
        return "".join(pieces)
    sentence = _SENTENCE_END.split(tail, maxsplit=1)[0].strip()
    return re.sub(r"^(?:equal to|about|approximately|therefore|thus)\s+", "", sentence)


def _leading_formulas(tail: str) -> list[str]:
    """Formulas at the start of the text and what joins them: commas, "and", "or", or nothing but space."""
    pieces: list[str] = []
    position = 0
    for match in _STATED_MATH.finditer(tail):
        between = tail[position : match.start()].strip(" ,;")
        joined = between in ("", "and", "or")
        if not joined or "\n\n" in tail[position : match.start()] or (not pieces and tail[: match.start()].strip()):
            break
        if pieces:
            pieces.append(", " if re.search(r"[,;\w]", tail[position : match.start()]) else " ")
        pieces.append(next(group for group in match.groups() if group).strip())
        position = match.end()
    return pieces


def _from_hashes(text: str) -> Extracted | None:
    """``#### 72``, the closing line of GSM8K's own solutions; a Markdown heading starts with a word."""
    found = _HASHES.findall(text)
    return Extracted(found[-1].strip(), "stated") if found else None


def _from_statement(text: str) -> Extracted | None:
    for match in reversed(list(_STATED.finditer(text))[-30:]):
        if not _HAS_VERB.search(match.group()) and "\n" not in match.group():
            continue
        answer = clean_statement(text[match.end() :])
        if answer.count("**") % 2:
            # The opening stars stand before the verb: "**Answer: 7** because".
            answer = answer.partition("**")[0].strip()
        if answer:
            return Extracted(answer, "stated")
    return None


def _from_last_paragraph(text: str) -> Extracted | None:
    paragraphs = [part for part in re.split(r"\n\s*\n", text.strip()) if part.strip()]
    last = paragraphs[-1].strip() if paragraphs else ""
    bold = _BOLD.findall(last)
    if bold and re.search(r"\d|\\|^[A-Z][a-z]*$", bold[-1]):
        return Extracted(bold[-1].strip(), "bold")
    formulas = [next(group for group in match.groups() if group) for match in _MATH.finditer(last)]
    if formulas:
        return Extracted(formulas[-1].strip(), "formula")
    return None


def extract(prediction: str) -> Extracted | None:
    """The final answer of a model's text, or None where there is none."""
    text = without_reasoning(prediction[-MAX_TEXT:])
    if not text.strip():
        return None
    for source in (_from_boxes, _from_hashes, _from_statement):
        found = source(text)
        if found is not None:
            return found
    stripped = text.strip()
    if "\n" not in stripped and len(stripped) <= 400 and not _PROSE.search(stripped):
        return Extracted(stripped, "whole")
    found = _from_last_paragraph(text)
    if found is not None:
        return found
    numbers = _NUMBER.findall(text[-5000:])
    if numbers:
        return Extracted(numbers[-1].strip(), "number")
    line = stripped.splitlines()[-1].strip()
    return Extracted(line, "line") if len(line) <= 60 else None
