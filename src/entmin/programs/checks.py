"""Checking a code benchmark without a model: programs whose verdict is known.

Every known right program (the data set's own, or ours where it has none) must pass, also as models write it: without a
fence, with an unclosed one, with talk around it. Four broken versions of each must fail, each with its own verdict: a
changed return value and one that is off by one (``wrong``), an exception (``crash``), a loop (``timeout``).

A program is broken from outside: the tested function is wrapped, so that it is broken whatever it is, and only at its
outermost call, so that recursion still ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from entmin.problem import Problem
from entmin.programs.judge import Judgement, Rules, judge
from entmin.programs.programs import gold_of
from entmin.programs.steps import function_of, join_steps, split_steps

Judging = Callable[[Problem, str, Rules], Judgement]
_BREAK = """

def _broken(function):
    inside = []
    def broken(*arguments, **named):
        if inside:
            return function(*arguments, **named)
        inside.append(1)
        try:
            value = function(*arguments, **named)
        finally:
            inside.clear()
        {damage}
    return broken

def _changed(value):
    if hasattr(value, "shape"):
        return value + 1000003
    if isinstance(value, (list, tuple)) and {memberwise}:
        return type(value)(map(_changed, value))
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float, complex)):
        return value + 1000003
    if isinstance(value, str):
        return value + "#"
    if isinstance(value, (list, tuple)):
        return type(value)([*value, 1000003])
    if isinstance(value, set):
        return value | {1000003}
    if isinstance(value, dict):
        return {**value, 1000003: 1000003}
    if hasattr(value, "val"):
        value.val = _changed(value.val)
        return value
    return 1000003

def _off_by_one(value):
    if hasattr(value, "shape"):
        return value + 1
    if isinstance(value, (list, tuple)) and {memberwise}:
        return type(value)(map(_off_by_one, value))
    if isinstance(value, bool):
        return not value
    if isinstance(value, (float, complex)):
        return value + 1 + value / 100
    if isinstance(value, int):
        return value + 1
    if isinstance(value, (str, list, tuple)) and len(value):
        return value[:-1]
    return _changed(value)
