"""Whether a text states a value or only meets it: denied, taken back, in work, or part of something larger."""

from __future__ import annotations

import re

from entmin.grading.phrases import CHINESE_AFTER, CHINESE_BEFORE, FACTORS, PART_AFTER, PART_BEFORE

_DENIED_HEAD = re.compile(
    r"(?:(?:\bnot|\bnever|n['’]t|\bcannot|\bneither|\brather than|\binstead of|不是|并非|不等于|≠|\\neq?)"
    r"(?:\s+(?:be|equal|equals|to|the|simply|just|an?|answer|is))*[\s$(*\[\\:]*"
    r"|(?:\bnot|n['’]t)\s+(?:think|believe|say|claim|mean|know|sure|certain)\b[^.!?\n]*"
    r"|\b(?:if|whether|suppos(?:e|ing)|assum(?:e|ing)|unless|doubt)\s+(?:that\s+)?(?:the\s+)?)$",
    re.IGNORECASE,
)
DENIAL = re.compile(
    r"^[\s*$(:]*(?:(?:definitely|certainly|probably|surely|clearly|likely)\s+)?(?:not\b(?!\s+[^.\n]{1,40}\bbut\b)|n['’]t\b"
    r"|neither\b|unlikely\b|unclear\b|wrong\b|incorrect\b|不是|不可能)\s*",
    re.IGNORECASE,
)
_DENIED_TAIL = re.compile(
    r"^[\s$)\\\]*]{0,6}(?:(?:is|was|are|seems|would\s+be)\s+(?:clearly\s+|obviously\s+|definitely\s+)?(?:not\s+(?:the|right"
    r"|correct|possible|valid|an?)\b|wrong|incorrect|impossible|invalid|too\s+(?:large|small|big|high|low)\b)"
    r"|(?:isn|can|wasn)['’]t\b|cannot\s+be\b|是错|不对|不正确)",
    re.IGNORECASE,
)
_RETRACTION = re.compile(
    r"\b(?:that|this|it)(?:['’]s|\s+is|\s+was|\s+seems|\s+can(?:no|['’])t\s+be)\s+(?:not\s+(?:right|correct|the\s+(?:right\s+)?answer)"
    r"|wrong|incorrect|impossible|a\s+mistake)|\bscratch\s+that\b|\b(?:I|we)(?:['’]ve|\s+have)?\s+made\s+an?\s+"
    r"(?:\w+\s+)?(?:mistake|error)|\bno,\s+wait\b|\bwait,\s+no\b|\blet(?:['’]s|\s+me|\s+us)\s+(?:start\s+over|redo|try\s+again"
    r"|recompute|recalculate|reconsider)\b|(?:这|那)(?:不对|是错)|不对，",
    re.IGNORECASE,
)
_DOUBT = re.compile(r"\b(?:wait|hmm)\b|\blet(?:['’]s|\s+me|\s+us)\s+(?:re\w+|double)", re.IGNORECASE)
_CONFIRMATION = re.compile(
    r"\b(?:(?:is|are|was|be)\s+(?:indeed\s+|also\s+|still\s+|actually\s+)?(?:correct|right|valid|consistent|confirmed|fine)"
    r"|confirm\w*|verif(?:ied|ies)|match(?:es)?|checks\s+out|stands|holds|yes)\b|\\boxed|没错|正确",
    re.IGNORECASE,
)
_WORKING = re.compile(
    r"\blet(?:['’]s|\s+us|\s+me)?\b|\b(?:needs?|have|has|going|want)\s+to\s+(?:find|compute|calculate|check|solve|determine"
    r"|show|multiply|divide|add|subtract)\b|\b(?:try(?:ing)?|consider|suppose|assum\w+|whether|maybe|perhaps|guess|wait"
    r"|hmm)\b|\b(?:we|I)\s+(?:must|should|could|would|need|want|still)\b|^(?:next|now),?\s+(?:we|I|multiply|divide|add|subtract)\b"
    r"|设|假设|接下来|需要(?:求|计算)|我们再",
    re.IGNORECASE,
)
_DANGLING_SIGN = re.compile(
    r"(?:(?<![\^{_+])[-+*/]|=|<|>|[({\[]|\\(?:times|cdot|div|pm|le|ge|leq|geq|approx|frac|sqrt|left|cup|in))$"
)
_DANGLING_WORD = re.compile(
    r"[\s$)\]}](?:by|of|and|the|to|is|are|then|so|that|because|since|with|from|for|times|plus|minus|we|which|or|but|equals"
    r"|gives?|get|an|her|his|their|will|would|into|when|where|as|per|than)$",
    re.IGNORECASE,
)
_DANGLING_CHINESE = re.compile(r"[,:，：]$|.{3}[则得为于再和与]$")
_DENIED_NUMBER = re.compile(r"(?:\bnot|n['’]t|\bnever|\bcannot|不是|不能)\b[^.]{0,20}\d[^a-z]*$", re.IGNORECASE)
_LAST_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|\n")
_CLAUSE = re.compile(r"[.!?;:,\n。；，：！？](?=\s|$|[^\d])|\d")
_LETTERED = re.compile(r"\d\s?[A-Za-z]\b|[A-Za-z]\d|\^|\\(?!text|[,;() \[\]]|times|cdot|div)")
_FORMULA_AFTER = re.compile(
    r"[$*]{0,3}\s*(?:[\^_!/×·√+=<>≤≥(−⁰¹²³⁴-⁹⁻ⁿ½-¾⅐-⅞]"
    r"|-\s*[\d\\A-Za-z(]|\\(?![)\],;: ]|text|mathrm|quad)|π|\*\s*[\dA-Za-z(])"
    r"|[xyznkabijpqrtuvw](?![A-Za-z])"
)
_SCALE = re.compile(rf"[\s$*]{{0,3}}(?:\\text\{{\s*)?({'|'.join(FACTORS)})s?(?![A-Za-z])", re.IGNORECASE)
_BOUND = re.compile(
    r"\s*(?:times\s|and\s+(?:up|over|above|below|under|beyond|more|less|fewer)\b)|.*below (?:zero|freezing)"
)
_FITTING = re.compile(
    r"(?:^|\b(?:is|are|was|were|be|has|have|had|makes?|made|gets?|got|equals?|takes?|took|costs?|earns?|earned|needs?"
    r"|sells?|sold|pays?|paid|saves?|spends?|spent|weighs?|contains?|answer|exactly|only|about|approximately|to|be|there)"
    r"|[:=≈]|[有是为共得到于要卖花剩了约])[\s$*£€¥]*$",
    re.IGNORECASE,
)


