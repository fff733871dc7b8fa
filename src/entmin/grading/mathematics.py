r"""Mathematical answers: the published benchmarks' free-form questions.

An answer is extracted, normalised, taken apart and compared; see `compare` and `scalars` for what counts as equal and
``docs/grading.md`` for the decisions. Runs inside a pool child: nothing here is called on a model's text in the
caller's process.
"""

from __future__ import annotations

import re
from dataclasses import replace

from entmin.grading.choice import letters
from entmin.grading.compare import match_any_order, same
from entmin.grading.dates import qualified, same_moment
from entmin.grading.extract import Extracted, extract
from entmin.grading.gold import Gold
from entmin.grading.normalize import MAX_ANSWER, normalize
from entmin.grading.phrases import FACTORS, PART_AFTER, PART_BEFORE, truth, truth_word, undressed
from entmin.grading.scalars import Rules
from entmin.grading.settled import DENIAL, plain_value
from entmin.grading.shapes import Shape, elements, is_thousands, parse
from entmin.verdict import Verdict

NAME, VERSION = "math", "5"

_TEXT = r"\\(?:text|textrm|textbf|mbox)\s*\{([^{}]*)\}"
_OUTER_TEXT = re.compile(rf"^\s*{_TEXT}(?!\s*[\^_])|(?<=[^\s])\s*{_TEXT}\s*(?:\^\s*\{{?[-\d]+\}}?)?\s*$")
_NUMBER = re.compile(r"(?<![A-Za-z\d_.])-?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:/\d+)?")
_UNIT_POWER = re.compile(
    r"(?<=\d)\s*(?:(?:[ckdm]?m|ft|in|yd|units?|[a-z]*met(?:er|re)s?)|(?:[ck]?m|kg)/[a-z]{1,3})\s*(?:\^\s*\{?-?[1-4]\}?|[²³])(?=\W*$)"
)
_WORD = re.compile(r"[^\W\d_]{2,}")
_WORDS = re.compile(r"[^\W\d_]{2,}(?:[\s,-]+[^\W\d_]{2,})+")
_EITHER = re.compile(
    r"\s*,?\s*(?:\\(?:text|mathrm|mbox)\s*\{\s*,?\s*(?:or|i\.e\.|that is|or equivalently|equivalently)[\s,]*\}"
    r"|(?<![A-Za-z\\])(?:or equivalently|or|i\.e\.|that is|equivalently)(?![A-Za-z])|或)\s*,?\s*"
)
_CHINESE_SENTENCE = re.compile(
    r"[一-鿿，、]*(?<![不非])[是为得]\s*(?P<value>[^一-鿿]+?)\s*(?![^。]*[万亿千百半多余倍折分之以])[一-鿿]{0,3}[。.]?"
)
_MEANING = PART_BEFORE | PART_AFTER | set(FACTORS) | {"and", "or", "percent", "more", "less", "pairs"}
_LETTERS = re.compile(r"[A-J](?:\s*,?\s*[A-J])*")


def rules_of(gold: Gold) -> Rules:
    """The comparison rules a gold asks for."""
    return Rules(absolute=gold.tolerance or 0.0, rounded=gold.rounded)


def _alternatives(found: Extracted, gold: Gold) -> list[str]:
    """Texts to try, most literal first."""
    texts = [found.answer]
    if len(found.group) > 1:
        together = ", ".join(found.group)
        texts = [found.joiner.join(found.group)] if found.joiner else [found.answer, together]
    if (stripped := _without_words(found.answer)) and stripped != found.answer:
        texts.append(stripped)
    bare = _UNIT_POWER.sub("", re.sub(_TEXT, r" \1 ", found.answer))
    numbers = list(_NUMBER.finditer(bare))
    if len(numbers) == 1 and _WORD.search(bare) and not re.search(r"[\\^_+*/|<>!√π⁰¹²³⁴-⁹⁻ⁿ½-¾⅐-⅞]", bare):
        value = plain_value(bare, numbers[0].start(), numbers[0].end(), fitting=True)
        texts += [value] if value else []
    if sentence := _CHINESE_SENTENCE.fullmatch(found.answer):
        texts.append(sentence["value"])
    return texts


def _without_words(text: str) -> str:
    """Without the text groups that open and close an answer, unless their words change its value."""
    for _ in range(4):
        match = _OUTER_TEXT.search(text)
        if match is None or set(re.findall(r"[^\W\d_]+", "".join(g or "" for g in match.groups()).lower())) & _MEANING:
            break
        text = (text[: match.start()] + " " + text[match.end() :]).strip()
    return text


