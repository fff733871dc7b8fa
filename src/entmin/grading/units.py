r"""Units, currency and words after a number, taken off without touching what is part of the value.

``5\text{ cm}``, ``\$18.90``, ``12 square units`` and ``20 students`` are numbers; ``5m`` next to a gold with letters
is a product, so callers strip bare letters only where the gold is a pure number. ``3 million`` is scaled, not cut.
"""

from __future__ import annotations

import re

from entmin.grading.phrases import FACTORS, PART_AFTER

_SHORT = (
    "mm|cm|dm|km|nm|pm|fm|m|mg|kg|g|ms|ns|s|sec|min|h|hr|hrs|L|mL|ml|l|J|kJ|MJ|eV|keV|MeV|GeV|TeV|W|kW|MW|N|kN|Pa|kPa|"
    "MPa|atm|bar|V|mV|kV|A|mA|K|C|F|T|H|Hz|kHz|MHz|GHz|mol|rad|sr|ft|in|yd|mi|lb|lbs|oz|mph|kph|kmh|USD|EUR|cd|lm|lx|Wb|"
    "Gyr|Myr|yr|yrs|AU|pc|kpc|Mpc|amu|u|erg|ergs|cal|kcal|dB|G|D|AA|Omega|ohm|deg|degrees?|cc|b|mb|barn|cents?|pm|am"
)
_POWER = r"\.?(?:\s*(?:\^|\*\*)\s*(?:\{\s*[-+]?\d+\s*\}|[-+]?\d+)|(?<=[mt])[23])?"
_TEXT = r"\\(?:text|textrm|mathrm|mbox|textnormal|operatorname|rm|textit|textbf|mathit)"
_TEXT += r"\s*\{(?P<unit>(?:[^{}]|\{[^{}]*\})*)\}"
_TRAILING_TEXT = re.compile(rf"(?P<core>.*?)[\s*]*(?:/|\\cdot)?\s*\(?{_TEXT}{_POWER}\)?$", re.DOTALL)
_UNIT_FRACTION = re.compile(
    r"(?P<core>.*\S)\s*(?P<unit>\\frac\s*\{\s*\\(?:text|mathrm)\s*\{[^{}]*\}[^{}]*\}\s*"
    r"\{\s*\\(?:text|mathrm)\s*\{[^{}]*\}[^{}]*\})$",
    re.DOTALL,
)
_SYMBOL = rf"(?:\\mu\s*|\\(?!deg))?(?:{_SHORT}){_POWER}"
_BARE_FRACTION = re.compile(
    rf"(?P<core>.*\S)\s*(?P<unit>\\frac\s*\{{\s*{_SYMBOL}\s*\}}\s*\{{\s*{_SYMBOL}\s*\}})$", re.DOTALL
)
_TRAILING_BARE = re.compile(
    rf"(?P<core>.*[\d}})\]\s%])(?<![_^{{])\s*(?:/|\\cdot|per)?\s*\(?"
    rf"(?P<unit>{_SYMBOL}(?:\s*(?:/|\\cdot|\*|\s|per)\s*{_SYMBOL})*)\)?$",
    re.DOTALL,
)
_TRAILING_WORDS = re.compile(
    r"(?P<core>.*(?:\d|\}|\)|\\pi|\\%|%))\s*/?\s*(?P<unit>(?:[^\W\d_]{3,}|[一-鿿]{1,8}|in|of|per|a|an|\$)(?:[\s,./-]+(?:[^\W\d_]+\.?))*)\s*$",
    re.DOTALL,
)
_SCALED = re.compile(
    rf"(?P<core>.*?[\d.)}}])\s*(?:\\(?:text|mathrm)\s*\{{\s*)?(?i:(?P<scale>{'|'.join(FACTORS)})s?)(?![a-z])\s*\}}?\s*(?P<rest>.*)$"
)
_NOT_UNITS = {
    "and",
    "or",
    "mod",
    "if",
    "for",
    "choose",
    "over",
    "th",
    "st",
    "nd",
    "rd",
    "where",
    "with",
    *FACTORS,
    *PART_AFTER,
}
_PART_OF_NUMBER = re.compile(r"[半余多几以不的]")
_MONEY = re.compile(r"^(?:\\?\$|[€£¥₹]|\\(?:pounds|euro|yen)|USD|US\$|Rs\.?)\s*(?=[-\d.\\])|\s*[€£¥₹]$")


def strip_money(text: str) -> str:
    """Without a currency sign in front or behind."""
    return _MONEY.sub("", text).strip()


def scaled(text: str) -> str:
    r"""``1.5 million`` as ``(1.5) \cdot 10^{6}``."""
    for _ in range(3):
        match = _SCALED.match(text)
        if match is None:
            break
        word, rest = match.group("scale").lower(), match.group("rest")
        factor = FACTORS.get(word) or {"千": "1000", "百": "100"}[word]
        text = f"({match.group('core')}) \\cdot {factor} {rest.rstrip('} ')}".strip()
    return text


def _cut(text: str, pattern: re.Pattern[str]) -> tuple[str, str] | None:
    match = pattern.fullmatch(text)
    if match is None:
        return None
    core, unit = match.group("core").strip(), match.group("unit").strip()
    core = re.sub(r"(?:\\cdot|\\times|/|\\ |\bper|\\,|\()\s*$", "", core).strip()
    words = set(re.findall(r"[^\W\d_]+", unit.lower()))
    part = (
        words & _NOT_UNITS or re.match(r"times\s", unit) or _PART_OF_NUMBER.search(unit) or re.search(r"\d\s+\d", core)
    )
    if not core or part or core in ("-", "+") or core[-1] in "_^+=<,":
        return None
    return core, unit


def strip_units(text: str, *, bare: bool) -> tuple[str, str]:
    r"""(value, unit) of ``value unit``; ``bare`` also takes units and words not set in ``\text{}``."""
    unit = ""
    words = [_UNIT_FRACTION, _BARE_FRACTION, _TRAILING_BARE, _TRAILING_WORDS]
    patterns = [_TRAILING_TEXT, *(words if bare else [])]
    text = scaled(strip_money(text)) if bare else text
    for _ in range(8):
        cuts = (_cut(text, pattern) for pattern in patterns)
        cut = next((found for found in cuts if found), None)
        if cut is None:
            return text, unit
        text, unit = cut[0], f"{cut[1]} {unit}".strip()
    return text, unit


_PREFIXES = {"": 0, "k": 3, "M": 6, "G": 9, "T": 12, "c": -2, "d": -1, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15}
_BASES = ("mol", "eV", "Hz", "Pa", "m", "s", "g", "J", "N", "W", "V", "A", "K", "T", "C", "F", "H", "b")


def _unit(text: str) -> tuple[int, str] | None:
    """(power of ten, base) of a single prefixed unit."""
    name = re.sub(r"\\(?:text|mathrm|rm|mbox)\b|[{}$\s~]|\\[,;! ]", "", text).replace(r"\mu", "u").replace("μ", "u")
    for base in _BASES:
        prefix = name.removesuffix(base)
        if prefix != name and prefix in _PREFIXES:
            return _PREFIXES[prefix], base
    return None


def conversion(unit: str, declared: str) -> str | None:
    """The factor from a unit to the declared one as LaTeX, None where either is not a plain prefixed unit."""
    left, right = _unit(unit), _unit(declared)
    if left is None or right is None or left[1] != right[1]:
        return None
    power = left[0] - right[0]
    return "1" if power == 0 else f"10^{{{power}}}"
