r"""LeetCode weekly contests of July 2023 to January 2024: 180 problems, by difficulty.

The problem weekly-contest-375-count-subarrays-where-max-element-appears-at-least-k-times as the ``clean`` prompt puts
it, and one of its tests::

    You are given an integer array nums and a positive integer k.
    Return the number of subarrays where the maximum element of nums appears at least k times in that subarray.
    [...]
    Please complete the code below to solve above prblem:
    ```python
    class Solution:
        def countSubarrays(self, nums: List[int], k: int) -> int:

    ```

    Reason briefly if you need to, then give the complete class in one ```python block. The usual imports are there.

    gold: assert my_solution.countSubarrays(**test_input) == 6
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from entmin.problem import Problem
from entmin.programs.extract import program_in
from entmin.programs.judge import judge
from entmin.programs.known import right_programs
from entmin.programs.programs import Prepared, gold_of, imports, tested, with_class
from entmin.programs.published import paper_extract, paper_solution
from entmin.sandbox import Limits
from entmin.tasks.benchmark import Benchmark
from entmin.tasks.code_prompts import PAPER_ACTIONS, PAPER_TAIL
from entmin.tasks.data import Part, Record, Source, contents
from entmin.tasks.prompts import Profile, Strings, Turns, user_turn

_SKELETON = re.compile(r"```python\n(.*?)```", re.DOTALL)


def problem(record: Record, number: int) -> Problem:
    """The prompt ends in a skeleton; what it defines before the class an answer need not repeat."""
    question = str(record["prompt_sft"])
    prelude, _, _ = _SKELETON.findall(question)[-1].partition("class Solution")
    gold = {
        "test": str(record["test"]),
        "entry": re.findall(r"my_solution\.(\w+)\(", str(record["test"]))[0],
        # Definitions the skeleton gives, such as ListNode.
        "prelude": "" if _only_comments(prelude) else prelude,
        "reference": None,
    }
    return Problem(str(record["task_id"]), question, gold, level=str(record["meta"]["difficulty"]))


def _only_comments(code: str) -> bool:
    return all(not line.strip() or line.lstrip().startswith("#") for line in code.splitlines())


def _published(problem: Problem, strings: Strings) -> Turns:
    return [("system", strings["system"]), ("user", problem.question + strings["tail"])]


def program(row: Problem, completion: str, grader: str) -> Prepared | None:
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
    return tested(answer, gold["test"], "Solution", code=code, setup=setup, packages=packages)


_CLEAN = {
    "user": (
        "{question}\n\nReason briefly if you need to, then give the complete class in one ```python block. "
        "The usual imports are there."
    ),
}

LEETCODE = Benchmark(
    name="leetcode",
    summary="LeetCode contests: 180 problems, by difficulty, run in a sandbox",
    groups=("code", "all"),
    place=220,
    source=Source(
        hub="TechxGenus/LeetCode-Contest",
        folder="leetcode",
        licence="none stated; problem texts are LeetCode's",
        parts=(
            Part(
                contents(180, "8e1f26e1d305bd1e8ad4a5636256ad8aa54b50951b75d01f70dd63617ca60a87"),
                "train",
                files=(("test.jsonl",), ("20240121-Jul.jsonl",)),
            ),
        ),
    ),
    problem=problem,
    prompts={
        "clean": Profile(2, _CLEAN, user_turn),
        "paper": Profile(2, {"system": PAPER_ACTIONS, "tail": PAPER_TAIL}, _published),
    },
    judge="program",
    judging=partial(judge, assemble=program),
    limits=Limits(cpu_seconds=10, wall_seconds=60),
    known=partial(right_programs, Path(__file__).with_suffix(".md")),
)
