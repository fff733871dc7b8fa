r"""The final answer in a model's text.

Order: the last ``\boxed``/``\fbox`` (thinking is skipped, see `visible`), what follows the last "answer is" or
"Answer:", a bold phrase or formula closing the last paragraph, the last number. A text that is nothing but an answer
is that answer. A value that is denied, taken back, or met while the text still works towards something is none
(`settled`). Every step reads the text once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from entmin.grading.settled import DENIAL, denied, plain_value, retracted, unfinished
from entmin.grading.visible import visible

MAX_TEXT = 200_000
"""Of longer texts the end is read: that is where a final answer stands."""
_MAX_BOXES = 40
_MAX_BRACES = 40_000
_MAX_STATEMENT = 5_000
_STATED_WITHIN = 50_000

_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_BOX = re.compile(r"\\(?:boxed|fbox|framebox)(?![a-zA-Z])\s*")
_EMPTY_BOX = re.compile(r"\W*\\(?:boxed|fbox|framebox)(?![a-zA-Z])\W*")
_WORD = r"(?:answers?|respuesta|r[ée]ponse|antwort|risposta|resposta|ответ|答案|答え|正解|정답|答(?=\s*[:：]))"
_STATED = re.compile(
    rf"(?:final\s+|correct\s+|best\s+|right\s+|最终|正确)?(?:{_WORD}|(?:(?<=correct )|(?<=best ))(?:option|choice))"
    r"(?:\s+(?:option|choice|value|correcta?|correcte|finale?))?\s*"
    r"(?:to\s[^.\n:]{1,60}?\s)?(?:\([^()\n]{1,40}\)\s*)?(?:\*\*|__)?\s*"
    r"(?:(?:is|are|(?:would|must|should|could)\s+be|est|es|ist|lautet|è|é)(?![a-zA-Z])|应?该?[是为]|は|는|은)?\s*(?:\*\*|__)?\s*"
    r"(?:[:：】]|=)?\s*(?:\*\*|__)?\s*(?:[:：])?",
    re.IGNORECASE,
)
_HAS_VERB = re.compile(r"(?:\bis|\bare|\bbe|\bes|\best|\bist|lautet|è|é|:|：|】|=|是|为|は|는|은)\W*$", re.IGNORECASE)
_LINE_START = re.compile(r"(?:^|\n)[\s*#>]{0,8}\Z")
_CLOSERS = {"$$": "$$", r"\[": r"\]", r"\(": r"\)", "$": "$"}
_DELIMITER = re.compile(r"\\.|\$\$|\$|\n[ \t]*\n", re.DOTALL)
_HASHES = re.compile(r"^####\s*([-+$\\]?\s?[\d.\\].*)$", re.MULTILINE)
_BOLD = re.compile(r"\*\*([^*\n]{1,200}?)\*\*")
_NUMBER = re.compile(
    r"(?<![A-Za-z\d_.:])[-−+]?\s?(?:\d+(?::\d+)+(?:\s?[ap]\.?m\b\.?)?|\d[\d,]*(?:\.\d+)?|\.\d+)(?:/\d+|\s*\\?%)?"
    r"|(?<=[^\d]:)[-−+]?\d[\d,]*(?:\.\d+)?(?:/\d+|\s*\\?%)?"
)
_SENTENCE_END = re.compile(r"(?<=[^\s.])\.(?=\s|$)|\n|(?<=[。！？])")
_PROSE = re.compile(
    r"^(?:So|We|Then|Thus|Hence|Therefore|This|That|Now|It|Which|There)\s+[^\d]{0,30}\d"
    r"|[a-z]\.\s+[A-Z][a-z]|(?<![\\{])(?<![^\W\d_])[^\W\d_]{2,}\s+[^\W\d_]{2,}\s+[^\W\d_]|[一-鿿]{5}|[一-鿿]{3}\d[\d.,]*[一-鿿]{3}|[^\x00-\x7f]{2,}\s+[^\x00-\x7f]{2,}"
)
_JOINED = re.compile(
    r"(?:[\s$,;.、\\()\[\]]|\\q?quad)*(?:(?:and|or|und|oder|et|ou|和|或|\\text\{\s*(?:and|or|und|oder|et|ou)\s*\})(?:[\s$\\()\[\]]|\\q?quad)*)?"
    r"(?:[A-Za-z](?:\w|_\{?\w\}?)?\s*=\s*)?"
)
_AFTER_BOX = re.compile(r"[\s$*)\]\\]{0,6}((?:hundred|thousand|million|billion|trillion|percent)\b|\\?%)")


@dataclass(frozen=True, slots=True)
class Extracted:
    """Where the answer was found and what it says."""

    answer: str
    how: str
    """``boxed``, ``stated``, ``whole``, ``bold``, ``formula``, ``number`` or ``line``."""
    group: tuple[str, ...] = ()
    """All boxes of the last run of boxes, for answers boxed piece by piece."""
    joiner: str = ""
    """What joins the boxes of the group to one answer, a comma or "or"; empty where they only stand side by side."""


def closers(text: str, start: int) -> dict[int, int]:
    r"""Index just past the closing brace, for every brace from ``start`` on that is closed; ``\{`` does not count."""
    opened: list[int] = []
    found: dict[int, int] = {}
    for count, match in enumerate(_BRACE.finditer(text, start)):
        if match.group() == "{":
            opened.append(match.start())
        elif match.group() == "}":
            if not opened:
                break
            found[opened.pop()] = match.end()
        if count > _MAX_BRACES or (not opened and start in found):
            break
    return found


def balanced(text: str, start: int) -> int | None:
    r"""Index just past the brace that closes the one at ``start``; escaped braces do not count."""
    return closers(text, start).get(start)


def _box(text: str, start: int, ends: dict[int, int]) -> tuple[str, int]:
    """(content, end) of one box; an unclosed one ends with its line, a brace-less one with its word."""
    if text[start : start + 1] == "{":
        if start in ends:
            return text[start + 1 : ends[start] - 1].strip(), ends[start]
        line = re.split(r"\n|\$|\\\]|\\\)", text[start + 1 : start + _MAX_STATEMENT], maxsplit=1)[0]
        cut = unfinished(line) or line.count("{") != line.count("}")
        return "" if cut else line.rstrip(". \t\r"), start + 1 + len(line)
    token = re.match(r"[^\s$]{1,400}", text[start:])
    word = token.group().rstrip(".,;") if token else ""
    return word, start + len(word)


def boxes(text: str) -> list[tuple[str, int, int]]:
    """(content, start, end) of every box, nested ones included, in order of their starts."""
    matches = list(_BOX.finditer(text))[-_MAX_BOXES:]
    ends: dict[int, int] = {}
    found = []
    for match in matches:
        if match.end() not in ends and text[match.end() : match.end() + 1] == "{":
            ends |= closers(text, match.end()) if len(ends) < _MAX_BRACES else {}
        content, end = _box(text, match.end(), ends)
        found.append((content, match.start(), end))
    return [box for box in found if box[0]]


def last_run(text: str, found: list[tuple[str, int, int]]) -> tuple[tuple[str, ...], str]:
    """Boxes at the end that stand together, and what joins them."""
    run, joiner = [found[-1]], ""
    for box in reversed(found[:-1]):
        between = text[box[2] : run[0][1]]
        if len(between) > 40 or "\n\n" in between or not _JOINED.fullmatch(between):
            break
        word = re.search(r"[,;、和或]|\b(?:and|or|und|oder|et|ou)\b", between)
        if word and joiner != ", ":
            joiner = " or " if word.group() in ("or", "或") else ", "
        run.insert(0, box)
    return tuple(box[0] for box in run), joiner


def _from_boxes(text: str) -> Extracted | None:
    found = boxes(text)
    while found and (denied(text, found[-1][1], found[-1][2]) or found[-1][2] < found[-1][1]):
        found.pop()
    if not found or retracted(text[found[-1][2] :]):
        return None
    answer = found[-1][0]
    while (inner := boxes(answer)) and inner[-1][0] != answer:
        answer = inner[-1][0]
    after = _AFTER_BOX.match(text, found[-1][2])
    group, joiner = last_run(text, found)
    return Extracted(f"{answer} {after.group(1)}" if after else answer, "boxed", group, joiner)


def formulas(text: str) -> list[tuple[int, int, str]]:
    r"""(start, end, content) of each formula in ``$..$``, ``$$..$$``, ``\(..\)`` or ``\[..\]``, in one pass."""
    last = {closer: text.rfind(closer) for closer in _CLOSERS.values()}
    found: list[tuple[int, int, str]] = []
    opened: re.Match[str] | None = None
    for match in _DELIMITER.finditer(text):
        token = match.group()
        if opened is not None and token == _CLOSERS[opened.group()]:
            if text[opened.end() : match.start()].strip():
                found.append((opened.start(), match.end(), text[opened.end() : match.start()].strip()))
            opened = None
        elif opened is not None and opened.group() == "$" and token[0] == "\n":
            opened = None
        elif (opened is None or token in (r"\[", r"\(")) and last.get(_CLOSERS.get(token, ""), -1) > match.start():
            opened = match
    return found


def clean_statement(tail: str) -> str:
    """The answer at the head of what follows "the answer is"."""
    tail = tail[:_MAX_STATEMENT].partition("I hope it is correct")[0].strip()
    turned = re.match(r"not\s+[^.\n]{1,40}?,?\s+but\s+(?:rather\s+)?", tail)
    tail = tail[turned.end() :] if turned else tail
    bold = re.match(r"\*\*([^*\n]+)\*\*", tail)
    if bold:
        return bold.group(1).strip().rstrip(".")
    pieces = _leading_formulas(tail)
    if pieces:
        return "".join(pieces)
    sentence = _SENTENCE_END.split(tail, maxsplit=1)[0].strip()
    return re.sub(r"^(?:equal to|about|approximately|therefore|thus|simply|just)\s+", "", sentence)


def _leading_formulas(tail: str) -> list[str]:
    """Formulas at the start of the text and what joins them: commas, "and", "or", a scale word, or nothing."""
    pieces: list[str] = []
    position = 0
    for start, end, content in formulas(tail):
        between = tail[position:start].strip(" ,;")
        if between not in ("", "and", "or", "und", "oder", "et", "ou", "和", "或") or "\n\n" in tail[position:start]:
            break
        if pieces:
            joiner = " or " if between in ("or", "或") else ", " if re.search(r"[,;\w]", tail[position:start]) else " "
            pieces.append(joiner)
        pieces.append(content)
        position = end
    after = _AFTER_BOX.match(tail, position) if pieces else None
    return [*pieces, f" {after.group(1)}"] if after else pieces


def _from_hashes(text: str) -> Extracted | None:
    """``#### 72``, the closing line of GSM8K's own solutions; a Markdown heading starts with a word."""
    found = _HASHES.findall(text)
    return Extracted(found[-1].strip(), "stated") if found else None


def statements(text: str) -> tuple[list[tuple[str, int]], bool]:
    """(answer, its start) of each "the answer is", the last first and denied ones left out, and whether there were."""
    found = []
    dropped: set[str] = set()
    for match in reversed(list(_STATED.finditer(text, max(0, len(text) - _STATED_WITHIN)))[-30:]):
        if not (
            _HAS_VERB.search(match.group())
            or "\n" in match.group()
            or (text[match.end() : match.end() + 1] in ("$", "\\") and _LINE_START.search(text[: match.start()][-9:]))
            or DENIAL.match(text[match.end() : match.end() + 40])
        ):
            continue
        tail = text[match.end() : match.end() + _MAX_STATEMENT]
        answer = clean_statement(tail)
        if answer.count("**") % 2:
            # The opening stars stand before the verb: "**Answer: 7** because".
            answer = answer.partition("**")[0].strip()
        if denied(text, match.start(), match.end()):
            dropped.add(DENIAL.sub("", answer).strip())
        elif answer and answer not in dropped:
            found.append((answer, match.end()))
    return found, bool(dropped)


def _from_statement(text: str) -> Extracted | None:
    found = [(answer, start) for answer, start in statements(text)[0] if not unfinished(answer, short=True)]
    if not found or retracted(text[found[0][1] :]):
        return None
    return Extracted(found[0][0], "stated")


def _from_last_paragraph(text: str) -> Extracted | None:
    paragraphs = [part for part in re.split(r"\n\s*\n", text.strip()) if part.strip()]
    last = paragraphs[-1].strip()[-_MAX_STATEMENT:] if paragraphs else ""
    if unfinished(last):
        return None
    bold = _BOLD.findall(last)
    if bold and re.search(r"\d|\\|^[A-Z][a-z]*$", bold[-1]):
        return Extracted(bold[-1].strip(), "bold")
    found = formulas(last)
    return Extracted(found[-1][2], "formula") if found else None


def _from_numbers(text: str) -> Extracted | None:
    """The last number, where it stands for itself."""
    found = list(_NUMBER.finditer(text, max(0, len(text) - _MAX_STATEMENT)))
    if not found or unfinished(text):
        return None
    value = plain_value(text, found[-1].start(), found[-1].end())
    return Extracted(value, "number") if value else None


def extract(prediction: str) -> Extracted | None:
    """The final answer of a model's text, or None where there is none."""
    return extract_visible(visible(prediction[-MAX_TEXT:]))


def extract_visible(text: str) -> Extracted | None:
    """As `extract`, of a text without thinking and tokens."""
    if not text.strip():
        return None
    for source in (_from_boxes, _from_hashes, _from_statement):
        found = source(text)
        if found is not None and not _EMPTY_BOX.fullmatch(found.answer):
            return found
    if _BOX.search(text) or statements(text)[1] or retracted(text):
        return None
    stripped = text.strip()
    if "\n" not in stripped and len(stripped) <= 400 and not _PROSE.search(stripped):
        return None if unfinished(stripped, short=" " not in stripped) else Extracted(stripped, "whole")
    found = _from_last_paragraph(text) or _from_numbers(text)
    if found is not None:
        return found
    line = stripped.splitlines()[-1].strip()
    return Extracted(line, "line") if len(line) <= 60 and not unfinished(text) else None
