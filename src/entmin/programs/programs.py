"""From a problem and an answer to the program that judges it: one function per benchmark, nothing is run here."""

from __future__ import annotations

import ast
import re
import textwrap
from dataclasses import dataclass
from typing import Any

from entmin.problem import Problem
from entmin.programs.extract import dedented, defines, parsed, program_in
from entmin.programs.published import paper_extract, paper_solution
from entmin.sandbox import Case, Limits, Program

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

LIMITS: dict[str, Limits] = {
    "humaneval": Limits(cpu_seconds=5, wall_seconds=30),
    "mbpp": Limits(cpu_seconds=5, wall_seconds=30),
    "leetcode": Limits(cpu_seconds=10, wall_seconds=60),
    "livecodebench": Limits(cpu_seconds=6, wall_seconds=40),
    "program": Limits(cpu_seconds=10, wall_seconds=60),
    "scicode": Limits(cpu_seconds=300, wall_seconds=900, memory_mib=4096),
}
"""The published limits (3, 3, 10, 6 and 300 s), as processor time; 3 s are short for a slow core, so they are 5."""


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
    if _NUMPY.search(code):
        return "\n".join((*lines, *_NUMPY_IMPORTS)), ("numpy",)
    return "\n".join(lines), ()


def humaneval(row: Problem, completion: str, grader: str) -> Prepared | None:
    """Prompt, answer, tests, and the call of ``check``."""
    gold = gold_of(row)
    answer = paper_extract(completion) if grader == "paper" else program_in(completion, gold["entry"])
    if answer is None and _is_body(row.question, completion):
        answer = completion
    if answer is None:
        return None
    packages = ("numpy",) if _NUMPY.search(answer) else ()
    whole = defines(parsed(answer), gold["entry"]) or not _is_body(row.question, answer)
    program = Program(
        "asserts",
        answer if whole else row.question + _as_body(answer),
        (Case(tests=f"{gold['test']}\ncheck({gold['entry']})\n"),),
        # The prompt's own function ends in a docstring, so it stands alone; its imports and helpers stay usable.
        setup=row.question,
        preload=packages,
        packages=packages,
        entries=(gold["entry"],),
    )
    return Prepared(program, answer)


def _as_body(code: str) -> str:
    return textwrap.indent(dedented(code), "    ") + "\n"


def _is_body(prompt: str, code: str) -> bool:
    """Whether the code goes on from the prompt: it completes the function and returns something."""
    tree = parsed(prompt + _as_body(code))
    return tree is not None and any(isinstance(node, ast.Return) for node in ast.walk(tree.body[-1]))


def mbpp(row: Problem, completion: str, grader: str) -> Prepared | None:
    """The imports the tests name, answer, tests."""
    gold = gold_of(row)
    answer = paper_extract(completion) if grader == "paper" else program_in(completion, gold["entry"])
    if answer is None:
        return None
    if grader == "paper":
        answer = "\n".join(line for line in answer.split("\n") if line.startswith(("def", " ", "\t")) or not line)
    setup = "" if grader == "paper" else "\n".join(gold["imports"])
    packages = ("numpy",) if _NUMPY.search(answer) else ()
    case = Case(tests="\n".join(gold["tests"]))
    program = Program("asserts", answer, (case,), setup, preload=packages, packages=packages, entries=(gold["entry"],))
    return Prepared(program, answer)


def asserts(row: Problem, completion: str, grader: str) -> Prepared | None:
    """The answer, then the problem's tests: of benchmarks that have no form of their own, and of files of problems."""
    gold = gold_of(row)
    answer = paper_extract(completion) if grader == "paper" else program_in(completion, gold["entry"])
    if not answer:
        return None
    packages = ("numpy",) if _NUMPY.search(answer + gold["test"]) else ()
    entries = (gold["entry"],) if gold["entry"] else ()
    case = Case(tests=gold["test"])
    return Prepared(Program("asserts", answer, (case,), preload=packages, packages=packages, entries=entries), answer)


def leetcode(row: Problem, completion: str, grader: str) -> Prepared | None:
    """Header, the skeleton's own classes, answer, tests."""
    gold = gold_of(row)
    if grader == "paper":
        answer: str | None = paper_solution(paper_extract(completion))
    else:
        answer = program_in(completion, gold["entry"])
    if answer is None:
        return None
    code = answer if grader == "paper" else with_class(answer, gold["entry"])
    header, packages = imports(code, grader)
    setup = f"{header}\n{gold['prelude']}"
    case = Case(tests=gold["test"])
    program = Program("asserts", code, (case,), setup, preload=packages, packages=packages, entries=("Solution",))
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
