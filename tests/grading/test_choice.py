"""Choice letters in any dress."""

import pytest

from entmin.grading.choice import grade
from entmin.grading.gold import Gold


@pytest.mark.parametrize("prediction", [
    "C", "(C)", "**C**", "C.", "C)", r"\boxed{C}", r"\boxed{(C)}", r"\boxed{\text{C}}", r"\boxed{\textbf{(C)}}",
    r"\boxed{C. Plane}",
    r"\boxed{\text{(C) Plane}}", r"\boxed{\mathrm{C}}", "The answer is C.", "The answer is (C).",
    "the answer is **C**", "Answer: C", "ANSWER: (C)", "Answer: C. Plane",
    "**Answer:** C", "**Answer: C**", "The correct option is C", "option c", "So the answer is option c.",
    "The correct answer is (C) because A is wrong.",
    "First I thought B.\nBut the answer is C.", r"A is wrong, so \boxed{B}... no, \boxed{C}",
    "<think>Answer: B</think>The answer is C.",
    "Reasoning about A and B.\n\nC", "Let us see.\n(C) Plane", "$C$", r"The final answer is $\boxed{C}$.",
    "The best answer is C", "Answer: $C$", r"\boxed{c}",
])  # fmt: skip
def test_c_is_c(prediction):
    verdict = grade(prediction, Gold("choice", ("C",)))
    assert (verdict.correct, verdict.answer) == (True, "C")


@pytest.mark.parametrize(("prediction", "reason"), [
    ("The answer is B.", "wrong"), (r"\boxed{D}", "wrong"), ("The answer is A or C.", "ambiguous"),
    (r"\boxed{A, C}", "ambiguous"), ("", "no-answer"),
    ("I do not know.", "no-answer"), ("Both A and C are plausible", "ambiguous"),
    (r"\boxed{\text{A and C}}", "ambiguous"),
])  # fmt: skip
def test_what_does_not_commit_to_c_is_wrong(prediction, reason):
    verdict = grade(prediction, Gold("choice", ("C",)))
    assert (verdict.correct, verdict.reason) == (False, reason)


def test_articles_are_not_options():
    assert grade("The answer is a plane, which is option C.", Gold("choice", ("C",))).correct
    assert grade(r"\boxed{C. A plane}", Gold("choice", ("C",))).correct
