"""Judging LiveCodeBench answers: functions by what they return, programs by what they print.

Expected outputs stay outside the sandbox: a program sees its input only, and what it gives back is compared here. The
first test that fails ends the run.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from entmin.problem import Problem
from entmin.programs.extract import program_in
from entmin.programs.judge import Judgement, Rules, judgement
from entmin.programs.livecodebench import Test, tests_at
from entmin.programs.programs import gold_of, imports, with_class
from entmin.programs.published import paper_extract, paper_solution
from entmin.sandbox import Case, Outcome, Program
from entmin.sandbox.outcomes import json_value

_BATCH = 32
"""Tests handed to one sandbox: enough to hide its start, few enough to bound what is sent for nothing."""


def judge_livecodebench(row: Problem, completion: str, rules: Rules) -> Judgement:
    """Judge one answer against all public and private tests; blocks.

    Raises:
        EntminError: the tests cannot be read, or the sandbox failed.
    """
    return judge_tests(tests_at(row), gold_of(row)["function"] or None, completion, rules)


def judge_tests(tests: Sequence[Test], function: str | None, completion: str, rules: Rules) -> Judgement:
    """Judge one answer against tests: of a function by its name, or of a program that reads its input; blocks.

    Raises:
        EntminError: the sandbox failed.
    """
    if rules.grader == "paper":
        extracted: str | None = paper_extract(completion)
        answer = paper_solution(extracted) if extracted and function else extracted
    else:
        answer = program_in(completion, function)
    if answer is None:
        return Judgement(rules.verdict(False, None, "no-code"))
    code = with_class(answer, function) if function and rules.grader == "entmin" else answer
    outcome, spent = Outcome("crash", "the problem has no tests"), 0.0
    for start in range(0, len(tests), _BATCH):
        outcome, used = _run(code, function, tests[start : start + _BATCH], rules)
        spent += used
        if outcome.ending != "ok":
            break
    return judgement(answer, Outcome(outcome.ending, outcome.detail, cpu_seconds=spent), rules)


def _run(code: str, function: str | None, tests: Sequence[Test], rules: Rules) -> tuple[Outcome, float]:
    """The first outcome that is not right, else the last one; and the processor time of all."""
    header, packages = imports(code, rules.grader)
    cases = tuple(Case(arguments=_arguments(test.input)) if function else Case(input=test.input) for test in tests)
    program = Program("call" if function else "stdin", code, cases, header, function or "", packages=packages)
    limits = rules.limits()
    judged: list[Outcome] = []

    def right(index: int, outcome: Outcome) -> bool:
        judged.append(_compared(outcome, tests[index], function is not None))
        return judged[-1].ending == "ok"

    rules.open().run(program, limits, right)
    return judged[-1], sum(outcome.cpu_seconds for outcome in judged)


def _arguments(text: str) -> tuple[Any, ...]:
    """One JSON value per line."""
    return tuple(json.loads(line) for line in text.split("\n") if line.strip())


def _compared(outcome: Outcome, test: Test, functional: bool) -> Outcome:
    if outcome.ending != "ok":
        return outcome
    if functional:
        same = same_value(outcome.result, json_value(test.output))
    else:
        same = same_output(outcome.output, test.output)
    return outcome if same else Outcome("wrong", "another output than expected", cpu_seconds=outcome.cpu_seconds)


def same_output(given: str, expected: str) -> bool:
    """Whether two printed answers are the same: line by line, words by spelling or as close numbers.

    Unlike the published comparison, the order of lines always counts.
    """
    ours, theirs = _table(given), _table(expected)
    return len(ours) == len(theirs) and all(
        len(a) == len(b) and all(_same_word(x, y) for x, y in zip(a, b, strict=True))
        for a, b in zip(ours, theirs, strict=True)
    )


def same_value(given: Any, expected: Any) -> bool:
    """Whether two returned values are the same; where a fraction is expected, within the 1e-5 that such tasks state."""
    if isinstance(expected, float) and isinstance(given, int | float) and abs(given) < 1e300:
        return math.isclose(given, expected, rel_tol=1e-5, abs_tol=1e-5)
    if isinstance(expected, list) and isinstance(given, list):
        return len(given) == len(expected) and all(map(same_value, given, expected))
    if isinstance(expected, dict) and isinstance(given, dict):
        return given.keys() == expected.keys() and all(same_value(given[key], expected[key]) for key in expected)
    return bool(given == expected)


def _table(text: str) -> list[list[str]]:
    return [line.split() for line in text.strip().split("\n")]


def _same_word(one: str, other: str) -> bool:
    if one == other:
        return True
    if not ("." in other or "e" in other.lower()) or len(one) > 400:
        return False
    try:
        return math.isclose(float(one), float(other), rel_tol=1e-5, abs_tol=1e-8)
    except ValueError:
        return False
