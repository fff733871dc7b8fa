"""From the columns of each code benchmark to the one normal form: `Problem.gold` holds what its programs are judged by.

``gold`` always has ``reference``, a known right program or None, which `entmin check` runs and nothing else reads.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

from entmin.problem import Problem
from entmin.tasks.columns import Record

_SKELETON = re.compile(r"```python\n(.*?)```", re.DOTALL)


def _humaneval(record: Record, number: int) -> Problem:
    prompt, entry = str(record["prompt"]), str(record["entry_point"])
    gold = {
        "prompt": prompt,
        "test": str(record["test"]),
        "entry": entry,
        "reference": prompt + str(record["canonical_solution"]),
    }
    return Problem(str(record["task_id"]), prompt, gold)


def _mbpp(record: Record, number: int) -> Problem:
    code, tests = str(record["code"]), [str(test) for test in record["test_list"]]
    gold = {
        "imports": [str(line) for line in record["test_imports"]],
        "tests": tests,
        "entry": tested_function(code, tests),
        "reference": code,
    }
    return Problem(str(record["task_id"]), str(record["prompt"]), gold)


def tested_function(code: str, tests: list[str]) -> str:
    """The function that the tests call: of those the reference defines, the first one they name.

    Raises:
        ValueError: they call none.
    """
    defined = {node.name for node in ast.parse(code).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for node in ast.walk(ast.parse("\n".join(tests))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in defined:
            return node.func.id
    raise ValueError("the tests call no function that the reference defines")


def _leetcode(record: Record, number: int) -> Problem:
    question = str(record["prompt_sft"])
    skeleton = _SKELETON.findall(question)[-1]
    prelude, _, _ = skeleton.partition("class Solution")
    gold = {
        "test": str(record["test"]),
        "entry": re.findall(r"my_solution\.(\w+)\(", str(record["test"]))[0],
        # Definitions the skeleton gives, such as ListNode, which an answer need not repeat.
        "prelude": prelude if prelude.strip() and not _only_comments(prelude) else "",
        "reference": None,
    }
    return Problem(str(record["task_id"]), question, gold, level=str(record["meta"]["difficulty"]))


def _only_comments(code: str) -> bool:
    return all(not line.strip() or line.lstrip().startswith("#") for line in code.splitlines())


def _scicode(record: Record, number: int) -> Problem:
    steps: list[dict[str, Any]] = [
        {
            "id": str(step["step_number"]),
            "description": str(step["step_description_prompt"]),
            "background": step.get("step_background"),
            "header": str(step["function_header"]),
            "return_line": str(step["return_line"]),
            "tests": [str(test) for test in step["test_cases"]],
            "reference": step.get("ground_truth_code"),
        }
        for step in record["sub_steps"]
    ]
    gold = {"dependencies": str(record["required_dependencies"]), "steps": steps, "reference": None}
    return Problem(str(record["problem_id"]), str(record["problem_description_main"]), gold)


ROWS: dict[str, Callable[[Record, int], Problem]] = {
    "humaneval": _humaneval,
    "mbpp": _mbpp,
    "leetcode": _leetcode,
    "scicode": _scicode,
}
