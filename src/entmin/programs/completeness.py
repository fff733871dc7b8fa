"""Ranks syntax trees by how complete a program they are: the extraction keeps the most complete block."""

from __future__ import annotations

import ast
import builtins

_KINDS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__", "exit", "quit"}
COMPLETE = 4


def rank_of(tree: ast.Module) -> int:
    """4: reads input and lacks nothing; 3: defines or prints and lacks nothing; 2: lacks names; 1: does something."""
    if not is_program(tree):
        return 0
    nodes = list(ast.walk(tree))
    loaded = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    stored = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    stored |= {node.name for node in nodes if isinstance(node, _KINDS)} | {
        n.arg for n in nodes if isinstance(n, ast.arg)
    }
    aliases = {
        (alias.asname or alias.name).split(".")[0]
        for n in nodes
        if isinstance(n, ast.Import | ast.ImportFrom)
        for alias in n.names
    }
    handled = {str(node.name) for node in nodes if isinstance(node, ast.ExceptHandler)}
    missing = loaded - stored - aliases - handled - _BUILTINS
    reads = "input" in loaded or any(isinstance(n, ast.Attribute) and n.attr in ("stdin", "buffer") for n in nodes)
    works = reads or "print" in loaded or any(isinstance(node, _KINDS) for node in tree.body)
    if missing and "*" not in aliases:
        return 2 if works else 1
    return COMPLETE if reads else 3 if works else 1


def is_program(tree: ast.Module | None) -> bool:
    """Whether it does something: a lone name, string or term parses too."""
    return tree is not None and any(not isinstance(node, ast.Expr) or _is_work(node.value) for node in tree.body)


def _is_work(value: ast.expr) -> bool:
    """A call, but of no single letter: ``O(n)`` is a formula."""
    return isinstance(value, ast.Call) and not (isinstance(value.func, ast.Name) and len(value.func.id) == 1)
