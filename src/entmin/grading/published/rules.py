"""``--grader paper``: the verdict rules behind the published tables, re-implemented from their description.

Meant for comparing with published numbers, not for judging: it accepts a hundredth and a hundredfold, any base, wrong
powers of ten, and rejects units and unordered solutions, as the published graders do. Their unsafe part, evaluating
answers as Python, is left out; an answer that was right only by being executed is wrong here. Timings do not matter:
an answer they lost to a one-second clock is judged by their rules.
"""

from __future__ import annotations

from entmin.grading.gold import Gold
from entmin.grading.published import physics as paper_physics
from entmin.grading.published import prime as paper_prime
from entmin.grading.published import qwen as paper_qwen
from entmin.verdict import Verdict

NAME, VERSION = "paper", "1"
_PRIME = ("math500", "math", "amc", "amc23", "aime", "aime24", "aime25")
_MAX = 20_000


def _prime(task: str, prediction: str, gold: Gold) -> tuple[str, bool]:
    answer = paper_prime.extract(prediction, contest=task not in ("math500", "math"))
    target = gold.answers[0]
    if task.startswith("amc"):
        target = f"{target}.0" if "." not in target else target
    target = f"({target})" if gold.kind == "choice" else target
    return answer, paper_prime.equal(answer, target)


def _qwen(task: str, prediction: str, gold: Gold) -> tuple[str, bool]:
    units = task != "minerva_math"
    answer = paper_qwen.extract(prediction, units=units)
    target = ",".join(gold.answers)
    target = target.replace(r"\neq", r"\ne").replace(r"\leq", r"\le").replace(r"\geq", r"\ge")
    return answer, paper_qwen.equal(answer, target if not units else paper_qwen.strip(target))


def grade(task: str, prediction: str, gold: Gold) -> Verdict:
    """The published verdict on one prediction."""
    prediction = prediction[-_MAX:]
    if gold.kind == "physics":
        found = paper_physics.extract(prediction)
        if found is None:
            return Verdict(False, None, "no-answer", NAME, VERSION)
        answer, right = found, paper_physics.equal(found, ", ".join(gold.answers))
    else:
        answer, right = (_prime if task in _PRIME else _qwen)(task, prediction, gold)
    return Verdict(right, answer[:_MAX], "match" if right else "wrong", NAME, VERSION)
