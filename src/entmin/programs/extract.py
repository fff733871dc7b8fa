"""Finding the program in what a model wrote. Nothing is run here; Python's own parser is asked what parses.

1. Fenced blocks, closed or not; of those the last one that defines what is wanted, else the last that parses and has a
   definition, else the last that parses, else the last.
2. Without fences: the longest run of lines that parses and defines what is wanted, else that starts at a definition or
   an import.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator

MAX_TEXT = 200_000
"""Characters looked at, from the end: a program stands there, and Python's parser is not made for floods."""
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([\w+.-]*)[^\n`]*$", re.MULTILINE)
_PYTHON = ("", "python", "py", "python3", "py3", "python2")
_START = re.compile(r"^(?:from\s+\w|import\s+\w|def\s+\w|class\s+\w|async\s+def|@\w)", re.MULTILINE)
_IMPORT = re.compile(r"(?:from\s+[\w.]+\s+import|import)\s+\w")
_ATTEMPTS = 60


def blocks(text: str) -> Iterator[str]:
    """The contents of fenced Python blocks in order; an unclosed one ends with the text."""
    position, opened, language = 0, None, ""
    for fence in _FENCE.finditer(text):
        if opened is None:
            opened, position, language = fence[1], fence.end() + 1, fence[2].lower()
        elif fence[1].startswith(opened) and not fence[2]:
            if language in _PYTHON:
                yield text[position : fence.start()]
            opened = None
        elif fence[2].lower() in _PYTHON:
            # A second opening fence: the first one was never closed.
            if language in _PYTHON:
                yield text[position : fence.start()]
            position, language = fence.end() + 1, fence[2].lower()
    if opened is not None and language in _PYTHON:
        yield text[position:]


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
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    inner = [node for top in tree.body if isinstance(top, ast.ClassDef) for node in top.body]
    named = {node.name for node in (*tree.body, *inner) if isinstance(node, kinds)}
    assigned = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return name in named | assigned


def _has_definition(tree: ast.Module | None) -> bool:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return tree is not None and any(isinstance(node, kinds) for node in tree.body)


def extract(text: str, wanted: str | None = None) -> str | None:
    """The program in an answer; None where there is none.

    Args:
        text: The model's whole answer.
        wanted: The function or class it must define; None for a program that reads its input.
    """
    text = text.replace("\r\n", "\n")[-MAX_TEXT:]
    found = [code for raw in blocks(text) if (code := textwrap.dedent(raw).strip("\n")).strip()]
    if found:
        return _best(found, wanted)
    return _bare(text, wanted)


def _best(found: list[str], wanted: str | None) -> str:
    trees = [(code, parsed(code)) for code in found]
    if wanted is not None:
        for code, tree in reversed(trees):
            if defines(tree, wanted):
                return _with_earlier(found, code, tree)
        for code in reversed(found):
            # It does not parse, but it is the attempt: its verdict is `compile`.
            if re.search(rf"\b(?:def|class)\s+{re.escape(wanted)}\b", code):
                return code
    for code, tree in reversed(trees):
        if _has_definition(tree):
            return code
    parsing = [code for code, tree in trees if tree is not None and tree.body]
    return parsing[-1] if parsing else found[-1]


def _with_earlier(found: list[str], code: str, tree: ast.Module | None) -> str:
    """The block itself; imports that only an earlier block has are part of the program too."""
    known = set(code.splitlines())
    imports = [
        line
        for earlier in found[: found.index(code)]
        for line in earlier.splitlines()
        if _IMPORT.match(line) and line not in known and parsed(line) is not None
    ]
    return "\n".join([*dict.fromkeys(imports), code])


def _bare(text: str, wanted: str | None) -> str | None:
    """A program that stands in the text without a fence."""
    lines = text.splitlines()
    whole = parsed(text)
    if whole is not None and (defines(whole, wanted) if wanted else _is_program(whole)):
        return text
    starts = [text.count("\n", 0, match.start()) for match in _START.finditer(text)]
    for start in starts[:_ATTEMPTS]:
        code = _longest(lines[start:])
        tree = parsed(code) if code else None
        if code and (defines(tree, wanted) if wanted else _is_program(tree)):
            return code
    if starts and wanted and re.search(rf"\bdef\s+{re.escape(wanted)}\b", text):
        return "\n".join(lines[starts[0] :])
    return None


def _is_program(tree: ast.Module | None) -> bool:
    """Whether it does something: a lone name or string parses too."""
    return tree is not None and any(not isinstance(node, ast.Expr) or _is_call(node) for node in tree.body)


def _is_call(node: ast.Expr) -> bool:
    return isinstance(node.value, ast.Call)


def _longest(lines: list[str]) -> str | None:
    """The longest head of `lines` that parses; an error says where to cut, so few tries are needed."""
    end = len(lines)
    for _ in range(_ATTEMPTS):
        if end <= 0:
            return None
        code = "\n".join(lines[:end])
        try:
            ast.parse(code)
            return code
        except SyntaxError as error:
            end = min(end - 1, (error.lineno or end) - 1)
        except (ValueError, RecursionError, MemoryError):
            end -= 1
    return None


def paper_extract(text: str) -> str:
    """The published rule.

    The last ```python block with ``def``, else the last one, else plain blocks the same way, else what stands before
    the first fence.
    """
    for pattern in (r"```python\n(.*?)```", r"```\n?(.*?)```"):
        found = re.findall(pattern, text, re.DOTALL)
        if found:
            return str(next((code for code in reversed(found) if "def " in code), found[-1]))
    return text.split("```")[0]


def paper_solution(code: str) -> str:
    """The published remedy for a missing class: everything indented under ``class Solution``."""
    if "class Solution:" in code:
        return code
    bare = code.replace("```python", "").replace("```", "")
    return "class Solution:\n" + "\n".join("    " + line for line in bare.split("\n"))
