r"""LaTeX expressions as trees: the small, total reader that decides almost every answer.

A tree is a nested tuple whose first item names the node: ``("num", Fraction)``, ``("sym", name)``, ``("add", a, b)``,
``("neg", a)``, ``("mul", a, b)``, ``("div", a, b)``, ``("pow", a, b)``, ``("fun", name, args...)``, ``("deg", a)``.
Nothing is evaluated here. What the reader does not know (integrals, sums, prose) raises `Unreadable`, and the caller
asks math-verify instead. Letters keep their case, their subscripts, primes and accents: ``m_e``, ``m`` and ``M`` are
three quantities.
"""

from __future__ import annotations

from fractions import Fraction

from entmin.grading.lexicon import (
    ACCENTS,
    ALIASES,
    FUNCTIONS,
    GREEK,
    MAX_DEPTH,
    SKIPPED,
    STOP_AFTER_FUNCTION,
    STYLES,
    Tree,
    Unreadable,
    number,
)
from entmin.grading.names import Names

__all__ = ["MAX_DEPTH", "Tree", "Unreadable", "read"]


class _Parser(Names):
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
            word = self.peek()
            if word in ("*", r"\cdot", r"\times", r"\ast"):
                self.take()
                left = ("mul", left, self.factor_signed())
            elif word in ("/", r"\div"):
                self.take()
                left = ("div", left, self.factor_signed())
            elif self.starts_factor(word):
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

    def starts_factor(self, word: str) -> bool:
        if not word or word in (
            "+",
            "-",
            ")",
            "]",
            "}",
            r"\}",
            ",",
            "=",
            "<",
            ">",
            ";",
            ":",
            "!",
            "'",
            "^",
            "_",
            "&",
        ):
            return False
        if word == "|":
            return self.bars == 0
        return word not in (r"\rfloor", r"\rceil", r"\rangle", r"\deg", r"\%", "%", "/", "*")

    def power(self) -> Tree:
        base = self.postfix(self.atom())
        if self.peek() == "^":
            self.take()
            exponent = self.exponent()
            if base == ("sym", "e") and (not self.physics or exponent[0] != "num"):
                base = ("euler",)
            return self.postfix(("pow", base, exponent))
        return base

    def postfix(self, tree: Tree) -> Tree:
        while True:
            word = self.peek()
            if word == "!":
                self.take()
                tree = ("fun", "factorial", tree)
            elif word == r"\deg":
                self.take()
                tree = ("deg", tree)
            elif word in (r"\%", "%"):
                self.take()
                tree = ("div", tree, ("num", Fraction(100)))
            else:
                return tree

    def argument(self) -> Tree:
        """A braced group, or the single word that TeX would take."""
        word = self.peek()
        if word == "{":
            return self.group("{", "}")
        if word in ("+", "-"):
            self.take()
            inner = self.argument()
            return ("neg", inner) if word == "-" else inner
        if word[:1].isdigit() and "." not in word and len(word) > 1:
            self.tokens[self.at] = word[1:]
            return ("num", number(word[0]))
        return self.atom()

    def exponent(self) -> Tree:
        """After ``^`` a whole number is taken, braces or not: 10^23 is not 10^2 times 3 in any answer."""
        word = self.peek()
        if word[:1].isdigit():
            return ("num", number(self.take()))
        return self.argument()

    def group(self, opening: str, closing: str) -> Tree:
        self.take(opening)
        bars, self.bars = self.bars, 0
        inner = self.sum()
        self.bars = bars
        self.take(closing)
        return inner

    def atom(self) -> Tree:
        word = self.peek()
        if word[:1].isdigit() or (word[:1] == "." and len(word) > 1):
            return ("num", number(self.take()))
        if word in ("(", "[", "{"):
            return self.group(word, {"(": ")", "[": "]", "{": "}"}[word])
        if word == r"\{":
            return self.group(word, r"\}")
        if word == "|":
            return self.absolute()
        if word.startswith("\\"):
            return self.command()
        if word.isalpha():
            return self.symbol(self.take())
        raise Unreadable(f"unexpected {word[:20]!r}")

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
        if name in FUNCTIONS or name in ALIASES:
            return self.function(ALIASES.get(name, name))
        if name in STYLES:
            return self.styled(name)
        if name in ACCENTS:
            letter = self.raw()
            return self.symbol(f"{letter}_unit" if name == "hat" and letter in "ijk" else f"{name}({letter})")
        if name == "partial":
            return self.differential("partial ")
        if name in ("angle", "triangle"):
            return self.product()
        if name in GREEK:
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
        if self.peek()[1:] in FUNCTIONS:
            return self.power()
        argument = self.mixed()
        while self.continues_argument(self.peek()):
            argument = ("mul", argument, self.power())
        if self.peek() == "/" and self.peek(1)[:1].isalnum():
            self.take()
            argument = ("div", argument, self.power())
        return argument

    def continues_argument(self, word: str) -> bool:
        name = word[1:] if word.startswith("\\") else ""
        if word in ("(", "[", r"\{") or name in FUNCTIONS or name in SKIPPED:
            return False
        return word not in STOP_AFTER_FUNCTION and self.starts_factor(word)


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
