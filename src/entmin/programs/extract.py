"""Finding the program in what a model wrote. Nothing is run here; Python's own parser is asked what parses.

1. Fenced blocks, closed or not. Of those the last one that defines what is wanted; for a program that reads its input,
   the last complete one that does, so that blocks of example input and output, formulas and usage are passed over.
2. Without fences: the longest run of lines that parses and defines what is wanted, else that starts like a program.

Thinking and the tokens of chat templates are taken off before. Lines are read once, and what is parsed is bounded.
`program_in` runs the search in a grading process, under its clock.
"""

from __future__ import annotations

import ast
import inspect
import logging
import re
import textwrap
from collections.abc import Iterator

from entmin.grading import pool
from entmin.grading.visible import TURN_ENDS, one_spelling, without_thinking
from entmin.programs.completeness import COMPLETE, is_program, rank_of

MAX_TEXT = 200_000
"""Characters looked at, from the end: a program stands there, and Python's parser is not made for floods."""
_MAX_PARSED = 80_000
"""Characters parsed for one answer, a tenth of a second's work."""
_PYTHON = ("", "python", "py", "python3", "py3", "python2", "sage", "ipython")
_QUOTES = ('"""', "'''")
_TAG = re.compile(r"\[(/?)(?:PYTHON|BEGIN|DONE|CODE)\]|</?code>")
_START = re.compile(r"(?:from\s+\w|import\s+\w|def\s+\w|class\s+\w|async\s+def|@\w)")
_STATEMENT = re.compile(
    r"[A-Za-z_][\w, ]{0,60}=(?!=)|(?:for|while|if|with)\s.{1,200}:\s*(?:#.*)?$|print\(|try:|[\w.]{1,60}\("
)
_IMPORT = re.compile(r"(?:from\s+[\w.]+\s+import|import)\s+\w")
_ATTEMPTS = 60
_MAX_BLOCKS = 200
_KINDS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_log = logging.getLogger(__name__)


def program_in(text: str, wanted: str | None = None) -> str | None:
    """`extract`, in a grading process: a text that outlasts its clock or breaks it has no program."""
    return _called("extract", text[-MAX_TEXT:], wanted)


def answer_in(text: str) -> str:
    """`cleaned`, in a grading process."""
    return _called("cleaned", text[-MAX_TEXT:]) or ""


def _called(name: str, *arguments: str | None) -> str | None:
    reply = pool.shared().ask({"do": "call", "name": f"{__name__}:{name}", "arguments": arguments})
    if "failure" in reply:
        _log.warning("no program was found in an answer: %s", ascii(reply["failure"]))
    answer = reply.get("answer")
    return None if answer is None else str(answer)


class _Parses:
    """Syntax trees of one answer's pieces, until the characters that may be parsed are used up."""

    def __init__(self) -> None:
        self.left = _MAX_PARSED
        self._known: dict[str, ast.Module | None] = {}

    def __call__(self, code: str) -> ast.Module | None:
        if code not in self._known:
            if len(code) > self.left:
                return None
            self.left -= len(code) + 200
            self._known[code] = parsed(code)
        return self._known[code]

    def longest(self, lines: list[str]) -> str | None:
        """The longest head of `lines` that parses; an error says where to cut, so few tries are needed."""
        end = len(lines)
        for _ in range(_ATTEMPTS):
            code = "\n".join(lines[:end])
            if end <= 0 or len(code) > self.left:
                return None
            try:
                ast.parse(code)
                self.left -= len(code) + 200
                return code
            except SyntaxError as error:
                read = min(end, error.lineno or end)
                self.left -= 2 * sum(map(len, lines[:read])) + 200
                end = min(end - 1, read - 1)
            except (ValueError, RecursionError, MemoryError):
                self.left -= len(code) + 200
                end -= 1
        return None


def _fence(line: str) -> tuple[str, str] | None:
    """(marks, language) of a line that opens or closes a block."""
    bare = line.strip()
    marks = bare[: len(bare) - len(bare.lstrip(bare[:1]))]
    info = bare[len(marks) :].strip()
    if len(marks) < 3 or marks[0] not in "`~" or "`" in info:
        return None
    return marks, (info.split() or [""])[0].strip("{}.").lower()


def _opened_after_words(line: str) -> str | None:
    """The language of a block that opens at the end of a line of prose."""
    head, found, info = line.rstrip().rpartition("```")
    return info.lower() if found and head.strip() and "`" not in head and info.lower() in _PYTHON[1:] else None


def blocks(text: str) -> Iterator[str]:
    """The contents of fenced Python blocks in order; an unclosed one ends with the text."""
    opened, language, indent, quotes = "", "", 0, [0, 0]
    lines: list[str] = []
    for line in text.split("\n"):
        fence = _fence(line)
        if not opened:
            after_words = _opened_after_words(line)
            if fence or after_words:
                opened, language = fence or ("```", after_words or "")
                indent, quotes, lines = len(line) - len(line.lstrip()), [0, 0], []
            elif line.startswith("```python ") and line.rstrip().endswith("```"):
                yield line.rstrip()[10:-3]
            continue
        quotes = [count + line.count(mark) for count, mark in zip(quotes, _QUOTES, strict=True)]
        in_docstring = any(count % 2 for count in quotes) and len(line) - len(line.lstrip()) > indent
        closing = fence is not None and fence[0].startswith(opened) and not fence[1]
        again = fence is not None and fence[1] in _PYTHON[1:]  # the first one was never closed
        code_before = not fence and line.rstrip().endswith(opened)
        if in_docstring or not (closing or again or code_before):
            lines.append(line)
            continue
        if language in _PYTHON:
            yield "\n".join([*lines, line.rstrip()[: -len(opened)]] if code_before else lines)
        opened, language = fence if fence and again else ("", "")
        quotes, lines = [0, 0], []
    if opened and language in _PYTHON:
        yield "\n".join(lines)


