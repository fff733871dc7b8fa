r'''HumanEval: 164 functions to complete from their docstring.

Problem HumanEval/53 as the ``clean`` prompt puts it, and one of its tests::

    Complete this Python function:

    ```python


    def add(x: int, y: int):
        """Add two numbers x and y
        >>> add(2, 3)
        5
        >>> add(5, 7)
        12
        """
    ```

    Reason briefly if you need to, then give the complete function, with its imports, in one ```python block.

    gold: assert candidate(2, 3) == 5
'''

from __future__ import annotations

import ast
import textwrap
from functools import partial

from entmin.problem import Problem
from entmin.programs.extract import dedented, defines, parsed, program_in
from entmin.programs.judge import judge
from entmin.programs.programs import Prepared, gold_of, tested
from entmin.programs.published import paper_extract
from entmin.sandbox import Limits
from entmin.tasks.benchmark import Benchmark
from entmin.tasks.code_prompts import PAPER_SYSTEM, PAPER_TAIL, signature
from entmin.tasks.data import Part, Record, Source, contents
from entmin.tasks.prompts import Profile, Strings, Turns, fill


def problem(record: Record, number: int) -> Problem:
    """The reference program is the prompt with the canonical body."""
    prompt, entry = str(record["prompt"]), str(record["entry_point"])
    gold = {
        "prompt": prompt,
        "test": str(record["test"]),
        "entry": entry,
        "reference": prompt + str(record["canonical_solution"]),
    }
    return Problem(str(record["task_id"]), prompt, gold)


def _clean(problem: Problem, strings: Strings) -> Turns:
    # Not stripped: the function's indentation counts.
    return [("user", fill(strings["user"], question=problem.question))]


def _published(problem: Problem, strings: Strings) -> Turns:
    assert isinstance(problem.gold, dict)
    shown = signature(problem.question, str(problem.gold["entry"]))
    text = fill(strings["user"], signature=shown, question=problem.question)
    return [("system", strings["system"]), ("user", text + strings["tail"])]


def program(row: Problem, completion: str, grader: str) -> Prepared | None:
    """Prompt, answer, tests, and the call of ``check``."""
    gold = gold_of(row)
    answer = paper_extract(completion) if grader == "paper" else program_in(completion, gold["entry"])
    if answer is None and _is_body(row.question, completion):
        answer = completion
    if answer is None:
        return None
    whole = defines(parsed(answer), gold["entry"]) or not _is_body(row.question, answer)
    code = answer if whole else row.question + _as_body(answer)
    tests = f"{gold['test']}\ncheck({gold['entry']})\n"
    # The prompt's own function ends in a docstring, so it stands alone; its imports and helpers stay usable.
    return tested(answer, tests, gold["entry"], code=code, setup=row.question)


def _as_body(code: str) -> str:
    return textwrap.indent(dedented(code), "    ") + "\n"


def _is_body(prompt: str, code: str) -> bool:
    """Whether the code goes on from the prompt: it completes the function and returns something."""
    tree = parsed(prompt + _as_body(code))
    return tree is not None and any(isinstance(node, ast.Return) for node in ast.walk(tree.body[-1]))


_CLEAN = {
    "user": (
        "Complete this Python function:\n\n```python\n{question}```\n\n"
        "Reason briefly if you need to, then give the complete function, with its imports, in one ```python block."
    ),
}
_PAPER = {
    "system": PAPER_SYSTEM,
    "user": (
        "Write Python code to solve the task.\nWrite a Python function `{signature}` to solve the following problem: "
        "Present code in ```python```\n```python\n{question}\n```\n"
    ),
    "tail": PAPER_TAIL,
}

HUMANEVAL = Benchmark(
    name="humaneval",
    summary="HumanEval: 164 functions to complete, run in a sandbox",
    groups=("code", "all"),
    place=200,
    source=Source(
        hub="openai/openai_humaneval",
        revision="7dce6050a7d6d172f3cc5c32aa97f52fa1a2e544",
        folder="humaneval",
        licence="mit",
        parts=(
            Part(
                contents(164, "2acc671c3bb5b3151af6ec902ebf6b49e9c33cfd1d04e72bb5eb5797893eb04a"),
                "test",
                config="openai_humaneval",
            ),
        ),
    ),
    problem=problem,
    prompts={"clean": Profile(2, _CLEAN, _clean), "paper": Profile(2, _PAPER, _published)},
    judge="program",
    judging=partial(judge, assemble=program),
    limits=Limits(cpu_seconds=5, wall_seconds=30),  # published: 3 s, short for a slow core
)