def _sentence_before(text: str, start: int) -> str:
    return re.split(r"[.!?。！？]\s|\n", text[max(0, start - 160) : start])[-1]


def denied(text: str, start: int, end: int) -> bool:
    """Whether what stands from ``start`` to ``end`` (a value, or the words "the answer is") is said not to be so."""
    if _DENIED_HEAD.search(_sentence_before(text, start)):
        return True
    tail = text[end : end + 120]
    is_value = text[start] == "\\"
    return bool(_DENIED_TAIL.match(tail) if is_value else DENIAL.match(tail))


def retracted(tail: str) -> bool:
    """Whether a text takes back what stands before it, and does not come to it again."""
    tail = tail[:3_000]
    found = _RETRACTION.search(tail)
    if found is None and (doubt := _DOUBT.search(tail)) and unfinished(tail):
        found = doubt
    return found is not None and not _CONFIRMATION.search(tail, found.end())


def unfinished(text: str, *, short: bool = False) -> bool:
    """Whether a text ends while it still works towards something; of a ``short`` answer only its last sign tells."""
    end = re.sub(r"(?:\*\*|[$\s])+$", "", text[-600:])
    if _DANGLING_SIGN.search(end) or _DANGLING_WORD.search(end):
        return True
    if short:
        return False
    last = _LAST_SENTENCE.split(end)[-1].strip()
    return bool(_DANGLING_CHINESE.search(end) or _WORKING.search(last) or _DENIED_NUMBER.search(last))


def plain_value(text: str, start: int, end: int, *, fitting: bool = False) -> str | None:
    """The number from ``start`` to ``end``, a scale word included, where it stands for itself; else None.

    A sign, a symbol, a comparison, a denial or a name of a function beside it makes it part of something else.

    Args:
        text: The text around the number.
        start: Where the number starts.
        end: Where it ends.
        fitting: Also require a verb or nothing before it, as in "there are 5 apples".
    """
    head, tail = text[max(0, start - 100) : start], text[end : end + 80]
    scale = _SCALE.match(tail)
    after = tail[scale.end() :] if scale else tail
    if not _stands_alone(head, text[start:end], after) or (fitting and not _FITTING.search(head)):
        return None
    clause = re.split(r"[.!?;\n。；！？](?=\s|$)", after, maxsplit=1)[0]
    words, beyond = _words(_CLAUSE.split(head)[-1])[-4:], _words(clause)
    if CHINESE_BEFORE.search(head) or CHINESE_AFTER.match(after.strip()):
        return None
    part = words[-2:] == ["up", "to"] or set(words) & PART_BEFORE or set(beyond[:3]) & PART_AFTER
    if part or _BOUND.match(clause):
        return None
    if not fitting and len(beyond) > 4 and clause == tail:
        return None  # the text ends within a sentence that goes on after the number
    return text[start:end].strip() + (f" {scale.group(1)}" if scale else "")


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+(?:['’][a-z]+)?", text.lower())


def _stands_alone(head: str, number: str, after: str) -> bool:
    """Whether no sign or symbol beside a number makes it part of a formula; an equation's right side is no part."""
    bare = head.rstrip(" $*£€¥")
    if bare.endswith(("=", "≈")):
        return not _LETTERED.search(re.split(r"[.;:,\n]\s", bare)[-1]) and not _FORMULA_AFTER.match(after)
    if bare.endswith("("):
        return after.startswith(")") and not bare[:-1].strip()[-1:].isalnum()
    if re.search(r"[\^_/*×·√\\{<>≤≥!|+\d)}\]-]$", bare) or _FORMULA_AFTER.match(after):
        return False
    return not (number.strip()[0] in "+-−" and re.search(r"(?<![A-Za-z])[A-Za-z]$", bare))
