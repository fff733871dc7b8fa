r"""The words of LaTeX mathematics the reader knows, and text as tokens."""

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
FUNCTIONS = {
    "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "coth", "sech",
    "csch", "ln", "log", "lg", "exp", "sqrt", "arctanh", "arcsinh", "arccosh", "arccot",
}  # fmt: skip
ALIASES = {"sh": "sinh", "ch": "cosh", "th": "tanh", "tg": "tan", "ctg": "cot", "cosec": "csc", "arctg": "arctan"}
STYLES = {
    "boldsymbol", "mathbf", "mathrm", "mathit", "mathcal", "mathsf", "bm", "vec", "text", "textbf", "textit", "textrm",
    "operatorname", "mathfrak", "mathscr", "mbox", "rm", "pmb", "mathbb", "textnormal",
}  # fmt: skip
ACCENTS = {"dot", "ddot", "hat", "bar", "tilde", "overline", "widehat", "widetilde", "underline", "overrightarrow"}
GREEK = {
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
    "rho", "varrho", "sigma", "varsigma", "tau", "upsilon", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta",
    "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega", "ell", "hbar", "pi", "infty", "imath", "jmath",
    "nabla", "partial", "odot", "perp", "parallel", "star", "dagger", "emptyset", "varnothing", "prime", "mho",
    "Re", "Im",
}  # fmt: skip
BOLD = {"boldsymbol", "mathbf", "bm", "vec", "pmb", "textbf"}
SKIPPED = {"cdot", "times", "ast"}
STOP_AFTER_FUNCTION = {"+", "-", "/", ")", "]", "}", "|", ",", "=", "<", ">", ";", "*"}


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
