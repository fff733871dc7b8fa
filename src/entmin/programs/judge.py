"""From an answer to a verdict: assemble the program, run it in the sandbox, read the outcome.

The verdict's reasons: ``match``, ``wrong`` (a test failed), ``timeout``, ``memory``, ``crash`` (any other exception, a
signal, an early exit), ``compile`` (it does not parse) and ``no-code``. All but the first are wrong answers. ``error``
is no verdict: judging this answer failed. A sandbox that fails ends the run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from entmin.errors import EntminError, UsageError
from entmin.problem import Problem
from entmin.programs.programs import GRADERS, Prepared, asserts
from entmin.sandbox import Limits, Outcome, Sandbox, open_sandbox, sandbox
from entmin.sandbox.outcomes import printable
from entmin.sandbox.speed import on_this_machine
from entmin.verdict import Verdict

VERSION = f"3.{sandbox.VERSION}"
"""Version of extraction and assembly together, and of the sandbox's rules."""
Assembly = Callable[[Problem, str, str], Prepared | None]
"""From a problem, an answer and the name of a grader to the program; None where the answer has no code."""
LIMITS = Limits(cpu_seconds=10, wall_seconds=60)
"""Of one case, where a benchmark states none."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with what a log should say about it."""

    verdict: Verdict
    detail: str = ""
    cpu_seconds: float = 0.0
    parts: Mapping[str, str] | None = None
    """Sub-problem to its reason, where a problem has several."""
    in_process: bool = False
    """Whether its tests ran in the program's own process, where it can bend its verdict."""

    def to_dict(self) -> dict[str, Any]:
        """The flat form of the verdict with the rest."""
        parts = {} if self.parts is None else {"parts": dict(self.parts)}
        return {
            **self.verdict.to_dict(),
            "detail": self.detail,
            "cpu_seconds": round(self.cpu_seconds, 3),
            "judged_in_process": self.in_process,
            **parts,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How a benchmark's answers are judged."""

    grader: str = "entmin"
    sandbox: str = "bubblewrap"
    cpu_seconds: int | None = None
    """Processor seconds of one case, as they are; None for those of `usual`, stretched on a slow machine."""
    usual: Limits = LIMITS
    """The benchmark's own limits of one case, on a quick core."""

    def __post_init__(self) -> None:
        if self.grader not in GRADERS:
            raise UsageError(f"unknown grader {self.grader!r}; there are {', '.join(GRADERS)}")
        if self.cpu_seconds is not None and self.cpu_seconds < 1:
            raise UsageError("cpu_seconds must be at least 1")

    def open(self) -> Sandbox:
        """The sandbox, proved to work.

        Raises:
            EntminError: it does not.
        """
        return open_sandbox(self.sandbox)

    def limits(self) -> Limits:
        """The limits of one case."""
        if self.cpu_seconds is None:
            return on_this_machine(self.usual)
        wall = max(self.usual.wall_seconds, 4.0 * self.cpu_seconds)
        return replace(self.usual, cpu_seconds=self.cpu_seconds, wall_seconds=wall)

    def verdict(self, correct: bool | None, answer: str | None, reason: str) -> Verdict:
        """A verdict under these rules."""
        # Half of a surrogate pair, which no file holds, becomes its escape.
        written = None if answer is None else answer.encode("utf-8", "backslashreplace").decode()
        return Verdict(correct, written, reason, f"programs/{self.grader}", VERSION)


def judge(row: Problem, completion: str, rules: Rules, assemble: Assembly = asserts) -> Judgement:
    """Judge one answer to a problem whose tests are asserts; blocks.

    Raises:
        EntminError: the sandbox failed.
    """
    prepared = assemble(row, completion, rules.grader)
    if prepared is None:
        return Judgement(rules.verdict(False, None, "no-code"))
    outcome = rules.open().run(prepared.program, rules.limits())[0]
    return judgement(prepared.answer, outcome, rules)


def judgement(answer: str, outcome: Outcome, rules: Rules) -> Judgement:
    """What an outcome means for the answer."""
    reason = "match" if outcome.ending == "ok" else outcome.ending
    verdict = rules.verdict(outcome.ending == "ok", answer, reason)
    return Judgement(verdict, outcome.detail, outcome.cpu_seconds, in_process=outcome.in_process)


def guarded(work: Callable[[], Judgement], rules: Rules) -> Judgement:
    """What `work` finds, or the verdict ``error`` where it fails on this one answer: no answer ends a run.

    Raises:
        EntminError: the sandbox or the data failed, and would for every answer.
    """
    try:
        return work()
    except EntminError:
        raise
    except Exception as error:
        return Judgement(rules.verdict(None, None, "error"), printable(f"{type(error).__name__}: {error}")[:300])