"""
_DAMAGES = {
    "changed": ("return _changed(value)", "wrong"),
    "off by one": ("return _off_by_one(value)", "wrong"),
    "raising": ("raise RuntimeError('broken')", "crash"),
    "looping": ("while True: pass", "timeout"),
}


@dataclass(frozen=True, slots=True)
class CodeCase:
    """An answer whose verdict is known."""

    row: Problem
    kind: str
    prediction: str
    expected: str
    """The reason its verdict must have."""


@dataclass(slots=True)
class CodeReport:
    """What the check of one code benchmark found."""

    task: str
    problems: int = 0
    without: int = 0
    """Problems of the benchmark that no right program is known for."""
    in_process: int = 0
    """Answers whose tests could not be held apart from them."""
    cases: Counter[str] = field(default_factory=Counter)
    failures: list[dict[str, Any]] = field(default_factory=list)

    @property
    def unlisted(self) -> list[dict[str, Any]]:
        """The failures; none is listed as known."""
        return self.failures

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "task": self.task,
            "problems": self.problems,
            "without_known_program": self.without,
            "judged_in_process": self.in_process,
            "cases": dict(self.cases),
            "failures": self.failures,
        }

    def lines(self, show: int) -> Iterator[str]:
        """What the command prints."""
        missing = f", {self.without} without a known right program" if self.without else ""
        yield f"{self.task}: {self.problems} problems{missing}"
        for kind, count in self.cases.items():
            failed = sum(failure["kind"] == kind for failure in self.failures)
            yield f"  {kind:<14} {count - failed:>6} of {count:>6} as expected"
        if self.in_process:
            yield f"  {self.in_process} judged in process (docs/safety.md)"
        for failure in self.failures[:show]:
            yield f"  FAIL {failure['id']} {failure['kind']}: expected {failure['expected']}, got {failure['reason']} {failure['detail']}"  # noqa: E501


def broken(code: str, entry: str, damage: str, *, memberwise: bool = False) -> str:
    """The program with its function, or the method `entry` of its class Solution, broken.

    Numeric tests compare shapes first, so there the members of a sequence are changed (`memberwise`), not its length.
    """
    wrapped = _BREAK.replace("{damage}", damage).replace("{memberwise}", str(memberwise))
    if "class Solution" in code:
        return f"{code}{wrapped}\nSolution.{entry} = _broken(Solution.{entry})\n"
    return f"{code}{wrapped}\n{entry} = _broken({entry})\n"


def cases_of(row: Problem, code: str) -> Iterator[CodeCase]:
    """All known answers that one right program gives."""
    assert isinstance(row.gold, dict)
    entry = row.gold["entry"]
    yield CodeCase(row, "right", f"```python\n{code}\n```", "match")
    yield CodeCase(row, "talk around", f"Let me think.\n\n```python\n{code}\n```\nThis is O(n). Done.", "match")
    yield CodeCase(row, "unclosed fence", f"Sure!\n```python\n{code}\n", "match")
    yield CodeCase(row, "no fence", code, "match")
    for kind, (damage, expected) in _DAMAGES.items():
        yield CodeCase(row, kind, f"```python\n{broken(code, entry, damage)}```", expected)


def step_cases(row: Problem, answer: str) -> Iterator[CodeCase]:
    """The known answers of a SciCode problem: all of its steps, and the last one broken in each way."""
    codes = split_steps(row, answer)
    assert isinstance(row.gold, dict)
    last = row.gold["steps"][-1]
    yield CodeCase(row, "right", answer, "match")
    for kind, (damage, expected) in _DAMAGES.items():
        damaged = broken(codes[last["id"]] or "", function_of(last), damage, memberwise=True)
        yield CodeCase(row, kind, join_steps({**codes, last["id"]: damaged}), expected)


def known_programs(rows: Iterable[Problem], own: Mapping[str, str]) -> Iterator[tuple[Problem, str | None]]:
    """Each problem with a right program, the data set's own or one of ours."""
    for row in rows:
        assert isinstance(row.gold, dict)
        steps = {step["id"]: step["reference"] for step in row.gold.get("steps", ())}
        whole = join_steps(steps) if steps and all(steps.values()) else row.gold.get("reference")
        yield row, own.get(row.id) or whole


def check_programs(
    name: str, rules: Rules, rows: Iterable[Problem], own: Mapping[str, str], workers: int, judging: Judging = judge
) -> CodeReport:
    """Judge every known answer and collect what comes out otherwise.

    Args:
        name: The benchmark.
        rules: How answers are judged.
        rows: The problems.
        own: Problem id to a right program of ours.
        workers: Programs at a time.
        judging: What judges one answer.
    """
    report = CodeReport(name)
    cases: list[CodeCase] = []
    for row, code in known_programs(rows, own):
        report.problems += 1
        if code is None:
            report.without += 1
        else:
            cases += step_cases(row, code) if "steps" in gold_of(row) else cases_of(row, code)
    with ThreadPoolExecutor(workers) as threads:
        for case, judged in zip(cases, threads.map(lambda case: _judge(case, rules, judging), cases), strict=True):
            report.cases[case.kind] += 1
            report.in_process += judged.in_process
            if judged.verdict.reason != case.expected:
                report.failures.append(_failure(case, judged))
    return report


def _judge(case: CodeCase, rules: Rules, judging: Judging) -> Judgement:
    # A loop needs no full limit to be seen as one.
    return judging(case.row, case.prediction, replace(rules, cpu_seconds=1) if case.kind == "looping" else rules)


def _failure(case: CodeCase, judged: Judgement) -> dict[str, Any]:
    return {
        "id": case.row.id,
        "kind": case.kind,
        "expected": case.expected,
        "reason": judged.verdict.reason,
        "detail": judged.detail,
        "prediction": case.prediction,
    }
