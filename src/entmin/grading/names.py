r"""Names of quantities: letters with subscripts, primes, accents, arguments and labels."""

from __future__ import annotations

import re

from entmin.grading.lexicon import ACCENTS, ALIASES, BOLD, FUNCTIONS, GREEK, STYLES, Tree, Unreadable, tokenize


class Names:
    """A position in a word list, and the reading of names from there."""

    def __init__(self, text: str, physics: bool) -> None:
        self.tokens = tokenize(text)
        self.at = 0
        self.level = 0
        self.physics = physics
        self.bars = 0

    def peek(self, ahead: int = 0) -> str:
        """The word at or after the position, empty at the end."""
        index = self.at + ahead
        return self.tokens[index] if index < len(self.tokens) else ""

    def take(self, expected: str | None = None) -> str:
        """The word at the position, which moves on."""
        word = self.peek()
        if not word or (expected is not None and word != expected):
            raise Unreadable(f"expected {expected or 'more'}")
        self.at += 1
        return word

    def atom(self) -> Tree:
        """One operand; the reader defines it."""
        raise NotImplementedError

    def argument(self) -> Tree:
        """One braced group or word; the reader defines it."""
        raise NotImplementedError

    def function(self, name: str) -> Tree:
        """A function call; the reader defines it."""
        raise NotImplementedError

    def raw(self) -> str:
        r"""The text of a braced group or one word, styling dropped: names of subscripts and accented letters."""
        if self.peek() != "{":
            return self.take().lstrip("\\")
        self.take("{")
        level, parts = 1, []
        while level:
            word = self.take()
            level += (word == "{") - (word == "}")
            if level and word.lstrip("\\") not in STYLES and word not in ("{", "}"):
                parts.append(word.lstrip("\\"))
        return "".join(parts)

    def symbol(self, name: str) -> Tree:
        """A letter with everything that belongs to its name."""
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

    def call(self) -> str:
        r"""``(0)`` of ``I(0)`` and ``(x,t)`` of ``\psi(x,t)``: a value of a function, not a product."""
        if self.peek() != "(":
            return ""
        level, end, commas = 0, self.at, 0
        while end < len(self.tokens):
            word = self.tokens[end]
            level += (word in ("(", "[")) - (word in (")", "]"))
            commas += level == 1 and word == ","
            end += 1
            if level == 0:
                break
        inside = self.tokens[self.at + 1 : end - 1]
        if level or not (commas or (len(inside) == 1 and inside[0][0].isdigit())):
            return ""
        self.at = end
        return f"({''.join(inside)})"

    def label(self) -> str:
        """``^{0}`` and ``^{(1)}`` on a physical quantity: which one it is, not a power of it."""
        start = self.at
        self.take()
        text = self.raw()
        if text == "0" or re.fullmatch(r"\(\w+\)", text):
            return "^" + text
        self.at = start
        return ""

    def differential(self, sign: str) -> Tree:
        r"""``\mathrm{d}x`` and ``\partial^2 x`` are one quantity each: dx/dt must not cancel to x/t."""
        if self.peek() == "^":
            self.take()
            sign += "^" + self.raw()
        word = self.peek()
        if word.isalpha() or (word.startswith("\\") and word[1:] in GREEK | STYLES | ACCENTS):
            inner = self.atom()
            if inner[0] == "sym":
                return self.symbol(sign + inner[1])
            return ("mul", ("sym", sign), inner)
        return ("sym", sign)

    def styled(self, style: str) -> Tree:
        r"""What ``\mathrm{..}`` and its like enclose: a function, a name, a vector, or an expression."""
        start = self.at
        name = self.raw()
        if style != "mathrm" and name in ("i", "j", "k") and style in BOLD:
            return self.symbol(name + "_unit")
        if name == "d" and style in ("mathrm", "text", "rm"):
            return self.differential("d ")
        if name in FUNCTIONS or name in ALIASES:
            return self.function(ALIASES.get(name, name))
        if not re.fullmatch(r"[A-Za-z]+|[^\W\d_]+", name):
            self.at = start
            return self.argument()
        if name == "e" and self.peek() == "^":
            return ("euler",)
        return self.symbol(name)
