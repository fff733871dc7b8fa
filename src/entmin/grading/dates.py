"""Times of day, days, months, directions: what is named beside a number, or instead of one, is part of the answer."""

from __future__ import annotations

import re

from entmin.grading.phrases import chinese_number, number_words, undressed

_MONTHS = "january february march april may june july august september october november december".split()
_DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
_MONTH = "|".join([*_MONTHS, *(month[:3] for month in _MONTHS), "sept"])
_DAY = "|".join([*_DAYS, "mon", "tues?", "wed", "thurs?", "thu", "fri", "sat", "sun"])
_DAY_OF_WEEK = rf"(?P<name>{_DAY})\.?|(?:星期|周|礼拜)(?P<sign>[一二三四五六日天])"
_NUMBER = r"\d{1,2}|[一二三四五六七八九十]{1,3}"
_YEAR = r"(?:,?\s*(?P<year>\d{4}))?"
_ON = r"(?:(?:on|in)\s+)?(?:the\s+)?"
_DATES = [
    re.compile(rf"{_ON}(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<month>{_MONTH})\b\.?{_YEAR}"),
    re.compile(rf"{_ON}(?P<month>{_MONTH})\b\.?(?:\s+(?:the\s+)?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?!\d))?{_YEAR}"),
    re.compile(rf"(?:(?P<year>\d{{4}})年)?(?P<month>{_NUMBER})月(?:(?P<day>{_NUMBER})[日号]?)?"),
]
_CLOCK = re.compile(
    r"(?:at\s+)?(?P<part>凌晨|早上|早晨|上午|中午|下午|傍晚|晚上)?\s*(?P<hour>\d{1,2})\s*"
    r"(?:(?P<mark>[:：.])\s*(?P<minute>\d\d)(?::00)?|[点时]\s*(?:(?P<minutes>\d{1,2})\s*分?|整)?|o'?\s?clock)?\s*"
    r"(?P<half>[ap]\.?\s?m\b\.?|noon|midnight|(?:in\s+the|this)\s+(?:morning|afternoon|evening)|at\s+night)?"
)
_SPOKEN = re.compile(
    r"(?:(?:it|the time) is )?(?:at )?(?:an? )?(?:(?P<minutes>\d{1,2}(?= min| past)|[a-z]+(?:[- ]five)?)(?: minutes?)? "
    r"(?P<side>past|after|to|before|till) )?(?P<hour>\d{1,2}|[a-z]+)(?: (?P<then>fifteen|thirty|forty-five))?"
    r"(?P<rest>(?: ?o'? ?clock)?(?: .*)?)"
)
_MORNING = ("a", "凌", "早", "上", "in the morning", "this morning", "midnight")
_CHINESE_WAYS = {
    "东": "east",
    "南": "south",
    "西": "west",
    "北": "north",
    "左": "left",
    "右": "right",
    "上": "up",
    "下": "down",
}
_WAY = (
    r"(?:north|south)[\s-]?(?:east|west)|north|south|east|west|upward|downward|forward|backward|inward|outward"
    r"|(?:counter-?|anti-?)?clockwise"
)
_DIRECTION = re.compile(
    rf"(?:to\s+)?(?:the\s+|due\s+)?(?P<way>{_WAY}|up|down|left|right)(?:ern|wards?|s|bound)?"
    r"|[向朝往]?正?(?P<chinese>东[南北]?|西[南北]?|[南北左右上下])[方边面]?(?:方向)?"
)
_SIDE = r"(?:(?i:north|south|east|west)|[NSEW])"
_QUALIFIER = re.compile(
    rf"(?<![A-Za-z])(?:(?P<bearing>{_SIDE}\s+of\s+{_SIDE})\b|(?i:(?P<noon>[ap]\.\s?m\b\.?|[ap]m\b)|(?P<month>(?:{_MONTH})\b\.?)"
    rf"|(?P<way>{_WAY}|(?<!and )(?:up|down)(?=[\s.。]*$))(?:ern|wards?|s)?(?!\s+of\s+\d)))"
    r"|(?:\\circ\s*\}?|°|\\deg)\s*(?P<point>[NSEW])(?![A-Za-z]|\s+of\b)",
)
_HOUR = re.compile(r"(?:^|[^\d.])(?:0?\d|1[0-2])(?::\d\d)?\s*$")
_POINTS = {"N": "north", "S": "south", "E": "east", "W": "west"}
_NAMES = re.compile(r"\\(?:text|mathrm|mbox)\s*\{([^{}]*)\}")


def _in_digits(text: str) -> str:
    """``half past five`` as 5:30, ``a quarter to six`` as 5:45, ``five thirty`` as 5:30; any other text as it is."""
    match = _SPOKEN.fullmatch(text)
    if match is None or (match["hour"].isdecimal() and not match["side"]):
        return text
    minute = _cardinal({"half": "30", "quarter": "15"}.get(past := match["minutes"] or match["then"] or "0", past))
    hour = _cardinal(match["hour"])
    if minute is None or hour is None or not (0 <= minute < 60 and 0 < hour <= 12):
        return text
    if match["side"] in ("to", "before", "till"):
        hour, minute = (hour + 10) % 12 + 1, 60 - minute
    return f"{hour}:{minute:02d}{re.sub(r'^ ?o.? ?clock', '', match['rest'])}"