def _gold_shapes(gold: Gold) -> tuple[Shape, ...]:
    return tuple(parse(normalize(answer)) for answer in gold.answers)


def _readings(text: str, count: int) -> list[tuple[Shape, ...]]:
    """How an answer can be cut into ``count`` pieces."""
    spaced = [part for part in re.split(r",\s+|;\s*", text) if part] if is_spaced(text) else []
    cuts = [elements(text), spaced]
    found = [tuple(item for part in cut for item in _pieces(part)) for cut in cuts if cut]
    whole = parse(text)
    if whole.kind == "list" or (whole.kind == "group" and whole.opening == r"\{"):
        found.append(whole.items)
    if whole.kind == "relation" and len(whole.items) == 2:
        found.extend(_readings(whole.items[1].text, count) if whole.items[1].text != text else [])
    return [reading for reading in found if len(reading) == count]


def is_spaced(text: str) -> bool:
    """Whether thousands separators and list separators can be told apart by their spaces."""
    return bool(re.search(r"\d,\d{3}(?!\d)", text)) and ", " in text


def _pieces(part: str) -> tuple[Shape, ...]:
    shape = parse(part)
    return shape.items if shape.kind == "list" else (shape,)


def judge(gold: Gold, text: str) -> bool:
    """Whether one extracted answer text is right."""
    if len(gold.answers) == 1:
        wanted = truth_word(gold.answers[0])
        if wanted is not None:
            return truth(text) == wanted
        if _LETTERS.fullmatch(bare := re.sub(_TEXT, r"\1", gold.answers[0]).strip("() ")) and len(bare) != 2:
            named = letters(text)
            if named:
                return named == set(re.findall("[A-J]", bare))
        moment = same_moment(gold.answers[0], text)
        if moment is not None:
            return moment
        target, named_by_gold = qualified(gold.answers[0])
        answer, named_by_answer = qualified(text)
        if named_by_gold and (named_by_gold != named_by_answer or not target):
            return named_by_gold == named_by_answer and not target
        if named_by_answer:
            text, gold = answer, replace(gold, answers=(target,))
    return _judge_plain(gold, text)


def _judge_plain(gold: Gold, text: str) -> bool:
    if len(gold.answers) == 1 and _WORDS.fullmatch(said := undressed(gold.answers[0])) and said == undressed(text):
        return True
    rules = rules_of(gold)
    shapes = _gold_shapes(gold)
    answer = normalize(text)
    if not answer:
        return False
    if len(shapes) > 1:
        readings = _readings(answer, len(shapes))
        return any(
            match_any_order(shapes, reading, lambda a, b: same(a, b, rules, alone=False)) for reading in readings
        )
    parsed = parse(answer)
    if same(shapes[0], parsed, rules):
        return True
    if shapes[0].kind == "list":
        return is_thousands(answer) and _as_list(shapes[0], answer, rules)
    notations = [part for part in _EITHER.split(answer) if part]
    return 1 < len(notations) <= 4 and all(same(shapes[0], parse(part), rules) for part in notations)


def _as_list(gold: Shape, answer: str, rules: Rules) -> bool:
    """``1,200`` where the gold is the list 1 and 200."""
    items = tuple(Shape("scalar", part) for part in answer.split(","))
    return match_any_order(gold.items, items, lambda a, b: same(a, b, rules, alone=False))


def grade(prediction: str, gold: Gold) -> Verdict:
    """Judge a model's whole answer."""
    found = extract(prediction)
    if found is None:
        return Verdict(False, None, "no-answer", NAME, VERSION)
    shown = found.answer[:MAX_ANSWER]
    if len(found.answer) > MAX_ANSWER:
        return Verdict(False, shown, "wrong", NAME, VERSION)
    right = any(judge(gold, text) for text in _alternatives(found, gold))
    reason = "match" if right else "no-answer" if DENIAL.match(shown) else "wrong"
    return Verdict(right, shown, reason, NAME, VERSION)


def equivalent(a: str, b: str) -> bool:
    """Whether two predictions give the same answer, whichever is taken as the gold."""
    left, right = extract(a), extract(b)
    if left is None or right is None:
        return False
    golds = [Gold("math", (found.answer,)) for found in (left, right)]
    return judge(golds[0], right.answer) or judge(golds[1], left.answer)
