r"""Multiple choice: the one letter an answer commits to, however it is dressed.

``(C)``, ``**C**``, ``\text{C}``, ``\boxed{C. Plane}``, "The answer is C" and "option c" all say C. An answer that names
two letters ("A or B") commits to none and is reported as ``ambiguous``, which counts as wrong. A letter inside a
formula, a unit, a name ("vitamin D") or a later aside is no choice, and a box without a letter does not silence one
that is stated.
"""

from __future__ import annotations

import re

from entmin.grading.extract import MAX_TEXT, Extracted, boxes, extract, statements
from entmin.grading.gold import Gold
from entmin.grading.settled import DENIAL, denied
from entmin.grading.visible import visible
from entmin.verdict import Verdict

NAME, VERSION = "choice", "3"

_DRESS = re.compile(
    r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|boxed|bf|rm)\b|[{}$*_`\"'\[\]]|\\[()\[\],;! ]|~"
)
_MARKS = re.compile(r"\*+|\$|\\[()]")
_WHOLE = re.compile(r"[(<]?\s*([A-Za-z])\s*[)>]?\s*[.:)]?")
_RUN = re.compile(r"[A-J]{2,10}")
_SEPARATOR = r"\s*(?:,?\s*(?:and|or|&|/)|,|和|或|、)\s*"
_JOINED = re.compile(rf"\(?([A-Za-z])\)?(?:{_SEPARATOR}\(?([A-Za-z])\)?)+(?![a-z])")
_LABELLED = re.compile(r"\(?\s*([A-Z])\s*(?:\)|\.|:|：|、|\s[-–—])\s*\S.*|\(?([a-j])\)\s*\S.*", re.DOTALL)
_SPACED = re.compile(r"([B-HJ])\s+[A-Za-z0-9].*", re.DOTALL)
_NAMED = re.compile(
    r"\b(?:option|choice|answer|letter|statement)s?(?:\s+is)?\s*:?\s*\(?([A-Za-z])\)?(?![A-Za-z'’])"
    r"|(?:选项?|选择|答案)[是为]?\s*[:：]?\s*\(?([A-Za-z])\)?(?![A-Za-z])",
    re.IGNORECASE,
)
_LEADING = re.compile(
    rf"\(?(?P<one>[A-J])\)?(?P<more>(?:{_SEPARATOR}\(?[A-J]\)?(?![A-Za-z]))*)(?![A-Za-z0-9'’^=+*<>]|\s*[-+*/=^<>]\s*\w|\s\d)"
)
_NOUN = r"\s+(?!(?:and|or|is|are|was|because|since|as|but|due|given|which|while|not|for)\b)[a-z]"
"""What follows an article: a word that does not go on about a choice."""
_SURELY = re.compile(r"^(?:for sure|definitely|certainly|clearly|surely|obviously|probably|likely)\s+(?=\(?[A-J]\b)")
_NOT_ANOTHER = re.compile(r"\(?([A-J])\)?[\s。，,.]*(?:而?不是|not\b)")
_PARENTHESISED = re.compile(r"\(([A-J])\)")
_BESIDE = (
    r"is|are|be|and|or|both|neither|either|pick|choose|chose|select|to|with|as|so|for|than|go|only|just|definitely|probably|that|was|es|est"
    r"|ist|would|just|clearly"
)
_ALONE = re.compile(rf"(?:^|[.,;:!?(]\s*|\b(?i:{_BESIDE})\s+)([A-J])(?![\w'’^=]|\s*[=^+*/<>]|\s\d)")
_CHOSEN = re.compile(
    r"(?:\bI\s+(?:think|believe)\s+it(?:['’]s|\s+is)\s+(?:option\s+|choice\s+)?|\b(?:I|we)(?:['’]d|['’]ll|\s+will|\s+would|\s+must|\s+should)?\s+(?:choose|pick|select|go\s+with|chose)\s+(?:option\s+|choice\s+)?"
    r"|故选|应选|所以选|因此选|选择|[故应]?选[:：]?\s*)\(?([A-J])\)?(?![A-Za-z0-9])"
    r"|(?:\boption\s+|\bchoice\s+|\()([A-J])\)?\s+is\s+(?:the\s+)?(?:correct|right|best)\b"
    r"|(?<![A-Za-z])([B-J])\s+is\s+(?:the\s+)?(?:correct|right|best)\b",
    re.IGNORECASE,
)


def undress(text: str) -> str:
    """Without LaTeX, Markdown and quotes."""
    return re.sub(r"\s+", " ", _DRESS.sub(" ", text)).strip(" .,;:。")


def letters(text: str) -> set[str]:
    """The letters an answer text names, upper case; one letter when it commits to one."""
    found = committed(text)
    if found:
        return found
    bare = undress(text)
    for pattern in (_NAMED, _PARENTHESISED, _ALONE):
        named = {letter.upper() for match in pattern.findall(bare) for letter in match if letter.strip()}
        if pattern is not _PARENTHESISED:
            named -= _articles(bare)
        if named:
            return named
    return set()


def committed(text: str) -> set[str]:
    """The letters of a text that is nothing but a choice, with or without the option's own words."""
    bare = undress(text)
    whole = _WHOLE.fullmatch(bare)
    if whole:
        return {whole.group(1).upper()}
    if _RUN.fullmatch(bare) and len(set(bare)) == len(bare):
        return set(bare)
    if _JOINED.fullmatch(bare):
        return {letter.upper() for letter in re.findall(r"(?<![A-Za-z])[A-Za-z](?![A-Za-z])", bare)}
    labelled = _LABELLED.fullmatch(bare)
    if labelled:
        return {str(labelled.group(1) or labelled.group(2)).upper()}
    named = {letter.upper() for match in _NAMED.findall(bare) for letter in match if letter} - _articles(bare)
    if named:
        return named
    return set(_SPACED.fullmatch(bare).group(1)) if _is_spaced(bare) else set()  # type: ignore[union-attr]


def _is_spaced(bare: str) -> bool:
    """``B mitosis``; a lone letter before a sign or a number belongs to a formula."""
    return bool(_SPACED.fullmatch(bare)) and not re.search(r"[=^+<>\\]|^[A-Z]\s+\d+$|^[A-Z]\s[a-z]\b", bare)


def _articles(text: str) -> set[str]:
    """A and I where they are English words and not options."""
    return {
        letter
        for letter in "AI"
        if re.search(rf"(?<![A-Za-z(])(?:{letter}|{letter.lower() if letter == 'A' else letter}){_NOUN}", text)
        and not re.search(rf"\({letter}\)", text)
    }


def _stated(text: str) -> set[str]:
    """The letters at the head of what follows "the answer is"; an aside behind them is not read."""
    bare = _SURELY.sub("", undress(text))
    leading = _LEADING.match(bare)
    if leading and not re.match("[AI]" + _NOUN, bare):
        more = "" if re.match(r"\s+(?:is|are|was|fails?|cannot|can)\b", bare[leading.end() :]) else leading["more"]
        return {leading["one"], *re.findall(r"(?<![A-Za-z])[A-J](?![A-Za-z])", more)}
    return committed(text) or letters(text)


def find(prediction: str) -> tuple[Extracted, set[str]] | None:
    """The text that carries the choice, and its letters; None where nothing does."""
    text = visible(prediction[-MAX_TEXT:])
    boxed = boxes(text)
    for content, start, end in reversed(boxed):
        if (named := committed(content)) and not denied(text, start, end):
            return Extracted(content, "boxed"), named
    for answer, start in statements(text)[0]:
        sentence = re.split(r"\n|(?<=[a-z)]{2})[.。]", text[start : start + 400].lstrip(), maxsplit=1)[0]
        if named := _stated(answer if DENIAL.match(sentence) else sentence) or _stated(answer):
            return Extracted(answer, "stated"), named
    chosen = list(_CHOSEN.finditer(_MARKS.sub("", text[-5_000:])))
    if chosen:
        letter = next(group for group in chosen[-1].groups() if group).upper()
        return Extracted(chosen[-1].group(), "stated"), {letter}
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    for line in (lines[-1:] + lines[:1]) if not boxed else []:
        bare = undress(line)
        if _WHOLE.fullmatch(bare) or _LABELLED.fullmatch(bare) or _RUN.fullmatch(bare):
            return Extracted(line, "line"), committed(line)
        if against := _NOT_ANOTHER.match(bare):
            return Extracted(line, "line"), {against.group(1)}
    found = extract(prediction) if not boxed else None
    return (found, letters(found.answer)) if found else None


def grade(prediction: str, gold: Gold) -> Verdict:
    """Judge one choice."""
    found = find(prediction)
    if found is None or not found[1]:
        return Verdict(False, found[0].answer if found else None, "no-answer", NAME, VERSION)
    wanted = {letter for answer in gold.answers for letter in re.findall("[A-Z]", undress(answer).upper())}
    named, shown = found[1], "".join(sorted(found[1]))
    if named == wanted:
        return Verdict(True, shown, "match", NAME, VERSION)
    return Verdict(False, shown, "ambiguous" if len(named) > len(wanted) else "wrong", NAME, VERSION)


def equivalent(a: str, b: str) -> bool:
    """Whether two predictions choose the same letter."""
    left, right = find(a), find(b)
    return bool(left and right and left[1]) and left[1] == right[1]  # type: ignore[index]
