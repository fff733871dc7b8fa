"""Checking a benchmark without any model: what its grader says about answers whose verdict is known.

Three kinds of known answers are made from each gold: the gold written as a model would write it and simple rewritings
of it, which must be right, and corruptions of it, which must be wrong. A case fails when the verdict is another one or
there is none. Golds that cannot pass, because the data set wrote them badly, are listed with a reason in
`Benchmark.odd`; they are counted and reported, not forgotten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import tee
from typing import Any, Literal

from entmin.grading.gold import Gold
from entmin.verdict import Verdict

Kind = Literal["gold", "rewriting", "corruption"]
Problem = tuple[str, Gold]
Grading = Callable[[Iterable[tuple[str, str, Gold]]], Iterable[Verdict]]


@dataclass(frozen=True, slots=True)
class GoldCase:
    """An answer whose verdict is known."""

    id: str
    kind: Kind
    form: str
    """Which rewriting or corruption it is."""
    prediction: str
    gold: Gold

    @property
    def right(self) -> bool:
        """What the verdict must be."""
        return self.kind != "corruption"


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that got another verdict, or none."""

    case: GoldCase
    verdict: Verdict
    listed: str | None
    """Why this is known and accepted; None for a failure that counts."""

    def line(self) -> str:
        """What the command prints of it."""
        case, verdict = self.case, self.verdict
        expected = "right" if case.right else "wrong"
        got = {True: "right", False: "wrong", None: "not judged"}[verdict.correct]
        gold = ", ".join(case.gold.answers)
        return (
            f"  FAIL {case.id} {case.kind} ({case.form}): expected {expected}, got {got} ({verdict.reason}); "
            f"gold {gold[:100]!r}, prediction {case.prediction[-120:]!r}, read as {(verdict.answer or '')[:80]!r}"
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "id": self.case.id,
            "kind": self.case.kind,
            "form": self.case.form,
            "prediction": self.case.prediction,
            "gold": self.case.gold.to_dict(),
            "expected": self.case.right,
            **self.verdict.to_dict(),
            "listed": self.listed,
        }


@dataclass(slots=True)
class GoldReport:
    """What the check of one benchmark found."""

    task: str
    problems: int = 0
    cases: dict[Kind, int] = field(default_factory=lambda: {"gold": 0, "rewriting": 0, "corruption": 0})
    failures: list[Failure] = field(default_factory=list)

    def failed(self, kind: Kind) -> int:
        """Failures of one kind, the listed ones included."""
        return sum(failure.case.kind == kind for failure in self.failures)

    @property
    def unlisted(self) -> list[Failure]:
        """The failures that nobody has accounted for."""
        return [failure for failure in self.failures if failure.listed is None]

    def forms(self) -> dict[str, int]:
        """How often each rewriting or corruption failed, the most frequent first."""
        return dict(Counter(failure.case.form for failure in self.unlisted).most_common())

    def lines(self, show: int) -> Iterator[str]:
        """What the command prints, with at most `show` failures."""
        yield f"{self.task}: {self.problems} problems"
        wanted = {"gold": "right", "rewriting": "right", "corruption": "wrong"}
        for kind, count in self.cases.items():
            yield f"  {kind + 's':<12} {count - self.failed(kind):>6} of {count:>6} {wanted[kind]}"
        if self.failures:
            yield f"  listed as odd {len(self.failures) - len(self.unlisted)}, failing {len(self.unlisted)}"
        if len(self.forms()) > 1:
            yield "  failing by form: " + ", ".join(f"{form} {count}" for form, count in self.forms().items())
        yield from (failure.line() for failure in self.unlisted[:show])
        if len(self.unlisted) > show:
            yield f"  ... and {len(self.unlisted) - show} more; --show or --json gives them"

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "task": self.task,
            "problems": self.problems,
            "cases": dict(self.cases),
            "failed": {kind: self.failed(kind) for kind in self.cases},
            "listed": len(self.failures) - len(self.unlisted),
            "forms": self.forms(),
            "failures": [failure.to_dict() for failure in self.failures],
        }


def written(gold: Gold) -> str:
    """The gold as a model ends an answer with it."""
    return f"Therefore the final answer is \\boxed{{{', '.join(gold.answers)}}}."


def cases_of(name: str, gold: Gold) -> Iterator[GoldCase]:
    """All known answers that one gold gives."""
    from entmin.grading import exact
    from entmin.grading.rewrites import named_corruptions, named_rewritings

    yield GoldCase(name, "gold", "as a model writes it", written(gold), gold)
    for form, text in exact.rewritings(gold) if gold.kind == "exact" else named_rewritings(gold):
        yield GoldCase(name, "rewriting", form, text, gold)
    for form, text in exact.corruptions(gold) if gold.kind == "exact" else named_corruptions(gold)[0]:
        yield GoldCase(name, "corruption", form, text, gold)


def check(
    name: str,
    problems: Iterable[Problem],
    grading: Grading,
    odd: Callable[[str], str | None],
    rules: str | None = None,
) -> GoldReport:
    """Grade every known answer of `problems` and collect what comes out otherwise.

    Args:
        name: The benchmark.
        problems: (id, gold) of each.
        grading: The grader: rows of (task, prediction, gold) to verdicts in order.
        odd: From an id to the reason why its gold may fail, None where it may not.
        rules: The name that graders know the benchmark by; None is its own.
    """
    report = GoldReport(name)
    cases, asked = tee(_counted(problems, report))
    verdicts = grading((rules or name, case.prediction, case.gold) for case in asked)
    for case, verdict in zip(cases, verdicts, strict=True):
        report.cases[case.kind] += 1
        if verdict.correct is not case.right:
            report.failures.append(Failure(case, verdict, odd(case.id)))
    return report


def _counted(problems: Iterable[Problem], report: GoldReport) -> Iterator[GoldCase]:
    for name, gold in problems:
        report.problems += 1
        yield from cases_of(name, gold)
