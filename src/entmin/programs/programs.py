"""From a problem and an answer to the program that judges it, and code that such programs share; nothing runs here."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any

from entmin.problem import Problem
from entmin.programs.extract import parsed, program_in
from entmin.programs.published import paper_extract
from entmin.sandbox import Case, Program

GRADERS = ("entmin", "paper")
_PAPER_IMPORTS = (
    "import math", "import re", "import sys", "import copy", "import datetime", "import itertools",
    "import collections", "import heapq", "import functools", "import hashlib", "import string",
    "from typing import *", "from collections import *", "from functools import *",
)  # fmt: skip
# What the LeetCode site imports for every solution. Builtins follow math and operator, which replace `pow`, and modules
# follow everything, because bisect and copy have functions of their own names.
_SITE_IMPORTS = (
    "from bisect import *", "from copy import *", "from heapq import *", "from itertools import *",
    "from math import *", "from operator import *", "from builtins import *",
    *_PAPER_IMPORTS[-3:], *_PAPER_IMPORTS[:-3],
    "import array", "import bisect", "import decimal", "import fractions", "import operator", "import random",
    "import statistics",
)  # fmt: skip
_NUMPY_IMPORTS = ("import numpy", "import numpy as np")
_NUMPY = re.compile(r"\b(?:np|numpy)\b")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A program ready to run, and the part of it the model wrote."""

    program: Program
    answer: str


def imports(code: str, grader: str) -> tuple[str, tuple[str, ...]]:
    """The header a contest solution runs under, and the packages it needs.

    NumPy takes longer to import than most solutions run, so it is imported only where the solution names it.
    """
    lines = _PAPER_IMPORTS if grader == "paper" else _SITE_IMPORTS
    packages = packages_of(code)
    return "\n".join((*lines, *_NUMPY_IMPORTS) if packages else lines), packages


def packages_of(code: str) -> tuple[str, ...]:
    """The packages that the code names, of those that the sandbox lends to a single function."""
    return ("numpy",) if _NUMPY.search(code) else ()


def asserts(row: Problem, completion: str, grader: str) -> Prepared | None:
    """The answer, then the problem's tests: for benchmarks without a form of their own, and for files of problems."""
    gold = gold_of(row)
    answer = paper_extract(completion) if grader == "paper" else program_in(completion, gold["entry"])
    if not answer:
        return None
    return tested(answer, gold["test"], gold["entry"], packages=packages_of(answer + gold["test"]))


def tested(
    answer: str,
    tests: str,
    entry: str | None,
    *,
    code: str | None = None,
    setup: str = "",
    packages: tuple[str, ...] | None = None,
) -> Prepared:
    """An answer under tests that are assertions.

    Args:
        answer: what the model wrote.
        tests: a program that fails where the answer is wrong.
        entry: what the tests use of the answer; None where that is not known, and both run in one process.
        code: the program of the answer; by default the answer itself.
        setup: what runs before the program.
        packages: those to lend; by default those that the answer names.
    """
    lent = packages_of(answer) if packages is None else packages
    program = Program(
        "asserts",
        answer if code is None else code,
        (Case(tests=tests),),
        setup,
        preload=lent,
        packages=lent,
        entries=(entry,) if entry else (),
    )
    return Prepared(program, answer)


def with_class(code: str, entry: str) -> str:
    """The code with a class ``Solution`` that has the method `entry`, made of its function where there is no class."""
    tree = parsed(code)
    if tree is None or any(isinstance(node, ast.ClassDef) and node.name == "Solution" for node in tree.body):
        return code
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == entry:
            names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
            method = entry if names[:1] == ["self"] else f"staticmethod({entry})"
            return f"{code}\n\nclass Solution:\n    {entry} = {method}\n"
    return code


def gold_of(row: Problem) -> dict[str, Any]:
    """The gold of a code row."""
    assert isinstance(row.gold, dict)
    return row.gold
