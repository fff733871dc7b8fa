"""One grading from start to end, in the process that calls it: what a pool child runs."""

from __future__ import annotations

from typing import Any

from entmin.grading import choice, integer, mathematics, physics
from entmin.grading.gold import Gold
from entmin.verdict import Verdict


def judge(task: str, prediction: str, gold: Gold, grader: str) -> Verdict:
    """The verdict of the named grader on one prediction."""
    if grader == "paper":
        from entmin.grading import paper

        return paper.grade(task, prediction, gold)
    if gold.kind == "choice":
        return choice.grade(prediction, gold)
    if gold.kind == "physics":
        return physics.grade(prediction, gold)
    if gold.kind == "integer" and task == "arithmetic":
        return integer.grade(prediction, gold)
    return mathematics.grade(prediction, gold)


def equivalent(kind: str, a: str, b: str) -> bool:
    """Whether two predictions give the same answer under the rules of a kind."""
    if kind == "choice":
        return choice.equivalent(a, b)
    return physics.equivalent(a, b) if kind == "physics" else mathematics.equivalent(a, b)


def handle(request: dict[str, Any]) -> dict[str, Any]:
    """Answer one request of the pool."""
    if request["do"] == "equivalent":
        return {"equal": equivalent(request["kind"], request["a"], request["b"])}
    gold = Gold.from_dict(request["gold"])
    return judge(request["task"], request["prediction"], gold, request["grader"]).to_dict()
