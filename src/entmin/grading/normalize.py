r"""One spelling for the many ways of writing the same LaTeX.

Everything here is textual and total: any string goes in, a string comes out, nothing is evaluated. What carries
meaning (brackets, commas, subscripts, percent signs, degree signs, text) is kept for the stages after it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

from entmin.grading.exactly import TooLarge, exact
from entmin.grading.phrases import compound, number_words
from entmin.grading.reader import Unreadable, read

MAX_ANSWER = 20_000
"""Longer answers are compared as strings only; the longest gold of any benchmark has a few hundred characters."""

_UNICODE = {
    "−": "-", "–": "-", "—": "-", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "÷": "/", "∕": "/", "⁄": "/",
    "π": r"\pi ", "∞": r"\infty ", "√": r"\sqrt ", "≤": r"\le ", "≥": r"\ge ", "⩽": r"\le ", "⩾": r"\ge ",
    "≠": r"\ne ", "≈": r"\approx ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "°": r"^\circ ", "±": r"\pm ",
    "∓": r"\mp ", "∅": r"\emptyset ", "ħ": r"\hbar ", "ℏ": r"\hbar ", "ℝ": r"\mathbb{R}", "′": "'", "″": "''",
    "α": r"\alpha ", "β": r"\beta ", "γ": r"\gamma ", "δ": r"\delta ", "Δ": r"\Delta ", "ε": r"\epsilon ",
    "η": r"\eta ", "θ": r"\theta ", "κ": r"\kappa ", "λ": r"\lambda ", "μ": r"\mu ", "µ": r"\mu ", "ν": r"\nu ",
    "ρ": r"\rho ", "σ": r"\sigma ", "τ": r"\tau ", "φ": r"\phi ", "ϕ": r"\phi ", "χ": r"\chi ", "ψ": r"\psi ",
    "ω": r"\omega ", "Ω": r"\Omega ", "Φ": r"\Phi ", "Σ": r"\Sigma ", "Γ": r"\Gamma ", "，": ", ", "、": ", ",
    "。": ".",
    "（": "(", "）": ")", "“": '"', "”": '"', "’": "'", "⟨": r"\langle ", "⟩": r"\rangle ", "\u00a0": " ",
    "½": r"\frac{1}{2}", "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}", "％": r"\%", "Å": r"\text{Å}", "∠": r"\angle ",
    "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ",
}  # fmt: skip
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ", "0123456789-+n")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


def _joined_digits(match: re.Match[str]) -> str:
    return match.group(1).replace(",", "")


def _excluded(match: re.Match[str]) -> str:
    r"""``\mathbb{R} \setminus \{1, 2\}`` and ``x \ne 1, x \ne 2`` as the intervals between the points."""
    parts = re.split(r",|\\text\s*\{\s*,?\s*(?:and|or)\s*\}|\b(?:and|or)\b|\\land", match["points"])
    points = [re.sub(r"^\s*(?:[A-Za-z]\s*(?:=|\\ne\b))?\s*", "", part).strip() for part in parts]
    try:
        points.sort(key=lambda point: exact(read(point)) or Fraction(0))
    except (Unreadable, TooLarge):
        pass  # left in the order written
    groups = match.groupdict()
    bounds = [groups.get("low") or r"-\infty", *points, groups.get("high") or r"\infty"]
    opening, closing = groups.get("opening") or "(", groups.get("closing") or ")"
    middle = r") \cup (".join(f"{low},{high}" for low, high in pairwise(bounds))
    return f"{opening}{middle}{closing}" if all(points) else match.group()


def _between(match: re.Match[str]) -> str:
    r"""``x > a and x < b`` as ``a < x < b``."""
    name, sign, low, other, high = match.group(1, 2, 3, 4, 5)
    if (sign[0] == "<" or sign == r"\le") == (other[0] == "<" or other == r"\le"):
        return match.group()
    if sign[0] == "<" or sign == r"\le":
        sign, low, other, high = other, high, sign, low
    turned = {">": "<", r"\ge": r"\le"}
    return f"{low} {turned[sign]} {name} {other} {high}"


_By = str | Callable[[re.Match[str]], str]
_TABLE: list[tuple[str, _By]] = [
    (r"(?:[£€¥₹]|\\\$|^\s*\$(?!.*\$))(\s*\d[\d.,]*)\s?K(?![A-Za-z])", r"\1 thousand"),
    (r"^\s*(?:US|AU|CA|HK|NT)\s*\\?\$", ""),
    (r"(?<!\\)\\[()\[\]]|\\?\$", " "),
    (r"[£€¥₹](?=\s*[\d.\\])|(?<=\d)\s*(?:\\text\s*\{\s*)?¢\s*\}?$", ""),
    (r"^(?:\\text\s*\{\s*)?(?:about|around|approximately|approx\.?|roughly|大?约为?)\s*\}?\s*(?=[-\d.\\])", ""),
    (r"\^\s*\{\s*\\text\s*\{\s*(\d)\s*\}\s*\}", r"^{\1}"),
    (r"^(\d[\d.]*)(.{0,30}?)\s*below (?:zero|freezing)$", r"-\1\2"),
    (r"^零下\s*(?=\d)", "-"),
    (
        r"(?<=\d)\s*(?:\\text\s*\{)?\s*(?:(?:[a-z]*met(?:er|re)s?|units?|feet|foot|inch(?:es)?|miles?|yards?)"
        r"\s*(?:squared|cubed|\^\s*\{?[23]\}?)|(?:[ckm]?m|ft|in)\s*(?:squared|cubed))\s*\}?$",
        "",
    ),
    (r"^(\d{1,3}(?: \d{3})+)(?=\s*(?:[a-zA-Z%€]|\\text))", lambda match: match.group().replace(" ", "")),
    (r"\\(?:tiny|small|normalsize|large|Large|LARGE|huge|Huge|checkmark|qed|blacksquare)(?![a-zA-Z])|[✓✔✅∎]", " "),
    (r"\\[hv]?phantom\s*\{[^{}]*\}|^\s*&?=|^\s*&|&(?==)", " "),
    (r"\\(?:text|mathrm|mbox)\s*\{\s*([:,;./-])\s*\}", r"\1"),
    (r"(?<=\d)\s*(?:\^\s*)?\{?\s*(?:\\(?:text|mathrm)\s*\{\s*)?(?:st|nd|rd|th)\s*\}{0,2}$", ""),
    (r"(?<=\d)\s*\^\s*\{?\s*(?:\\(?:text|mathrm)\s*\{\s*)?o\s*\}{0,2}(?![a-zA-Z])", r"\\deg "),
    (r"\\(?:left|right|bigg?[lrm]?|Bigg?[lrm]?|middle)(?=[^a-zA-Z])\s*\.", " "),
    (r"\\(?:left|right|bigg?[lrm]?|Bigg?[lrm]?|middle)(?![a-zA-Z])", ""),
    (r"\\(?:left|right)(?=\\)", ""),
    (r"\\(?:displaystyle|textstyle|scriptstyle|limits|nolimits|nonumber|boldmath|bf|it)(?![a-zA-Z])", " "),
    (r"(?<=\d)\\[,;! ](?=\d{3}(?!\d))", ""),
    (r"(?<=\d)\{,\}(?=\d)|(?<=\d)\{\\,\}(?=\d)", ","),
    (r"(?<=\d),\\!\s*(?=\d{3}(?!\d))", ","),
    (r"\\!", ""),
    (r"^(\d{1,2}:\d\d):00$", r"\1"),
    (r"\+\s*/\s*[-−]", r"\\pm "),
    (r"\\(?:qquad|quad|hspace\{[^{}]*\}|enspace|thinspace)(?![a-zA-Z])|(?<!\\)\\[,;:> ]|~", " "),
    (r"^([-+]?\s?\d+)\s+(\d+)\s*/\s*(\d+)(?![\d/*^])", r"\1\\frac{\2}{\3}"),
    (r"\\[dtc]frac(?![a-z])", r"\\frac"),
    (r"\{\s*\{([^{}]*)\}\s*\\choose\s*\{([^{}]*)\}\s*\}|\{([^{}\\]*)\\choose([^{}]*)\}", r"\\binom{\1\3}{\2\4}"),
    (r"_\s*\{\s*\(\s*(\d+)\s*\)\s*\}", r"_{\1}"),
    (
        r"(?<=\d)\s*\(?\s*(?:\\text\s*\{)?[\s(]*(?:in )?base[\s-]*\}?\s*(\d+|two|eight|sixteen)\s*\)?\s*\}?\s*\)?$",
        r"_{\1}",
    ),
    (r"^([-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?)(?=\s*(?:\\(?:text|mathrm|%|deg)|%|[^\W\d_])[^,;]*$)", _joined_digits),
    (
        r"^[\[(]([^\[\]()]*,[^\[\]()]*)[\])]\s*\^\s*\{?\s*(?:\\(?:mathrm|text|mathsf)\s*\{)?\s*(?:T|\\top|\\intercal)\s*\}{0,2}$",
        r"(\1)",
    ),
    (r"^[\[(]\s*([-+]?\d*\.?\d+\s*(?:\\(?:text|mathrm)\s*\{[^{}]*\}|[^\W\d_][^()\[\],;]*))[\])]$", r"\1"),
    (r"\\bmod(?![a-z])", r"\\mod"),
    (r"\\(?:leqslant|leq|leqq|le)(?![a-z])", r"\\le "),
    (r"\\(?:geqslant|geq|geqq|ge)(?![a-z])", r"\\ge "),
    (r"\\(?:neq|ne)(?![a-z])", r"\\ne "),
    (r"\\lt(?![a-z])", "<"),
    (r"\\gt(?![a-z])", ">"),
    (r"<=", r"\\le "),
    (r">=", r"\\ge "),
    (r"\\(?:lbrace|\{)(?![a-z])", r"\\{"),
    (r"\\rbrace(?![a-z])", r"\\}"),
    (r"\\(?:l|r)vert(?![a-z])|\\vert(?![a-z])|\\mid(?![a-z])", "|"),
    (r"\^\s*\{?\s*\\circ\s*\}?|\\degree(?![a-z])|\\textdegree(?![a-z])", r"\\deg "),
    (r"\^\s*\{\s*\\prime\s*\\prime\s*\}", "''"),
    (r"\^\s*\{\s*\\prime\s*(\d+|\*)\s*\}", r"'^{\1}"),
    (r"\^\s*\{?\s*\\prime\s*\}?", "'"),
    (r"\\begin\{(?:[bvBV]?|small)matrix\}", r"\\begin{pmatrix}"),
    (r"\\end\{(?:[bvBV]?|small)matrix\}", r"\\end{pmatrix}"),
    (r"\\begin\{array\}\s*(?:\{[^{}]*\})?", r"\\begin{pmatrix}"),
    (r"\\end\{array\}", r"\\end{pmatrix}"),
    (r"[\[(]\s*\\begin\{pmatrix\}", r"\\begin{pmatrix}"),
    (r"\\end\{pmatrix\}\s*[\])]", r"\\end{pmatrix}"),
    (r"\\(?:varepsilon|epsilon)(?![a-z])", r"\\epsilon "),
    (r"\\varphi(?![a-z])", r"\\phi "),
    (r"\\vartheta(?![a-z])", r"\\theta "),
    (r"\\hslash(?![a-z])", r"\\hbar "),
    (r"\\varnothing(?![a-z])|\\\{\s*\\\}", r"\\emptyset "),
    (r"\\(?:text)?color\{[^{}]*\}", ""),
    (r"\\underline\s*\{([^{}]*)\}", r"\1"),
    (
        r"^(?:[A-Za-z]\s*\\in\s*)?(?:\\mathbb\s*\{?R\}?|(?P<opening>[\[(])(?P<low>[^,]*),(?P<high>[^,]*)(?P<closing>[\])]))\s*(?:\\(?:small)?setminus|\\backslash|-)"
        r"\s*\\\{(?P<points>.*)\\\}$",
        _excluded,
    ),
    (r"^(?P<points>([A-Za-z])\s*\\ne\b[^<>=]{1,40}(?:(?:,|\band\b|\{\s*,?\s*and\s*\})[^<>=]{1,40})+)$", _excluded),
    (
        r"^(?:\\text\s*\{)?\s*all real (?:numbers|values)(?: of x| x)?,? (?:except|but|other than)(?: for)?\s*\}?"
        r"(?P<points>[^{}]*)\}?$",
        _excluded,
    ),
    (r"^(?:\\text\{)?\s*all real (?:numbers|values)\s*\}?$|^\\mathbb\{R\}$|^\\mathbb R$", r"(-\\infty,\\infty)"),
    (
        r"^\\\{\s*[A-Za-z]\s*(?:\\in\s*\\mathbb\s*\{?R\}?\s*)?(?::|\||\\colon)(?=.*(?:<|>|=|\\(?:le|ge|ne|in)\b))(.*)\\\}$",
        r"\1",
    ),
    (
        r"^\s*([A-Za-z])\s*(>|<|\\[gl]e\b)([^,<>=]{1,60}?)(?:,|\\(?:text|mathrm)\s*\{\s*,?\s*and\s*\}|\band\b|\\(?:land|wedge)\b)\s*"
        r"\1\s*(>|<|\\[gl]e\b)([^,<>=]{1,60})$",
        _between,
    ),
    (r"\\infin(?![a-z])", r"\\infty "),
    (r"\\dots[a-z]?(?![a-z])|\\cdots(?![a-z])", r"\\ldots "),
    (r"\\(?:text|textrm|textnormal|mathrm|mbox)\s*\{\s*\}", " "),
    (r"\\cup(?=[A-Za-z])|(?<=[\])}])\s*\bU\b(?=\s*[\[({\\])", r"\\cup "),
    (
        r"\\frac\s*\{\s*d((?:\s*\^\s*\{?\d\}?)?[^{}]*)\}\s*\{\s*d(?=\s*[A-Za-z\\])",
        r"\\frac{\\mathrm{d}\1}{\\mathrm{d}",
    ),
    (r"\\(sin|cos|tan|cot|sec|csc|ln|log)(?=[a-z](?![a-z]))(?!h\b)", r"\\\1 "),
]
_REPLACEMENTS = [(re.compile(pattern), by) for pattern, by in _TABLE]
_PLAIN = re.compile(r"-?\d+(?:\.\d+)?", re.ASCII)
"""Nothing below changes such a number."""
_REPEATING = re.compile(r"(?<![\d.])(\d{1,20})\.(\d{0,20})\\(?:overline|bar)\s*\{(\d{1,20})\}")
_CASES = re.compile(r"^\\begin\{cases\}([^&]*)\\end\{cases\}$", re.DOTALL)
_TEXT_COMMAND = r"\\(?:text|textrm|textbf|textit|textnormal|textsf|texttt|mbox|mathrm|mathbf|mathsf|emph|bm)"
_WRAPPED = re.compile(rf"^\s*{_TEXT_COMMAND}\s*\{{([^{{}}]*)\}}\s*$")
_WORD_FUNCTIONS = re.compile(
    r"(?<![\\A-Za-z])(?:np\.|math\.)?"
    r"(arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|cot|sec|csc|sqrt|exp|log|ln|pi|infinity|infty)(?![A-Za-z])"
)


def _unicode(text: str) -> str:
    text = re.sub(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ]+", lambda m: "^{" + m.group().translate(_SUPERSCRIPTS) + "}", text)
    text = re.sub(r"[₀₁₂₃₄₅₆₇₈₉]+", lambda m: "_{" + m.group().translate(_SUBSCRIPTS) + "}", text)
    if text.isascii():
        return text
    text = "".join(_UNICODE.get(char, char) for char in text)
    text = unicodedata.normalize("NFKC", text)
    return "".join(str(unicodedata.decimal(c)) if not c.isascii() and c.isdecimal() else c for c in text)


def _word_function(match: re.Match[str]) -> str:
    word = match.group(1)
    return r"\infty " if word.startswith("inf") else f"\\{word} "


def _repeating(match: re.Match[str]) -> str:
    r"""``0.1\overline{6}`` as a fraction."""
    whole, start, period = match.groups()
    scale = 10 ** len(start)
    nines = (10 ** len(period) - 1) * scale
    return rf"\frac{{{int(whole + start + period) - int(whole + start)}}}{{{nines}}}"


def trim(text: str) -> str:
    """Without outer spaces, sentence punctuation, Markdown emphasis and dangling line breaks."""
    text = text.strip()
    previous = None
    while text != previous:
        previous = text
        for mark in ("**", "__", "`"):
            if len(text) > 2 * len(mark) and text.startswith(mark) and text.endswith(mark):
                text = text.strip(mark[0]).strip()
        dangling = re.search(r"(?:(?<!\\)[.,;:]|\\\\|(?<!\\)\\)$", text[-4:])
        text = text[: len(text) - len(dangling.group())].rstrip() if dangling else text
        text = text.lstrip(":; ")
    return text


def collapsed(text: str) -> str:
    """Without brackets that enclose nothing but another pair: ``(((5)))`` and ``((a)) + 1``."""
    if "((" not in text and "{{" not in text:
        return text
    opened: list[int] = []
    pairs: dict[int, int] = {}
    for match in re.finditer(r"\\.|[(){}]", text):
        if match.group() in "({":
            opened.append(match.start())
        elif match.group() in ")}" and opened and text[opened[-1]] == {")": "(", "}": "{"}[match.group()]:
            pairs[opened.pop()] = match.start()
    doubled = [
        start for start, end in pairs.items() if pairs.get(start + 1) == end - 1 and text[start] == text[start + 1]
    ]
    dropped = {index for start in doubled for index in (start, pairs[start])}
    return "".join(char for index, char in enumerate(text) if index not in dropped)


def normalize(text: str) -> str:
    """The canonical spelling of one answer."""
    if _PLAIN.fullmatch(text):
        return text
    text = re.sub(r",\s*(?:\.{3}|…)(?=[\s$]*$)", r", \\ldots", text[:MAX_ANSWER])
    text = trim(re.sub(r"\s+", " ", _unicode(text)))
    for pattern, by in _REPLACEMENTS:
        text = pattern.sub(by, text)
    text = _REPEATING.sub(_repeating, text)
    text = _CASES.sub(lambda m: re.sub(r"\\\\", ", ", m.group(1)), text)
    text = re.sub(r"^\\approx(?![a-z])", "", text)
    text = _WORD_FUNCTIONS.sub(_word_function, text)
    text = collapsed(trim(re.sub(r"\s+", " ", text)))
    return number_words(text) or compound(text) or text


def plain(text: str) -> str:
    """Letters, digits and signs only, lower case: how words and dates are compared."""
    return spelled(text).casefold()


def spelled(text: str) -> str:
    """As `plain`, case kept: in physics m and M are two masses."""
    text = re.sub(_TEXT_COMMAND + r"\s*(?=\{)", "", text)
    return re.sub(r"[{}$\s\\~*]", "", text).rstrip(".,")


def unwrap_text(text: str) -> str:
    r"""``\text{Evelyn}`` as ``Evelyn``; anything else unchanged."""
    match = _WRAPPED.match(text)
    return match.group(1).strip() if match else text


def depth(text: str) -> int:
    """The deepest nesting of brackets of any kind."""
    deepest = level = 0
    for char in text:
        if char in "{([":
            level += 1
            deepest = max(deepest, level)
        elif char in "})]":
            level = max(0, level - 1)
    return deepest
