r"""MBPP, sanitised: functions from a sentence and three tests.

The Hub's sanitised test split has 257 problems; the file of the published harness has 399 of the 427 sanitised ones.
Scores on the two are not comparable, and the log says which it was.

Problem 426 as the ``clean`` prompt puts it, and one of its tests::

    Write a function to filter odd numbers.

    The function must pass tests such as:

    ```python
    assert filter_oddnumbers([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])==[1,3,5,7,9]
    assert filter_oddnumbers([10,20,45,67,84,93])==[45,67,93]
    assert filter_oddnumbers([5,7,9,8,6,4,3])==[5,7,9,3]
    ```

    Reason briefly if you need to, then give the complete function in one ```python block.

    gold: assert filter_oddnumbers([10,20,45,67,84,93])==[45,67,93]
"""

from __future__ import annotations

import ast
from functools import partial

from entmin.problem import Problem
from entmin.programs.extract import program_in
from entmin.programs.judge import judge
from entmin.programs.programs import Prepared, gold_of, tested
from entmin.programs.published import paper_extract
from entmin.sandbox import Limits
from entmin.tasks.benchmark import Benchmark
from entmin.tasks.code_prompts import PAPER_SYSTEM, PAPER_TAIL, signature
from entmin.tasks.data import Contents, Part, Record, Source
from entmin.tasks.prompts import Profile, Strings, Turns, fill


def problem(record: Record, number: int) -> Problem:
    """The function's name stands in the tests only."""
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


def _clean(problem: Problem, strings: Strings) -> Turns:
    assert isinstance(problem.gold, dict)
    text = fill(strings["user"], question=problem.question.strip(), tests="\n".join(problem.gold["tests"]))
    return [("user", text)]


def _published(problem: Problem, strings: Strings) -> Turns:
    assert isinstance(problem.gold, dict)
    shown = signature(str(problem.gold["reference"]), str(problem.gold["entry"]))
    text = fill(strings["user"], signature=shown, question=problem.question, test=problem.gold["tests"][0])
    return [("system", strings["system"]), ("user", text + strings["tail"])]


def program(row: Problem, completion: str, grader: str) -> Prepared | None:
    """The imports the tests name, answer, tests."""
    gold = gold_of(row)
    answer = paper_extract(completion) if grader == "paper" else program_in(completion, gold["entry"])
    if answer is None:
        return None
    if grader == "paper":
        answer = "\n".join(line for line in answer.split("\n") if line.startswith(("def", " ", "\t")) or not line)
    setup = "" if grader == "paper" else "\n".join(gold["imports"])
    return tested(answer, "\n".join(gold["tests"]), gold["entry"], setup=setup)


_CLEAN = {
    "user": (
        "{question}\n\nThe function must pass tests such as:\n\n```python\n{tests}\n```\n\n"
        "Reason briefly if you need to, then give the complete function in one ```python block."
    ),
}
_PAPER = {
    "system": PAPER_SYSTEM,
    "user": (
        "Write Python code to solve the task.\nWrite a Python function `{signature}` to solve the following problem: "
        "Present code in ```python and ```\n{question}\nThe code should pass the following test cases:"
        ">>> {test}\n\n Let's coding step by step.\n"
    ),
    "tail": PAPER_TAIL,
}

MBPP = Benchmark(
    name="mbpp",
    summary="MBPP, sanitised: 399 (Hub: 257) small functions, run in a sandbox",
    groups=("code", "all"),
    place=210,
    source=Source(
        hub="google-research-datasets/mbpp",
        revision="4bb6404fdc6cacfda99d4ac4205087b89d32030c",
        folder="mbpp",
        licence="cc-by-4.0",
        parts=(
            Part(
                (
                    Contents(399, "491f0713bceb46aac2b6247f466e89d4a396c0ab7eaaa48924c47b74e528ed1c", of="mirror"),
                    Contents(257, of="hub"),
                ),
                "test",
                config="sanitized",
            ),
        ),
    ),
    problem=problem,
    prompts={"clean": Profile(2, _CLEAN, _clean), "paper": Profile(2, _PAPER, _published)},
    judge="program",
    judging=partial(judge, assemble=program),
    limits=Limits(cpu_seconds=5, wall_seconds=30),  # published: 3 s, short for a slow core
)
