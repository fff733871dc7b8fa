r"""What is sent to the model for code: the profiles ``paper`` and ``clean``, as in `entmin.tasks.prompts`.

``paper`` keeps the published strings: the system prompt of "actions" for LeetCode, with real newlines, and the same for
LiveCodeBench with literal backslash-n; the mathematics system prompt for HumanEval and MBPP; every tail and
misspelling. ``clean`` states the task, the exact signature and one fenced block as the form, in the user turn.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from entmin.errors import UsageError
from entmin.problem import Problem
from entmin.tasks.prompts import Profile, Turns, fill

_ACTIONS = (
    "\nWhen tackling complex reasoning tasks, you have access to the following actions. Use them as needed to progress "
    "through your thought process.\n\n[ASSESS]\n\n[ADVANCE]\n\n[VERIFY]\n\n[SIMPLIFY]\n\n[SYNTHESIZE]\n\n[PIVOT]\n\n"
    "[OUTPUT]\n\nYou should strictly follow the format below:\n\n[ACTION NAME]\n\n# Your action step 1\n\n"
    "# Your action step 2\n\n# Your action step 3\n\n...\n\nNext action: [NEXT ACTION NAME]\n"
)
_TAIL = "\n\nWrite Python code to solve the problem. Present the code in \n```python\nYour code\n```\nat the end."

_PAPER: dict[str, str] = {
    "actions": _ACTIONS,
    "actions escaped": _ACTIONS.replace("\n", "\\n"),
    "mathematics": "Please reason step by step, and put your final answer within \\\\boxed{}.\n",
    "tail": _TAIL,
    "humaneval": (
        "Write Python code to solve the task.\nWrite a Python function `{signature}` to solve the following problem: "
        "Present code in ```python```\n```python\n{question}\n```\n"
    ),
    "mbpp": (
        "Write Python code to solve the task.\nWrite a Python function `{signature}` to solve the following problem: "
        "Present code in ```python and ```\n{question}\nThe code should pass the following test cases:"
        ">>> {test}\n\n Let's coding step by step.\n"
    ),
    "lcb question": "### Question:\n{question}\n\n",
    "lcb starter": (
        "### Format: You will use the following starter code to write the solution to the problem and enclose your "
        "code within delimiters.\n```python\n{starter}\n```\n\n"
    ),
    "lcb stdin": (
        "### Format: Read the inputs from stdin solve the problem and write the answer to stdout (do not directly test "
        "on the sample inputs). Enclose your code within delimiters as follows.\n```python\n# YOUR CODE HERE\n```\n\n"
    ),
    "lcb answer": "### Answer: (use the provided format with backticks)\n\n",
}

_CLEAN: dict[str, str] = {
    "humaneval": (
        "Complete this Python function:\n\n```python\n{question}```\n\n"
        "Reason briefly if you need to, then give the complete function, with its imports, in one ```python block."
    ),
    "mbpp": (
        "{question}\n\nThe function must pass tests such as:\n\n```python\n{tests}\n```\n\n"
        "Reason briefly if you need to, then give the complete function in one ```python block."
    ),
    "leetcode": (
        "{question}\n\nReason briefly if you need to, then give the complete class in one ```python block. "
        "The usual imports are there."
    ),
    "lcb starter": (
        "{question}\n\nUse this starter code:\n\n```python\n{starter}\n```\n\n"
        "Reason briefly if you need to, then give the complete class in one ```python block."
    ),
    "lcb stdin": (
        "{question}\n\nThe program reads its input from standard input and writes the answer to standard output. "
        "Reason briefly if you need to, then give the complete program in one ```python block."
    ),
}

PROFILES: dict[str, Profile] = {"paper": Profile("paper", 1, _PAPER), "clean": Profile("clean", 1, _CLEAN)}


def profile(name: str) -> Profile:
    """The profile called `name`.

    Raises:
        UsageError: there is none.
    """
    if name not in PROFILES:
        raise UsageError(f"unknown prompt profile {name!r}; profiles: {', '.join(PROFILES)}")
    return PROFILES[name]


def turns(name: str, benchmark: str, row: Problem) -> Turns:
    """The chat turns that put the problem `row` of `benchmark` to a model.

    Raises:
        UsageError: there is no such profile.
    """
    profile(name)
    return _RENDERERS[name, benchmark](row)


def signature(code: str, name: str) -> str:
    """The declaration of a function without ``def`` and colon, as the code writes it."""
    found = re.search(rf"def\s+({re.escape(name)}.*?):\s*\n", code, re.DOTALL)
    return found[1] if found else f"{name}()"


def _gold(row: Problem) -> dict[str, object]:
    assert isinstance(row.gold, dict)
    return row.gold


def _paper_humaneval(row: Problem) -> Turns:
    gold = _gold(row)
    text = fill(_PAPER["humaneval"], signature=signature(row.question, str(gold["entry"])), question=row.question)
    return [("system", _PAPER["mathematics"]), ("user", text + _PAPER["tail"])]


def _paper_mbpp(row: Problem) -> Turns:
    gold = _gold(row)
    tests = gold["tests"]
    assert isinstance(tests, list)
    shown = signature(str(gold["reference"]), str(gold["entry"]))
    text = fill(_PAPER["mbpp"], signature=shown, question=row.question, test=tests[0])
    return [("system", _PAPER["mathematics"]), ("user", text + _PAPER["tail"])]


def _paper_leetcode(row: Problem) -> Turns:
    return [("system", _PAPER["actions"]), ("user", row.question + _PAPER["tail"])]


def _paper_livecodebench(row: Problem) -> Turns:
    starter = str(_gold(row)["starter"])
    form = fill(_PAPER["lcb starter"], starter=starter) if starter else _PAPER["lcb stdin"]
    text = fill(_PAPER["lcb question"], question=row.question) + form + _PAPER["lcb answer"] + _PAPER["tail"]
    return [("system", _PAPER["actions escaped"]), ("user", text)]


def _clean_humaneval(row: Problem) -> Turns:
    return [("user", fill(_CLEAN["humaneval"], question=row.question))]


def _clean_mbpp(row: Problem) -> Turns:
    tests = _gold(row)["tests"]
    assert isinstance(tests, list)
    return [("user", fill(_CLEAN["mbpp"], question=row.question.strip(), tests="\n".join(tests)))]


def _clean_leetcode(row: Problem) -> Turns:
    return [("user", fill(_CLEAN["leetcode"], question=row.question.strip()))]


def _clean_livecodebench(row: Problem) -> Turns:
    starter = str(_gold(row)["starter"])
    template = _CLEAN["lcb starter" if starter else "lcb stdin"]
    return [("user", fill(template, question=row.question.strip(), starter=starter))]


_RENDERERS: dict[tuple[str, str], Callable[[Problem], Turns]] = {
    ("paper", "humaneval"): _paper_humaneval,
    ("paper", "mbpp"): _paper_mbpp,
    ("paper", "leetcode"): _paper_leetcode,
    ("paper", "livecodebench"): _paper_livecodebench,
    ("clean", "humaneval"): _clean_humaneval,
    ("clean", "mbpp"): _clean_mbpp,
    ("clean", "leetcode"): _clean_leetcode,
    ("clean", "livecodebench"): _clean_livecodebench,
}
