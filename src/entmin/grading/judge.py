"""One grading from start to end, in the process that calls it: what a pool child runs."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from typing import Any

from entmin.grading import choice, exact, integer, mathematics, physics
from entmin.grading.extract import extract
from entmin.grading.gold import Gold
from entmin.grading.normalize import MAX_ANSWER
from entmin.verdict import Verdict


def judge(task: str, prediction: str, gold: Gold, grader: str) -> Verdict:
    """The verdict of the named grader on one prediction."""
    if grader == "paper":
        from entmin.grading.published import rules as paper

        return paper.grade(task, prediction, gold)
    if gold.kind == "choice":
        return choice.grade(prediction, gold)
    if gold.kind == "physics":
        return physics.grade(prediction, gold)
    if gold.kind == "exact":
        return exact.grade(prediction, gold)
    if gold.kind == "integer" and task in integer.RULES:
        return integer.grade(prediction, gold)
    return mathematics.grade(prediction, gold)


def versions(kinds: Iterable[str], grader: str) -> dict[str, str]:
    """The version of the rules that judge each of the given kinds of gold."""
    if grader == "paper":
        from entmin.grading.published import rules as paper

        return {"paper": paper.VERSION}
    own = {
        "choice": choice.VERSION,
        "exact": exact.VERSION,
        "physics": physics.VERSION,
        "integer": f"{integer.VERSION}/{mathematics.VERSION}",
    }
    return {kind: own.get(kind, mathematics.VERSION) for kind in sorted(kinds)}


def equivalent(kind: str, a: str, b: str) -> bool:
    """Whether two predictions give the same answer under the rules of a kind."""
    if kind == "choice":
        return choice.equivalent(a, b)
    if kind == "exact":
        return exact.equivalent(a, b)
    return physics.equivalent(a, b) if kind == "physics" else mathematics.equivalent(a, b)


def answer_of(kind: str, prediction: str) -> str | None:
    """The answer that a prediction states, as the verdicts of `judge` show it; None where there is none."""
    if kind == "choice":
        chosen = choice.find(prediction)
        return "".join(sorted(chosen[1])) or None if chosen else None
    if kind == "integer":
        return integer.extract(prediction)
    found = extract(prediction)
    return found.answer[:MAX_ANSWER] if found else None


def _printable(value: Any) -> Any:
    """Text as it can be written anywhere: a lone surrogate becomes its escape."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def handle(request: dict[str, Any]) -> dict[str, Any]:
    """Answer one request of the pool."""
    if request["do"] == "equivalent":
        return {"equal": equivalent(request["kind"], request["a"], request["b"])}
    if request["do"] == "read":
        return {"answer": _printable(answer_of(request["kind"], request["prediction"]))}
    if request["do"] == "call":
        # Another room's reader of model text, which wants this process's clock and confinement.
        return {"answer": pkgutil.resolve_name(request["name"])(*request["arguments"])}
    gold = Gold.from_dict(request["gold"])
    verdict = judge(request["task"], request["prediction"], gold, request["grader"]).to_dict()
    return {key: _printable(value) for key, value in verdict.items()}
