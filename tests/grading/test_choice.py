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


COMMITTED = [
    ("The answer is: C, because A is too small.", "C"), ("Answer: C (not A)", "C"),
    ("The answer is C; B fails.", "C"), ("The answer is C as the other options fail.", "C"),
    (r"$\boxed{10\ \text{A}}$ The answer is C.", "C"), (r"\boxed{\Delta E = 5}. Answer: C", "C"),
    (r"\boxed{\text{Vitamin D}}. Answer: C", "C"), ("c) 4", "C"), ("Answer: c) mitosis", "C"), ("Answer: c", "C"),
    ("The answer is C, not A.", "C"), ("The answer is not A but C.", "C"),
    ("The answer is C. Options A and B are wrong.", "C"), ("C is correct.", "C"),
    ("Option C is correct because A and B fail.", "C"), ("I choose C.", "C"), ("I would go with C", "C"),
    ("so I pick option C", "C"), ("The correct choice is (C), since B is too large.", "C"), ("(C) 12 cm", "C"),
    ("C) mitosis", "C"), ("C: mitosis", "C"), ("C - mitosis", "C"), ("C mitosis", "C"), (r"\boxed{C) 12}", "C"),
    (r"\boxed{\text{C: 12 cm}}", "C"), (r"\boxed{(C)\ 12}", "C"), (r"\boxed{\text{option C}}", "C"),
    (r"\boxed{\text{The answer is C}}", "C"), ("[[C]]", "C"), ('{"answer": "C"}', "C"),
    ("**Answer:** (C) because (A) is small", "C"), ("Answer: C\n\nA is wrong because B", "C"),
    ("The answer is C\nExplanation: A is a letter", "C"), ("答案是C", "C"), ("故选C", "C"), ("故选：C。", "C"),
    ("选C", "C"), ("答案：C，因为A不对", "C"), ("正确答案是 C。", "C"), ("正确选项是C", "C"), ("应选(C)", "C"),
    ("La respuesta es C", "C"), ("Respuesta: C", "C"), ("Antwort: C", "C"), ("Réponse : C", "C"),
    ("The answer is **C**, as A is not possible", "C"), ("Final answer: C.", "C"),
    ("<Think>Answer: A</Think>Answer: C", "C"), ("Answer: C<|im_end|>", "C"), ("C</s>", "C"),
    (r"\boxed{5}\n\nSo the answer is (C).", "C"), (r"The value is \boxed{12}, so the correct option is C.", "C"),
    ("The answer is (C) A plane.", "C"), ("Answer: C. A", "C"), ("the correct answer is option C", "C"),
    ("The best answer is C) A and B", "C"), ("Answer is C", "C"), ("So the answer must be C.", "C"),
    ("The answer is C since 5 A is the current.", "C"), ("The best option is C.", "C"),
    ("The correct letter is C", "C"), (r"\textbf{C}", "C"), (r"Answer: $\text{C}$", "C"),
    (r"The answer is \(C\).", "C"), ("The answer is C?", "C"), ("Therefore, C.", "C"), (" C ", "C"), ("C\n", "C"),
    ("(c)", "C"), ("Answer:C", "C"), ("answer is c.", "C"), ("I don't think it is A. The answer is C.", "C"),
    ("The answer isn't A. The answer is C.", "C"), ("Option (C)", "C"),
    ("A: no. B: no. C: yes. So the answer is C.", "C"), ("The answer is A.", "A"), ("A", "A"), ("a", "A"),
    ("The answer is A because", "A"), ("Answer: A", "A"), ("The answer is a.", "A"), ("(A)", "A"), ("A) plane", "A"),
    ("A. A plane", "A"), ("The answer is A, a plane", "A"), ("Answer: A is right as", "A"),
    ("The answer is (a)", "A"), (r"\boxed{A}", "A"), ("I choose A", "A"), ("answer: a) dog", "A"),
]  # fmt: skip
NOT_CHOSEN = [
    (r"\boxed{\text{Vitamin D}}", "D"), (r"\boxed{\text{Vitamin D}}. Answer: B", "D"),
    ("The answer is vitamin D.", "D"), ("The answer is not D.", "D"), (r"\boxed{5 D}", "D"), (r"\boxed{D = 5}", "D"),
    ("The answer is C, not D", "D"), ("D is wrong, so the answer is C", "D"), ("The answer is either C or D", "D"),
    ("C or D", "D"), ("none of the options", "D"), (r"\boxed{2D}", "D"), ("The answer is C. D fails.", "D"),
    ("Answer: C (D is too large)", "D"), ("It is not D.", "D"), ("The answer is C as the other options fail.", "S"),
    ("The answer is a plane.", "A"), (r"$\boxed{10\ \text{A}}$", "A"), ("The answer is 10 A.", "A"),
    ("The answer is a mixture", "A"), ("A good question.", "A"), ("A plane flies", "A"),
]  # fmt: skip


@pytest.mark.parametrize(("prediction", "letter"), COMMITTED)
def test_the_letter_that_an_answer_names_counts(prediction, letter):
    verdict = grade(prediction, Gold("choice", (letter,)))
    assert (verdict.correct, verdict.answer) == (True, letter)


@pytest.mark.parametrize(("prediction", "letter"), NOT_CHOSEN)
def test_letters_in_formulas_units_names_and_asides_do_not(prediction, letter):
    assert grade(prediction, Gold("choice", (letter,))).correct is False
