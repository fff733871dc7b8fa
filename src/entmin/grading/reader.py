r"""LaTeX expressions as trees: the small, total reader that decides almost every answer.

A tree is a nested tuple whose first item names the node: ``("num", Fraction)``, ``("sym", name)``, ``("add", a, b)``,
``("neg", a)``, ``("mul", a, b)``, ``("div", a, b)``, ``("pow", a, b)``, ``("fun", name, args...)``, ``("deg", a)``.
Nothing is evaluated here. What the reader does not know (integrals, sums, prose) raises `Unreadable`, and the caller
asks math-verify instead. Letters keep their case, their subscripts, primes and accents: ``m_e``, ``m`` and ``M`` are
three quantities.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

Tree = tuple[Any, ...]

MAX_DEPTH = 60
_MAX_TOKENS = 2_000
_TOKEN = re.compile(
    r"\s*(?:(?P<num>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4}(?![\d.]))?)|(?P<cmd>\\[a-zA-Z]+|\\[{}|%])|(?P<char>\S))",
    re.ASCII,
)
_FUNCTIONS = {
    "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "coth", "sech",
    "csch", "ln", "log", "lg", "exp", "sqrt", "arctanh", "arcsinh", "arccosh", "arccot",
}  # fmt: skip
_ALIASES = {"sh": "sinh", "ch": "cosh", "th": "tanh", "tg": "tan", "ctg": "cot", "cosec": "csc", "arctg": "arctan"}
_STYLES = {
    "boldsymbol", "mathbf", "mathrm", "mathit", "mathcal", "mathsf", "bm", "vec", "text", "textbf", "textit", "textrm",
    "operatorname", "mathfrak", "mathscr", "mbox", "rm", "pmb", "mathbb", "textnormal",
}  # fmt: skip
_ACCENTS = {"dot", "ddot", "hat", "bar", "tilde", "overline", "widehat", "widetilde", "underline", "overrightarrow"}
_GREEK = {
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
    "rho", "varrho", "sigma", "varsigma", "tau", "upsilon", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta",
    "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega", "ell", "hbar", "pi", "infty", "imath", "jmath",
    "nabla", "partial", "odot", "perp", "parallel", "star", "dagger", "emptyset", "varnothing", "prime", "mho", "Re", "Im",
}  # fmt: skip
_BOLD = {"boldsymbol", "mathbf", "bm", "vec", "pmb", "textbf"}
_SKIPPED = {"cdot", "times", "ast"}
_STOP_AFTER_FUNCTION = {"+", "-", "/", ")", "]", "}", "|", ",", "=", "<", ">", ";", "*"}


class Unreadable(ValueError):
    """The text is not an expression this reader knows."""


def tokenize(text: str) -> list[str]:
    """Numbers, commands and single characters, spaces dropped."""
    tokens: list[str] = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or len(tokens) > _MAX_TOKENS:
            raise Unreadable("too long or not text")
        tokens.append(match.group().strip())
        position = match.end()
    return tokens


def number(text: str) -> Fraction:
    """The exact value of a decimal literal."""
    try:
        return Fraction(text)
    except ValueError as error:
        raise Unreadable(text[:40]) from error


class _Parser:
    def __init__(self, text: str, physics: bool) -> None:
        self.tokens = tokenize(text)
        self.at = 0
        self.level = 0
        self.physics = physics
        self.bars = 0

    def peek(self, ahead: int = 0) -> str:
        index = self.at + ahead
        return self.tokens[index] if index < len(self.tokens) else ""

    def take(self, expected: str | None = None) -> str:
        token = self.peek()
        if not token or (expected is not None and token != expected):
            raise Unreadable(f"expected {expected or 'more'}")
        self.at += 1
        return token

    def sum(self) -> Tree:
        self.level += 1
        if self.level > MAX_DEPTH:
            raise Unreadable("nested too deeply")
        left = self.signed()
        while self.peek() in ("+", "-"):
            sign = self.take()
            right = self.product()
            left = ("add", left, right if sign == "+" else ("neg", right))
        self.level -= 1
        return left

    def signed(self) -> Tree:
        if self.peek() in ("+", "-"):
            sign = self.take()
            inner = self.signed()
            return inner if sign == "+" else ("neg", inner)
        return self.product()

    def product(self) -> Tree:
        left = self.mixed()
        while True:
            token = self.peek()
            if token in ("*", r"\cdot", r"\times", r"\ast"):
                self.take()
                left = ("mul", left, self.factor_signed())
            elif token in ("/", r"\div"):
                self.take()
                left = ("div", left, self.factor_signed())
            elif self.starts_factor(token):
                left = ("mul", left, self.power())
            else:
                return left

    def mixed(self) -> Tree:
        r"""``3\frac{1}{2}``: a whole number directly before a fraction of whole numbers is a sum."""
        first = self.power()
        if self.peek() == r"\frac" and first[0] == "num" and first[1].denominator == 1:
            start = self.at
            fraction = self.power()
            parts = [part for part in fraction[1:] if part[0] == "num" and part[1].denominator == 1]
            if fraction[0] == "div" and len(parts) == 2 and parts[0][1] < parts[1][1]:
                return ("add", first, fraction)
            self.at = start
        return first

    def factor_signed(self) -> Tree:
        if self.peek() in ("+", "-"):
            sign = self.take()
            inner = self.factor_signed()
            return inner if sign == "+" else ("neg", inner)
        return self.power()

    def starts_factor(self, token: str) -> bool:
        if not token or token in ("+", "-", ")", "]", "}", r"\}", ",", "=", "<", ">", ";", ":", "!", "'", "^", "_", "&"):
            return False
        if token == "|":
            return self.bars == 0
        return token not in (r"\rfloor", r"\rceil", r"\rangle", r"\deg", r"\%", "%", "/", "*")

    def power(self) -> Tree:
        base = self.postfix(self.atom())
        if self.peek() == "^":
            self.take()
            exponent = self.argument()
            if base == ("sym", "e") and (not self.physics or exponent[0] != "num"):
                base = ("euler",)
            return self.postfix(("pow", base, exponent))
        return base

    def postfix(self, tree: Tree) -> Tree:
        while True:
            token = self.peek()
            if token == "!":
                self.take()
                tree = ("fun", "factorial", tree)
            elif token == r"\deg":
                self.take()
                tree = ("deg", tree)
            elif token in (r"\%", "%"):
                self.take()
                tree = ("div", tree, ("num", Fraction(100)))
            else:
                return tree

    def argument(self) -> Tree:
        """A braced group, or the single token that TeX would take."""
        token = self.peek()
        if token == "{":
            return self.group("{", "}")
        if token in ("+", "-"):
            self.take()
            inner = self.argument()
            return ("neg", inner) if token == "-" else inner
        if token[:1].isdigit() and "." not in token and len(token) > 1:
            self.tokens[self.at] = token[1:]
            return ("num", number(token[0]))
        return self.atom()

    def group(self, opening: str, closing: str) -> Tree:
        self.take(opening)
        bars, self.bars = self.bars, 0
        inner = self.sum()
        self.bars = bars
        self.take(closing)
        return inner

    def atom(self) -> Tree:
        token = self.peek()
        if token[:1].isdigit() or (token[:1] == "." and len(token) > 1):
            return ("num", number(self.take()))
        if token in ("(", "[", "{"):
            return self.group(token, {"(": ")", "[": "]", "{": "}"}[token])
        if token == r"\{":
            return self.group(token, r"\}")
        if token == "|":
            return self.absolute()
        if token.startswith("\\"):
            return self.command()
        if token.isalpha():
            return self.symbol(self.take())
        raise Unreadable(f"unexpected {token[:20]!r}")

    def absolute(self) -> Tree:
        self.take("|")
        self.bars += 1
        inner = self.sum()
        self.bars -= 1
        self.take("|")
        return ("fun", "abs", inner)

    def command(self) -> Tree:
        name = self.take()[1:]
        if name == "frac":
            return ("div", self.argument(), self.argument())
        if name in ("binom", "dbinom", "tbinom"):
            return ("fun", "binomial", self.argument(), self.argument())
        if name in ("lfloor", "lceil"):
            inner = self.sum()
            self.take(r"\rfloor" if name == "lfloor" else r"\rceil")
            return ("fun", "floor" if name == "lfloor" else "ceiling", inner)
        if name == "sqrt":
            return self.root()
        if name in _FUNCTIONS or name in _ALIASES:
            return self.function(_ALIASES.get(name, name))
        if name in _STYLES:
            return self.styled(name)
        if name in _ACCENTS:
            inner = self.raw()
            return self.symbol(f"{inner}_unit" if name == "hat" and inner in "ijk" else f"{name}({inner})")
        if name == "partial":
            return self.differential("partial ")
        if name in ("angle", "triangle"):
            return self.product()
        if name in _GREEK:
            return self.symbol(name)
        raise Unreadable(f"unknown command {name[:20]}")

    def root(self) -> Tree:
        degree: Tree = ("num", Fraction(2))
        if self.peek() == "[":
            degree = self.group("[", "]")
        inner = self.argument() if self.peek() != "(" else self.group("(", ")")
        return ("pow", inner, ("div", ("num", Fraction(1)), degree))

    def function(self, name: str) -> Tree:
        exponent: Tree | None = None
        base: Tree | None = None
        while self.peek() in ("^", "_"):
            if self.take() == "^":
                exponent = self.argument()
            else:
                base = self.argument()
        argument = self.function_argument()
        if name in ("log", "ln", "lg") and base is not None:
            call: Tree = ("fun", "log", argument, base)
        else:
            call = ("fun", name, argument)
        if exponent == ("neg", ("num", Fraction(1))):
            return ("fun", "arc" + name, argument)
        return call if exponent is None else ("pow", call, exponent)

    def function_argument(self) -> Tree:
        if self.peek() in ("(", "[", "{", r"\{", "|"):
            return self.power()
        if self.peek() in ("+", "-"):
            return self.factor_signed()
        if self.peek()[1:] in _FUNCTIONS:
            return self.power()
        argument = self.mixed()
        while self.continues_argument(self.peek()):
            argument = ("mul", argument, self.power())
        if self.peek() == "/" and self.peek(1)[:1].isalnum():
            self.take()
            argument = ("div", argument, self.power())
        return argument

    def continues_argument(self, token: str) -> bool:
        name = token[1:] if token.startswith("\\") else ""
        if token in ("(", "[", r"\{") or name in _FUNCTIONS or name in _SKIPPED:
            return False
        return token not in _STOP_AFTER_FUNCTION and self.starts_factor(token)

    def raw(self) -> str:
        r"""The text of a braced group or one token, styling dropped: names of subscripts and accented letters."""
        if self.peek() != "{":
            return self.take().lstrip("\\")
        self.take("{")
        level, parts = 1, []
        while level:
            token = self.take()
            level += (token == "{") - (token == "}")
            if level and token.lstrip("\\") not in _STYLES and token not in ("{", "}"):
                parts.append(token.lstrip("\\"))
        return "".join(parts)

    def differential(self, sign: str) -> Tree:
        r"""``\mathrm{d}x`` and ``\partial^2 x`` are one quantity each: dx/dt must not cancel to x/t."""
        if self.peek() == "^":
            self.take()
            sign += "^" + self.raw()
        token = self.peek()
        if token.isalpha() or token.startswith("\\") and token[1:] in _GREEK | _STYLES | _ACCENTS:
            inner = self.atom()
            if inner[0] == "sym":
                return self.symbol(sign + inner[1])
            return ("mul", ("sym", sign), inner)
        return ("sym", sign)

    def styled(self, style: str) -> Tree:
        start = self.at
        name = self.raw()
        if style != "mathrm" and name in ("i", "j", "k") and style in _BOLD:
            return self.symbol(name + "_unit")
        if name == "d" and style in ("mathrm", "text", "rm"):
            return self.differential("d ")
        if name in _FUNCTIONS or name in _ALIASES:
            return self.function(_ALIASES.get(name, name))
        if not re.fullmatch(r"[A-Za-z]+|[^\W\d_]+", name):
            self.at = start
            return self.argument()
        if name == "e" and self.peek() == "^":
            return ("euler",)
        return self.symbol(name)

    def call(self) -> str:
        r"""``(0)`` of ``I(0)`` and ``(x,t)`` of ``\psi(x,t)``: a value of a function, not a product."""
        if self.peek() != "(":
            return ""
        level, end, commas = 0, self.at, 0
        while end < len(self.tokens):
            token = self.tokens[end]
            level += (token in ("(", "[")) - (token in (")", "]"))
            commas += level == 1 and token == ","
            end += 1
            if level == 0:
                break
        inside = self.tokens[self.at + 1 : end - 1]
        if level or not (commas or (len(inside) == 1 and inside[0][0].isdigit())):
            return ""
        self.at = end
        return f"({''.join(inside)})"

    def symbol(self, name: str) -> Tree:
        while self.peek() == "'":
            self.take()
            name += "'"
        if self.peek() == "_":
            self.take()
            name += "_" + self.raw()
            while self.peek() == "'":
                self.take()
                name += "'"
        name += self.call()
        if self.peek() == "^" and self.peek(1) in ("*", r"\ast", r"\dagger", r"\star"):
            self.take()
            name += self.take()
        elif self.physics and self.peek() == "^":
            name += self.label()
        return ("sym", name)

    def label(self) -> str:
        """``^{0}`` and ``^{(1)}`` on a physical quantity: which one it is, not a power of it."""
        start = self.at
        self.take()
        text = self.raw()
        if text == "0" or re.fullmatch(r"\(\w+\)", text):
            return "^" + text
        self.at = start
        return ""


def read(text: str, *, physics: bool = False) -> Tree:
    """The tree of a whole normalised expression.

    Raises:
        Unreadable: the text is not one expression.
    """
    parser = _Parser(text, physics)
    try:
        tree = parser.sum()
    except RecursionError as error:
        raise Unreadable("nested too deeply") from error
    if parser.at != len(parser.tokens):
        raise Unreadable(f"left over: {parser.peek()[:20]!r}")
    return tree