def parsed(code: str) -> ast.Module | None:
    """The syntax tree, or None where there is none."""
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def defines(tree: ast.Module | None, name: str) -> bool:
    """Whether the module defines `name`, at its top or in a class."""
    if tree is None:
        return False
    inner = [node for top in tree.body if isinstance(top, ast.ClassDef) for node in top.body]
    named = {node.name for node in (*tree.body, *inner) if isinstance(node, _KINDS)}
    targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    return name in named | {target.id for target in targets if isinstance(target, ast.Name)}


def cleaned(text: str) -> str:
    """Line ends of one kind, without thinking, other turns and the tags that stand for fences."""
    text = one_spelling(text[-MAX_TEXT:].replace("\r\n", "\n"))
    text = without_thinking(text)[0] or text
    text = _TAG.sub(lambda tag: "\n```\n" if tag[1] or tag[0] in ("[DONE]", "</code>") else "\n```python\n", text)
    for end in TURN_ENDS.finditer(text):
        # In a string of the program such a token is followed by its quote.
        if text[: end.start()].strip() and text[end.end() : end.end() + 1] in ("", "\n", "<", "`"):
            return text[: end.start()]
    return text


def dedented(code: str, parses: _Parses | None = None) -> str:
    """The code from its first column on, whichever line lost or gained its indentation."""
    parse = parses or _Parses()
    first = textwrap.dedent(code).strip("\n")
    if parse(first) is not None:
        return first
    readings = (inspect.cleandoc(code), textwrap.dedent(code.expandtabs(4)).strip("\n"))
    return next((reading for reading in readings if reading != first and parse(reading) is not None), first)


def extract(text: str, wanted: str | None = None) -> str | None:
    """The program in an answer; None where there is none.

    Args:
        text: The model's whole answer.
        wanted: The function or class it must define; None for a program that reads its input.
    """
    text, parses = cleaned(text), _Parses()
    raw = _whole_docstrings([code for code in blocks(text) if code.strip()][-_MAX_BLOCKS:], parses)
    found = [textwrap.dedent(code).strip("\n") for code in raw]
    if not found:
        return _bare(text, wanted, parses)
    if wanted is None:
        return _program(found, raw, text, parses)
    for code, whole in zip(reversed(found), reversed(raw), strict=True):
        if wanted in code and defines(parses(best := dedented(whole, parses)), wanted):
            return _with_earlier(found[: found.index(code)], best)
    for code in reversed(found):
        # It does not parse, but it is the attempt: its verdict is `compile`.
        if re.search(rf"\b(?:def|class)\s+{re.escape(wanted)}\b", code):
            return code
    return _bare(text, wanted, parses) or _program(found, raw, text, parses)


def _whole_docstrings(found: list[str], parses: _Parses) -> list[str]:
    """Blocks that a fence inside a docstring had cut, put together again."""
    whole: list[str] = []
    for code in found:
        before = whole[-1] if whole else ""
        if any(before.count(quotes) % 2 and quotes in code for quotes in _QUOTES) and parses(before) is None:
            for joint in ("\n```\n", "\n```python\n"):
                if parses(textwrap.dedent(together := f"{before}{joint}{code}")) is not None:
                    whole[-1] = together
                    break
            else:
                whole.append(code)
        else:
            whole.append(code)
    return whole


def _program(found: list[str], raw: list[str], text: str, parses: _Parses) -> str:
    """The last block that is most of a program."""
    best, rank = found[-1], 0
    for code, whole in zip(reversed(found), reversed(raw), strict=True):
        code = code if parses(code) is not None else dedented(whole, parses)
        tree = parses(code)
        reached = (
            rank_of(tree)
            if tree is not None
            else int(bool(re.search(r"\binput\(|^\s*(?:def|import|from)\s+\w", code, re.M)))
        )
        if reached > rank:
            best, rank = code, reached
        if rank == COMPLETE:
            break
    return best if rank else _bare(text, None, parses) or best


def _with_earlier(earlier: list[str], code: str) -> str:
    """The block itself; imports that only an earlier block has are part of the program too."""
    known = set(code.splitlines())
    imports = [
        line
        for block in earlier
        for line in block.splitlines()
        if _IMPORT.match(line) and line not in known and len(line) < 200 and parsed(line) is not None
    ]
    return "\n".join([*list(dict.fromkeys(imports))[:100], code])


def _bare(text: str, wanted: str | None, parses: _Parses) -> str | None:
    """A program that stands in the text without a fence."""
    whole = parses(text)
    if whole is not None and (defines(whole, wanted) if wanted else is_program(whole)):
        return text
    lines = text.split("\n")
    starts = [n for n, line in enumerate(lines) if _START.match(line) or (wanted is None and _STATEMENT.match(line))]
    reached = 0
    for start in starts[-_ATTEMPTS:] if len(starts) > 10 * _ATTEMPTS else starts[:_ATTEMPTS]:
        if start < reached:
            continue
        code = parses.longest(lines[start:])
        if code is None:
            continue
        reached = start + code.count("\n") + 1
        tree = parses(code)
        if defines(tree, wanted) if wanted else is_program(tree):
            return code
    if starts and wanted and re.search(rf"\bdef\s+{re.escape(wanted)}\b", text):
        return "\n".join(lines[starts[0] :])
    return None
