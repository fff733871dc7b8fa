r"""Multiple choice: the one letter an answer commits to, however it is dressed.

``(C)``, ``**C**``, ``\text{C}``, ``\boxed{C. Plane}``, "The answer is C" and "option c" all say C. An answer that names
two letters ("A or B") commits to none and is reported as ``ambiguous``, which counts as wrong. A letter inside a
formula, a unit, a name ("vitamin D"), a question, a denial or a later aside is no choice, nor is a list of the options,
and a box without a letter does not silence one that is stated.
"""

from __future__ import annotations

import re
import unicodedata

from entmin.grading.extract import MAX_TEXT, Extracted, boxes, extract_visible, last_run, statements
from entmin.grading.gold import Gold
from entmin.grading.settled import DENIAL, denied
from entmin.grading.visible import visible
from entmin.verdict import Verdict

NAME, VERSION = "choice", "5"

_MAX_VISIBLE = 50_000
"""Of longer answers the end is read."""
_MAX_LINES = 2_000
"""Where the first and the last line are looked for."""

_DRESS = re.compile(
    r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|boxed|bf|rm)\b|[{}$*_`\"“”«»\[\]✓✔✅→⇒∴]|\\[()\[\],;! ]|~"
    r"|^\s*[-=]?>"
)
_QUOTED = re.compile(r"(?<![^\W_])['‘]([^'’\n]{1,200})['’]")
_MARKS = re.compile(r"\*+|\$|\\[()]")
_WHOLE = re.compile(r"[(<]?\s*([A-Z]|[a-j])\s*[)>]?\s*[.:)]?")
_RUN = re.compile(r"[A-J]{2,10}")
_SEPARATOR = r"\s*(?:,?\s*(?:and|or|&|/)|,|和|或|、)\s*"
_JOINED = re.compile(rf"\(?([A-Za-z])\)?(?:{_SEPARATOR}\(?([A-Za-z])\)?)+(?![a-z])")
_LABELLED = re.compile(r"\(?\s*([A-Z])\s*(?:\)|\.|:|：|、|\s[-–—])\s*(\S.*)|\(?([a-j])\)\s*(\S.*)", re.DOTALL)
_SPACED = re.compile(r"([B-HJ])\s+[A-Za-z0-9].*", re.DOTALL)
_NO = re.compile(r"(?:no|not|wrong|incorrect|false|fails?|impossible)\b|(?:[A-J]\)?\s*)?[都均也]?[错不]", re.IGNORECASE)
_VERB = re.compile(
    r"[A-Z]\s+(?:is|isn|are|was|has|can|cannot|can't|fails?|does|doesn|may|might|could|would|should|it)\b"
)
_SPECIES = re.compile(
    r"\b[A-J]\.\s*(?=(?:coli|elegans|melanogaster|subtilis|thaliana|cerevisiae|difficile|pylori|sapiens)\b)"
)
_KIND = re.compile(
    r"(?<![\w(])(?<!option )(?<!choice )(?<!选项)[A-J][ -]"
    r"(?=(?:cells?|lymphocytes?|vitamins?|fib(?:er|re)s?|amino acids?|peptides?|blood)\b)"
)
"""The letter of a name such as B cells, C fibres, D amino acids."""
_ASKED = re.compile(r"[^.\n]{0,40}\?\s*(?:no|nope|wrong|wait|hmm)\b", re.IGNORECASE)
_FORMULA = r"(?![A-Za-z0-9'’^=+*<>]|\s*[-+*/=^<>]\s*\w|\s\d|(?![项选正是对而不和或与错因符也都])[一-鿿])"
"""What stands behind a letter of a formula or a name; Chinese goes on about a choice with few words only."""
_LETTERS = rf"\(?[A-J]\)?(?:{_SEPARATOR}\(?[A-J]\)?(?![A-Za-z]))*{_FORMULA}"
_NAMED = re.compile(
    rf"(?:\b(?i:option|choice|answer|letter|statement)(?:(?i:s)(?=\W)|(?![A-Za-z]))(?:\s+(?i:is|are))?"
    rf"|选项?|选择|答案[是为]?)\s*:?\s*(?P<letters>{_LETTERS}|\(?[a-j]\)?(?![A-Za-z'’]))"
)
_LEADING = re.compile(rf"(?P<letters>{_LETTERS})")
_NOUN = r"\s+(?!(?:and|or|is|are|was|because|since|as|but|due|given|which|while|not|for)\b)[a-z]"
"""What follows an article: a word that does not go on about a choice."""
_SURELY = re.compile(
    r"^(?:for sure|definitely|certainly|clearly|surely|obviously|(?:most )?(?:probably|likely)|la|el)\s+(?=\(?[A-J]\b)"
)
_ASIDE = re.compile(r"[A-J]\)?\s*[,;(]?\s*(?:not|because|since|as|rather|instead)\b")
_NOT_ANOTHER = re.compile(r"\(?([A-J])\)?[\s。，,.]*(?:而?不[是选]|not\b)")
_PARENTHESISED = re.compile(r"(?P<letters>\([A-J]\))")
_BESIDE = (
    r"is|are|be|and|or|both|neither|either|pick|choose|chose|select|to|with|as|so|for|than|go|only|just|definitely|probably|that|was|es|est"
    r"|ist|would|just|clearly|think|believe|say|hence|thus|therefore|because|since|not|except|but|out|between|unlike|given|of"
)
_BEFORE = rf"(?:^|[.,;:!?(，。；：]\s*|(?<=[是为错])|(?<![A-Za-z])(?i:{_BESIDE})\s+)"
_ALONE = re.compile(rf"{_BEFORE}(?P<letters>{_LETTERS})")
_CHOSEN = re.compile(
    r"(?:\b(?i:I)\s+(?i:think|believe|guess)\s+(?i:it(?:['’]s|\s+is))\s+|\b(?i:I|we)(?i:['’]d|['’]ll|['’]m|\s+will|\s+would|\s+must|\s+should)?\s+"
    r"(?i:choose|pick|select|say|go(?:ing)?\s+(?:with|for)|chose)\s+|(?<![A-Za-z])(?i:it|that|this|which)(?i:['’]s|\s+(?:is|must\s+be))\s+"
    r"|\b(?i:so|hence|thus|therefore|correspond(?:s|ing)\s+to|match(?:es|ing)|let['’]s\s+go\s+with|no,)[,:]?\s+|(?:^|[.;]\s+)(?=(?i:option|choice)\s)"
    r"|[故应]?选择?[:：]?\s*|(?:正确的|所以|因此|认为|而)[是选]\s*)(?:(?i:the|option|choice|answer)\s+){0,2}"
    rf"(?P<letters>{_LETTERS}|[A-J]{{2,10}}(?![A-Za-z])|[a-j](?=\s*(?:[.\n]|$)))"
    r"(?=\s*(?:[.,;:!?)\n。，；]|$|(?i:because|since|as|rather|instead|not|over|for|due|it)\b|[一-鿿]))"
    rf"|(?:{_BEFORE}|\b(?i:option|choice)\s+|选项|(?<=[此以上]))(?P<right>\(?[A-J]\)?)\s*(?:(?i:it\s+is)\s*(?:[.!\n]|$)|(?i:is)\s+(?i:the\s+)?(?i:correct|right|best|answer|true)\b"
    r"|选?项?(?:是?正确|是对|对[。，,.\s]|符合))",
    re.MULTILINE,
)
_AGAINST_BEFORE = re.compile(
    r"(?:\bnot|n['’]t|\bnever|\bneither|\bexcept|\b(?:all|everything|any\w*|none|nothing)\s+but|\bunlike|\beliminat\w+|\brul(?:e|es|ed|ing)\s+out"
    r"|\bexclud\w+|\breject\w*|\bthan|\binstead\s+of|\bcompar\w+\s+(?:with|to)|\bconsider\w*|\bcheck\w*|\blook\w*\s+at|\bwhat\s+about|\bif|\b[A-Z]\s+to|\bno\s+es|\bpas|\bnicht"
    r"|\bwhether|不(?:认为|觉得)?|非|排除|除了?)\s*(?:(?:be|that|the|option|choice|answer|statement)\s+){0,3}[选项]*\s*\(?$",
    re.IGNORECASE,
)
_AGAINST_BEHIND = re.compile(
    r"\)?\s*(?:选?项)?(?:都|均|也)?(?:(?:is|are|was|would\s+be|seems?|does|can)(?:\s+(?:both|also|all|clearly|obviously|just))?\s*"
    r"(?:n['’]t\b|not\b|(?:the|an?)\s+(?!correct|right|best|answer|only|one\b)|wrong|incorrect|false|impossible|invalid|too\s|out\b)|cannot\b|fails?\b|不(?!是?选?\s*\(?[A-J])|是?错|有误|[^.!?。\n]{0,60}[?？])",
    re.IGNORECASE,
)


def undress(text: str) -> str:
    """Without LaTeX, Markdown and quotes."""
    text = _QUOTED.sub(r" \1 ", re.sub(r"\\q?quad\b", ": ", text))
    return re.sub(r"\s+", " ", _DRESS.sub(" ", text)).strip(" .,;:。")


def _upper(run: str) -> set[str]:
    return {letter.upper() for letter in re.findall(r"(?<![A-Za-z])[A-Za-z](?![A-Za-z])", run)}


def _against(text: str, start: int, end: int) -> bool:
    """Whether a letter is denied, left out, compared with, or asked about where it stands."""
    head = re.split(r"[.!?;。！？；\n]", text[max(0, start - 80) : start])[-1]
    beside = _AGAINST_BEFORE.search(head) or _AGAINST_BEHIND.match(text[end : end + 80])
    return bool(beside) or denied(text, start, start)


def _mentions(text: str, pattern: re.Pattern[str]) -> set[str]:
    """The letters that a pattern finds and nothing speaks against."""
    found: set[str] = set()
    for match in pattern.finditer(text):
        if not _against(text, match.start("letters"), match.end("letters")):
            found |= _upper(match["letters"])
    return found


def letters(text: str) -> set[str]:
    """The letters an answer text names, upper case; one letter when it commits to one."""
    found = committed(text)
    if found:
        return found
    bare = undress(text)
    for pattern in () if _lists_options(bare) else (_NAMED, _PARENTHESISED, _ALONE):
        named = _mentions(bare, pattern) - (set() if pattern is _PARENTHESISED else _articles(bare))
        if named:
            return named
    return set()


def committed(text: str) -> set[str]:
    """The letters of a text that is nothing but a choice, with or without the option's own words."""
    bare = undress(text)
    if _lists_options(bare):
        return set()
    whole = _WHOLE.fullmatch(bare)
    if whole:
        return {whole.group(1).upper()}
    if _RUN.fullmatch(bare) and len(set(bare)) == len(bare):
        return set(bare)
    if _JOINED.fullmatch(bare):
        return _upper(bare)
    labelled = _LABELLED.fullmatch(bare)
    if labelled:
        label, words = (group for group in labelled.groups() if group)
        return set() if _NO.match(words) else {label.upper()}
    if _ASIDE.match(bare):
        return {bare[0]}
    named = _NAMED.match(bare)
    if named and not _against(bare, named.start("letters"), named.end("letters")):
        return _upper(named["letters"]) - _articles(bare)
    return set(_SPACED.fullmatch(bare).group(1)) if _is_spaced(bare) else set()  # type: ignore[union-attr]


def _lists_options(bare: str) -> bool:
    """``A) 1 B) 2``: the question's own words."""
    return re.findall(r"(?<![A-Za-z])([A-Ja-j])[).:、]", bare)[:2] in (["A", "B"], ["a", "b"])


def _is_spaced(bare: str) -> bool:
    """``B mitosis``; a lone letter before a sign or a number belongs to a formula."""
    return (
        bool(_SPACED.fullmatch(bare))
        and not _VERB.match(bare)
        and not re.search(r"[=^+<>\\]|^[A-Z]\s+\d+$|^[A-Z]\s[a-z]\b", bare)
    )


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
        run = _upper(leading["letters"])
        return (
            {bare.lstrip("(")[0]} if re.match(r"\s+(?:is|are|was|fails?|cannot|can)\b", bare[leading.end() :]) else run
        )
    return committed(text) or letters(text)


def _boxed(text: str, found: list[tuple[str, int, int]]) -> tuple[Extracted, set[str]] | None:
    """The last box that is a choice; boxes that "and" or "or" joins are one answer."""
    for index in range(len(found) - 1, -1, -1):
        content, start, end = found[index]
        if (named := committed(content)) and not denied(text, start, end):
            group, joiner = last_run(text, found[: index + 1])
            joined = committed(joiner.join(group)) if joiner else set()
            return Extracted(content, "boxed"), joined or named
    return None


def _on_its_own_line(text: str) -> tuple[Extracted, set[str]] | None:
    """A last or first line that is a choice; one of a list of options is none."""
    text = text.strip()
    if len(text) > 2 * _MAX_LINES:
        text = f"{text[:_MAX_LINES]}\n{text[-_MAX_LINES:]}"
    lines = [line.strip() for line in text.splitlines() if undress(line)]
    for index in (len(lines) - 1, 0) if lines else ():
        bare = undress(lines[index])
        if _WHOLE.fullmatch(bare) or _LABELLED.fullmatch(bare) or _RUN.fullmatch(bare):
            named = committed(bare)
            neighbours = [letter for line in lines[max(0, index - 1) : index + 2] for letter in committed(line)]
            if len(named) == 1 and {chr(ord(letter) + 1) for letter in neighbours} & set(neighbours) and len(lines) > 2:
                continue
            if named:
                return Extracted(lines[index], "line"), named
        if against := _NOT_ANOTHER.match(bare):
            return Extracted(lines[index], "line"), {against.group(1)}
    return None


def find(prediction: str) -> tuple[Extracted, set[str]] | None:
    """The text that carries the choice, and its letters; None where nothing does."""
    text = visible(prediction[-MAX_TEXT:])[-_MAX_VISIBLE:]
    whole = text = _KIND.sub("", _SPECIES.sub("", unicodedata.normalize("NFKC", text)))
    found_boxes = boxes(text)
    if boxed := _boxed(text, found_boxes):
        return boxed
    for answer, start in statements(text)[0]:
        sentence = re.split(r"\n|(?<=[a-z)]{2})[.。]", text[start : start + 400].lstrip(), maxsplit=1)[0]
        if _ASKED.match(text, start):
            continue
        if named := _stated(answer if DENIAL.match(sentence) else sentence) or _stated(answer):
            return Extracted(answer, "stated"), named
    for _, start, end in found_boxes:
        text = text[:start] + " " * (end - start) + text[end:]
    plain = _MARKS.sub("", text[-5_000:])
    for match in reversed(list(_CHOSEN.finditer(plain))):
        group = "letters" if match["letters"] else "right"
        if not _against(plain, match.start(group), match.end(group)):
            run = match[group]
            return Extracted(match.group(), "stated"), set(run) if _RUN.fullmatch(run) else _upper(run)
    line = _on_its_own_line(text)
    if line is not None or found_boxes:
        return line
    found = extract_visible(whole)
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
