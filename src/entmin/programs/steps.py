"""SciCode answers: from the steps' answers to programs, and from the outcomes to a verdict on each step and problem.

An answer to a whole problem is one text: a heading ``## <step>`` and a Python block for each step. Blocks without
headings count as the steps in order, the supplied ones left out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

from entmin.errors import EntminError
from entmin.problem import Problem
from entmin.programs.extract import answer_in, blocks, parsed, program_in
from entmin.programs.judge import Judgement, Rules
from entmin.programs.programs import gold_of
from entmin.programs.scicode import PACKAGES, inside, supplied, targets_for
from entmin.sandbox import Case, Program

_HEADING = re.compile(r"^## (\d+\.\d+)[ \t]*$", re.MULTILINE)
_NAME = re.compile(r"^\s*(?:def|class)\s+(\w+)", re.MULTILINE)


def function_of(step: Mapping[str, Any]) -> str:
    """The function or class a step defines.

    Raises:
        EntminError: its header declares none.
    """
    found = _NAME.search(step["header"])
    if found is None:
        raise EntminError(f"scicode {step['id']}: its header declares no function; is this the right data set?")
    return found[1]


def step_code(step: Mapping[str, Any], completion: str) -> str | None:
    """The program in the answer to one step, without its imports, as published; None where there is none."""
    code = program_in(completion, function_of(step))
    return without_imports(code) if code is not None else None


def without_imports(code: str) -> str:
    """The code without top-level imports of what the dependencies already give; code that does not parse stays."""
    tree = parsed(code)
    if tree is None:
        return code
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    dropped = {line for node in imports for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    return "\n".join(line for number, line in enumerate(code.split("\n"), 1) if number not in dropped)


def join_steps(codes: Mapping[str, str | None]) -> str:
    """The answer to a problem as one text."""
    return "\n\n".join(f"## {step}\n\n```python\n{code or ''}\n```" for step, code in codes.items())


def split_steps(row: Problem, completion: str) -> dict[str, str | None]:
    """Step to code, supplied steps included."""
    completion = answer_in(completion)
    asked = [step for step in gold_of(row)["steps"] if step["id"] not in supplied()]
    found: dict[str, str | None] = {step["id"]: None for step in asked}
    parts = _HEADING.split(completion)
    if len(parts) > 1:
        texts = dict(zip(parts[1::2], parts[2::2], strict=True))
        found |= {step["id"]: step_code(step, texts[step["id"]]) for step in asked if step["id"] in texts}
    else:
        fenced = [f"```python\n{code}\n```" for code in blocks(completion)]
        found |= {step["id"]: step_code(step, text) for step, text in zip(asked, fenced, strict=False)}
    return {step["id"]: supplied().get(step["id"], found.get(step["id"]) or None) for step in gold_of(row)["steps"]}


def judge_scicode(row: Problem, completion: str, rules: Rules) -> Judgement:
    """Judge every step of a problem; the problem is right when all of its tested steps are. Blocks.

    A step's program is the dependencies, the code of the steps before it and its own; all of its tests run in one
    process, the judge's, and the numeric imports are paid once for the problem.

    Raises:
        EntminError: the targets are missing, or the sandbox failed.
    """
    codes = split_steps(row, completion)
    tested = [step for step in gold_of(row)["steps"] if step["tests"]]
    reasons: dict[str, str] = {step["id"]: "no-code" for step in tested if not codes[step["id"]]}
    runnable = [step for step in tested if codes[step["id"]]]
    details: dict[str, str] = {}
    spent, in_process = 0.0, False
    if runnable:
        program = _program(row, runnable, codes, targets_for(row, rules.sandbox))
        for step, outcome in zip(runnable, rules.open().run(program, rules.limits()), strict=True):
            reasons[step["id"]] = "match" if outcome.ending == "ok" else outcome.ending
            details[step["id"]] = outcome.detail
            spent += outcome.cpu_seconds
            in_process |= outcome.in_process
    ordered = {step["id"]: reasons[step["id"]] for step in tested}
    first = next((name for name, reason in ordered.items() if reason != "match"), None)
    answer = join_steps({name: code for name, code in codes.items() if code}) or None
    reason = "match" if first is None else ordered[first]
    detail = "" if first is None else f"step {first}: {details.get(first, 'no code')}"
    return Judgement(rules.verdict(first is None, answer, reason), detail, spent, ordered, in_process)


def _program(row: Problem, steps: list[Any], codes: Mapping[str, str | None], targets: str) -> Program:
    gold = gold_of(row)
    order = [step["id"] for step in gold["steps"]]
    cases = []
    for step in steps:
        before = order[: order.index(step["id"])]
        cases.append(Case(tests=_tests(step), code="\n\n".join([*_sound(codes, before), codes[step["id"]] or ""])))
    return Program(
        "asserts",
        "",
        tuple(cases),
        setup=f"{inside()}\n{gold['dependencies']}\n",
        preload=("numpy", "h5py", "scipy.integrate", *_modules(gold["dependencies"])),
        packages=PACKAGES,
        files={"targets.h5": targets},
        entries=tuple(function_of(step) for step in gold["steps"]),
        seeded=True,
    )


def _sound(codes: Mapping[str, str | None], names: list[str]) -> list[str]:
    """The code of earlier steps; what does not parse is left out, so that it fails its own step and not all later."""
    return [code for name in names if (code := codes[name]) and parsed(code) is not None]


def _tests(step: Mapping[str, Any]) -> str:
    lines = [f"_targets = targets_of({step['id']!r}, {len(step['tests'])})"]
    for number, test in enumerate(step["tests"]):
        lines += [f"target = _targets[{number}]", test]
    return "\n".join(lines)


def _modules(dependencies: str) -> list[str]:
    """Every module the imports name, ``from a import b`` as ``a`` and ``a.b`` (which may be no module)."""
    tree = parsed(dependencies)
    found: list[str] = []
    for node in tree.body if tree else ():
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names if alias.name != "*")]
    return [name for name in dict.fromkeys(found) if name.split(".")[0] in ("numpy", "scipy", "sympy")]