def _cardinal(word: str) -> int | None:
    found = word if word.isdecimal() else number_words(word)
    return int(found) if found and found.isdecimal() else None


def _clock(text: str) -> tuple[int, int, bool] | None:
    """(hour, minute, whether the half of the day is known), the hour of 24 where it is."""
    text = {"noon": "12 noon", "midnight": "12 midnight"}.get(text) or _in_digits(text)
    match = _CLOCK.fullmatch(text)
    if match is None or (match["mark"] == "." and not match["half"]) or not re.search(r"\D", text):
        return None
    hour, minute = int(match["hour"]), int(match["minute"] or match["minutes"] or 0)
    half = match["half"] or match["part"] or ""
    if hour > 24 or minute > 59:
        return None
    morning = half.startswith(_MORNING)
    if half and hour <= 12:
        hour = hour % 12 + (0 if morning or (hour == 12 and half[0] == "晚") else 12)
    return hour % 24, minute, bool(half) or hour > 12 or hour == 0


def _weekday(match: re.Match[str]) -> int:
    if match["sign"]:
        return "一二三四五六日".index(match["sign"].replace("天", "日"))
    return next(index for index, day in enumerate(_DAYS) if day[:3] == match["name"][:3])


def _date(text: str) -> tuple[int | None, int | None, int | None, int | None] | None:
    """(weekday, month, day, year), None where it is not named."""
    weekday = None
    if named := re.match(rf"(?:on\s+)?(?:{_DAY_OF_WEEK})(?![a-z])[\s,，]*", text):
        weekday, text = _weekday(named), text[named.end() :]
        if not text:
            return weekday, None, None, None
    for pattern in _DATES:
        if match := pattern.fullmatch(text):
            month, day = match["month"], match["day"]
            number = _number(month) if month[0] not in "jfmasond" else [m[:3] for m in _MONTHS].index(month[:3]) + 1
            return weekday, number, _number(day) if day else None, int(match["year"]) if match["year"] else None
    return None


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else chinese_number(text)


def _direction(text: str) -> str | None:
    match = _DIRECTION.fullmatch(text)
    if match is None:
        return None
    if match["chinese"]:
        return "".join(
            sorted((_CHINESE_WAYS[sign] for sign in match["chinese"]), key=lambda way: way in ("east", "west"))
        )
    return _canonical(match["way"])


def _canonical(way: str) -> str:
    return re.sub(r"[\s-]|ward", "", way.lower()).replace("anti", "counter")


def same_moment(gold: str, answer: str) -> bool | None:
    """Whether two times of day, dates or directions are one; None where either is something else.

    What the gold leaves open (morning or evening, the year, the weekday) the answer may add.
    """
    wanted, said = undressed(gold).strip(" .。"), undressed(answer).strip(" .。")
    if len(wanted) > 40 or len(said) > 60:
        return None
    time, other_time = _clock(wanted), _clock(said)
    if time and other_time:
        (hour, minute, known), (other, minutes, settled) = time, other_time
        same_hour = hour == other if known or not settled else hour % 12 == other % 12 and _hour(said) <= 12
        return same_hour and minute == minutes and (settled or not known)
    date, other_date = _date(wanted), _date(said)
    if date and other_date:
        same = (part in (None, other) for part, other in zip(date, other_date, strict=True))
        return all(same) and (date[2] is not None or other_date[2] is None)
    ways = _direction(wanted), _direction(said)
    return ways[0] == ways[1] if ways[0] and ways[1] else None


def _hour(text: str) -> int:
    found = re.search(r"\d+", text)
    return int(found.group()) if found else 12


def qualified(text: str, *, physics: bool = False) -> tuple[str, frozenset[str]]:
    """(the rest, what is named) of an answer with a time of day, a month or a direction beside its number.

    In physics letters side by side are a product, so only directions count.
    """
    if not re.search(r"\d", text):
        return text, frozenset()
    bare = re.sub(r"\s+", " ", _NAMES.sub(r" \1 ", text))
    found: set[str] = set()

    def name(match: re.Match[str]) -> str:
        kind = str(match.lastgroup)
        word = match[kind]
        before = re.sub(r"\s*:\s*", ":", bare[: match.start()])
        if (physics and kind in ("noon", "month")) or (kind == "noon" and not _HOUR.search(before)):
            return match.group()
        if kind == "bearing":
            found.add(" of ".join(side[0] for side in word.lower().split(" of ")))
        elif kind == "way":
            found.add(_canonical(word))
        else:
            found.add(_POINTS.get(word, word.lower()[: 3 if kind == "month" else 1]))
        return match.group()[:-1] if kind == "point" else " "

    rest = _QUALIFIER.sub(name, bare)
    if not found:
        return text, frozenset()
    rest = re.sub(
        r"(?<=\d)\s*\^?\s*\{?\s*(?:st|nd|rd|th)\b\s*\}?|\b(?:of|due|to|the|in|direction|on)\b|(?<=\d):00\s*$|\s{2,}",
        " ",
        rest,
    )
    rest = re.sub(r"\s+", " ", re.sub(r"(?<=\d),\s+(?=\d{4}\b)", " ", rest))
    return rest.strip(" ,.-"), frozenset(found)
