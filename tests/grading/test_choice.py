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
    ("B cells make antibodies. The answer is C.", "C"), ("The answer is B cells, which is option C.", "C"),
    ("The answer is C, B cells", "C"), ("(C) B cells", "C"), ("Answer: C. B cells", "C"), ("option C cells", "C"),
    ("(c)", "C"), ("Answer:C", "C"), ("answer is c.", "C"), ("I don't think it is A. The answer is C.", "C"),
    ("The answer isn't A. The answer is C.", "C"), ("Option (C)", "C"),
    ("A: no. B: no. C: yes. So the answer is C.", "C"), ("The answer is A.", "A"), ("A", "A"), ("a", "A"),
    ("The answer is A because", "A"), ("Answer: A", "A"), ("The answer is a.", "A"), ("(A)", "A"), ("A) plane", "A"),
    ("A. A plane", "A"), ("The answer is A, a plane", "A"), ("Answer: A is right as", "A"),
    ("The answer is (a)", "A"), (r"\boxed{A}", "A"), ("I choose A", "A"), ("answer: a) dog", "A"),
]  # fmt: skip
NOT_CHOSEN = [
    ("The answer is B cells.", "B"), ("Answer: B cells", "B"), (r"\boxed{\text{B cells}}", "B"),
    ("Answer: B lymphocytes", "B"), ("Answer: B vitamins", "B"), ("Answer: C fibers", "C"), ("Answer: C-peptide", "C"),
    ("The answer is D amino acids", "D"), ("B-cells", "B"),
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


MORE = [
    ("I think **B** is correct", "B"), ("I think (B) is correct", "B"), (r"I think \(B\) is right.", "B"),
    ("A is correct.", "A"), ("So A is the correct answer.", "A"), ("Thus (A) is correct", "A"),
    ("Both A and B are correct", "AB"), ("Only B is correct", "B"), ("I'd say B.", "B"), ("I'd go for B", "B"),
    ("My answer is B", "B"), ("My pick: B", "B"), ("B it is", "B"), ("It's B.", "B"), ("It is B", "B"),
    ("Must be B", "B"), ("So, B.", "B"), ("B, since x", "B"), ("B because x", "B"), ("The correct one is B", "B"),
    ("The solution is B", "B"), ("Choice B", "B"), ("Choose B.", "B"), ("Select B", "B"), ("B!", "B"),
    ("Statement B holds", "B"), ("Statement B is true", "B"), ("option B is the answer", "B"),
    ("B is the answer", "B"), ("the answer, therefore, is B", "B"), ("The answer is therefore B", "B"),
    ("The answer has to be B", "B"), ("The answer will be B", "B"), ("The answer is clearly B.", "B"),
    ("The answer is most likely B", "B"), ("The answer is option B: 12", "B"), ("The answer is choice (B)", "B"),
    ("The answer is letter B", "B"), ("The answer is answer B", "B"), ("The answer seems to be B", "B"),
    ("Correct: B", "B"), ("Correct answer B", "B"), ("ans: B", "B"), ("Ans. B", "B"), ("Option: B", "B"),
    ("Solution: B", "B"), ("Choice: B", "B"), ("Final choice: B", "B"), ("The final answer is $B$.", "B"),
    ("**B) 12**", "B"), ("### Answer\nB", "B"), ("## Final Answer: **B**", "B"), ("Answer: **(B) 12 cm**", "B"),
    ("<answer>B</answer>", "B"), ("<answer> (B) </answer>", "B"), ("[B]", "B"), ("{B}", "B"), ("{{B}}", "B"),
    ("'B'", "B"), ("`B`", "B"), ("B ✓", "B"), ("✅ B", "B"), ("→ B", "B"), ("=> B", "B"),
    ("B\n\nExplanation: ...", "B"), ("(B)\nbecause A fails", "B"), ("Answer: B) A and C", "B"),
    ("The answer is B, D is wrong", "B"), ("The answer is B. C is too.", "B"), ("Answer: B & C", "BC"),
    ("Answer: B/C", "BC"), ("Answer: BC", "BC"), ("Answers: B, C", "BC"), ("The answer is B and not C", "B"),
    ("The answer is B rather than C", "B"), ("The answer is B instead of C", "B"),
    ("The answer is B (C is close)", "B"), ("The answer is B over C", "B"), ("The answer is B, but C is close", "B"),
    ("The answer is B although C", "B"), ("The answer is not C, it is B", "B"),
    ("The answer cannot be C, so it is B", "B"), ("Not A, not C. B.", "B"), ("It's between B and C, I choose B", "B"),
    ("B or C? B.", "B"), ("I was leaning to C but the answer is B", "B"), ("The answer is C? No, B.", "B"),
    ("Answer: C. Wait, the answer is B.", "B"), ("Answer: C\nCorrection: Answer: B", "B"),
    ("A is wrong. B is right.", "B"), ("A is false, B is true", "B"), ("A and C are wrong, so B", "B"),
    ("Only (B) fits.", "B"), ("This matches option B.", "B"), ("This corresponds to choice (B).", "B"),
    ("That is option B", "B"), ("which is option (B)", "B"), ("Thus option B", "B"), ("Hence (B)", "B"),
    ("Hence, B", "B"), ("Therefore (B).", "B"), ("matching (B)", "B"), ("so (B) it is", "B"),
    ("The answer might be B or C", "BC"), (r"\boxed{B \text{ and } C}", "BC"), (r"\boxed{(B) and (C)}", "BC"),
    (r"\boxed{\mathbf{B}}", "B"), (r"\boxed{F}", "F"), (r"\boxed{\text{B, not C}}", "B"),
    (r"\boxed{\text{B because C fails}}", "B"), (r"\boxed{5}. Option B.", "B"), (r"\boxed{5}, so B.", "B"),
    (r"\boxed{12 \text{ cm}} (B)", "B"), (r"\boxed{12} which is choice (B).", "B"), (r"B. \boxed{12}", "B"),
    (r"(B) \boxed{12}", "B"), (r"Answer: (B) \boxed{12}", "B"), (r"\boxed{12} corresponds to B", "B"),
    (r"Answer: B. \boxed{5 A}", "B"), (r"\boxed{B}. The answer is 5.", "B"), (r"\boxed{\text{B} \quad 12}", "B"),
    (r"\boxed{B: 12}", "B"), (r"\boxed{B.12}", "B"), (r"\boxed{\textbf{B)}~12}", "B"), (r"$\textbf{(B)}\ 12$", "B"),
    (r"\boxed{\textbf{(B) }12}", "B"), (r"\boxed{\text{Option B}}", "B"), (r"\boxed{\text{Answer: B}}", "B"),
    (r"\boxed{\text{Option B: A and C}}", "B"), (r"\boxed{\text{(B)}\ A\text{ and }C}", "B"),
    (r"\boxed{\text{A}}", "A"), (r"\boxed{A,B}", "AB"), (r"\boxed{(A,B)}", "AB"),
    ("Let's analyze each option:\nA) 5 is incorrect.\nB) 7 is correct.\nC) "
    "9 is incorrect.\n\nThus, the correct answer is B) 7.", "B"),
    ("A. Mitosis\nB. Meiosis\nC. Budding\nD. Fission\n\nB. Meiosis", "B"),
    ("A. Mitosis\nB. Meiosis\nC. Budding\nD. Fission\n\nD. Fission", "D"),
    ("A is too large; D is too small. C has the wrong unit.\n\nB", "B"),
    ("The current I = 5 A flows through resistor R. The field B = 2 T. The answer is C.", "C"),
    ("We have A = 5, B = 3. So C = 2.\n\nThe answer is (D).", "D"), ("We have A = 5, B = 3, so C.", "C"),
    ("The answer is D: none of A, B and C.", "D"), ("The answer is D, all of the above (A, B and C).", "D"),
    ("D. Both A and B", "D"), ("D) Both A and B", "D"), ("The correct answer is D. Both A and B are right.", "D"),
    ("The answer is (D) Both (A) and (B)", "D"), ("Both A and B, so D", "D"),
    ("Both (A) and (B) hold, i.e. option D.", "D"), ("All of the above, which is D.", "D"),
    ("The answer is: **B. 5 A**", "B"), ("The answer is (B) 5 C", "B"), ("The answer is B: 25 °C", "B"),
    ("Answer: B - 25 C", "B"), ("Answer: D\n\nWait, let me double check. C fails. Yes, D is correct.", "D"),
    ("Answer: D\n\nActually, I made a mistake. Answer: B", "B"), ("I first thought of B, but the answer is C", "C"),
    ("The answer is B. However, C could also be argued.", "B"), ("The answer is B (see also C)", "B"),
    ("The answer is B [not C]", "B"), ("The answer is B – not C", "B"), ("The answer is B/", "B"),
    (r"Final Answer: \boxed{\text{(B)}}", "B"), ("Final Answer: B\n```", "B"), ("```\nB\n```", "B"),
    ('{"answer": "B", "confidence": 5}', "B"), ("{'answer': 'B'}", "B"), ('{"choice": "B"}', "B"), ("answer=B", "B"),
    ("ANSWER = B", "B"), (r"The answer is $\mathbf{B}$", "B"), (r"The answer is $\text{(B)}$", "B"),
    ("**The correct answer is:**\n\n**B**", "B"), ("**Correct answer:**\n(B) 5", "B"),
    ("The correct answer is:\nB", "B"), ("The answer is\n\nB", "B"), ("The answer is:\n\n$$\\boxed{B}$$", "B"),
    ("Answer:\n\n**B**: because", "B"), ("So the answer is...\nB", "B"), ("The answer: “B”", "B"),
    ('The answer is "B".', "B"), ("The answer is `B`.", "B"), ("The answer is <B>", "B"), ("The answer is «B»", "B"),
    ("Answer: Option (B)", "B"), ("Answer: option b", "B"), ("Answer: (b)", "B"), ("Answer: b.", "B"),
    ("The answer is b) 4", "B"), ("b", "B"), ("(b) 4", "B"), ("the correct option is b", "B"),
    ("The right choice is B", "B"), ("The best choice would be B", "B"), ("Best answer: B", "B"),
    ("Correct option: B", "B"), ("The correct statement is B", "B"), ("The correct letter: B", "B"),
    ("Letter: B", "B"), ("Choice (B) is correct", "B"), ("Choice (B) is the correct answer", "B"),
    ("(B) is the correct answer", "B"), ("(B) is right because (A) is small", "B"),
    ("B is the right answer because A is small", "B"), ("B would be correct", "B"), ("B must be correct", "B"),
    ("B is therefore correct", "B"), ("B is indeed correct", "B"), ("B is the only correct one", "B"),
    ("Only option B satisfies this", "B"), ("Option B satisfies both", "B"), ("Option B gives 5", "B"),
    ("La respuesta correcta es B", "B"), ("La respuesta es la B", "B"), ("La bonne réponse est B", "B"),
    ("Die richtige Antwort ist B", "B"), ("Die Antwort lautet B.", "B"), ("La risposta è B", "B"),
    ("A resposta é B", "B"), ("Ответ: B", "B"), ("정답은 B", "B"), ("정답: B", "B"), ("정답은 B입니다", "B"),
    ("答案为B", "B"), ("答案选B", "B"), ("选B项", "B"), ("本题选B", "B"), ("故答案为：B", "B"), ("B选项正确", "B"),
    ("选项B正确", "B"), ("选项B是正确的", "B"), ("答案是B和C", "BC"), ("选择B", "B"), ("所以选择(B)", "B"),
    ("应该选B", "B"), ("应选择B", "B"), ("正确的是B", "B"), ("B是正确的", "B"), ("答案应为 B", "B"),
    ("答案应该是B", "B"), ("【答案】B", "B"), ("【答案】 B\n【解析】A错误", "B"), ("答案：B、C", "BC"),
    ("选B不选C", "B"), ("B对", "B"), ("B正确", "B"), ("本题答案为B项", "B"), ("答案 B", "B"), ("答案：选B", "B"),
    ("因此答案是选项B", "B"), ("答案：B。因为A错", "B"), ("答案：B，不是A", "B"), ("答案是B而不是C", "B"),
    ("答案不是C，而是B", "B"), ("所以是B", "B"), ("我选B", "B"), ("我选择B。", "B"), ("我认为是B", "B"),
    ("我认为B正确", "B"), ("A错，C错，D错，所以选B", "B"), ("正确答案：B", "B"), ("正确答案为选项B", "B"),
    ("答案：（B）", "B"), ("答案：（Ｂ）", "B"), ("最终答案：B", "B"), ("最佳答案是B", "B"), ("选（B）", "B"),
    ("故选B、C", "BC"), ("故选：BC", "BC"), ("因此B选项符合题意", "B"), ("B符合题意", "B"), ("因此应选D选项。", "D"),
    ("综上，选D。", "D"), ("综上所述，答案为D", "D"), ("D项正确，故选D", "D"),
    ("A项错误；B项错误；C项错误；D项正确。", "D"), ("A错误，B正确", "B"), ("答えはB", "B"), ("答えはBです", "B"),
    ("正解はB", "B"),
]  # fmt: skip
"""Siblings: asides, denials, other options' labels, quotes, languages; several letters are an ambiguous answer."""
NO_CHOICE = [
    "I don't think B is correct.", "I do not believe B is the correct one", "vitamin D is the best supplement",
    "Vitamin D is right.", "B is correct? No.", "B isn't correct", "Neither B is correct", "The answer is 5 C.",
    "The answer is 10 °C", "The answer is 3 B", "Answer: 25 C", "Answer: C = 5", "The answer is F = ma",
    "Answer: E=mc^2", "Answer: A + B", "Answer: H2O", "Answer: C6H12O6", "Answer: CO2", "Answer: D2",
    "Answer: B-flat", "Answer: E. coli", "The answer is E. coli", "The answer is Hepatitis B", "hepatitis B",
    "The answer is type A blood", "Answer: Group A", "The answer is vitamin C.", "Plan B",
    "Answer: the letter of intent", "The answers are many", "Answer: I do not know", "Answer: I think so",
    "The answer is none", "None of the above", "The answer is all options", "There are options A, B, C and D.",
    "Options: A) 1 B) 2 C) 3 D) 4", "Which of A, B, C, D?", "A. 1\nB. 2\nC. 3\nD. 4", "Let A be a set",
    "Given A and B", "不选B", "B错误", "选项B错误", "B选项不正确", "排除B", "答案是维生素D", "答案是乙型肝炎B",
    "答案不是B", "A、B都不对", "我不认为B正确", "选项有A、B、C、D", "选项：A. 1 B. 2 C. 3 D. 4", "电流为10A",
    "答案是10 A", "温度是25C", "点A和点B", "设A为集合", "答案：B细胞", "All but B are wrong",
    "Everything except B is wrong", "Option B is wrong", "Option B cannot be right", "option B is not correct",
    "Option B is incorrect.", "We can eliminate B.", "Eliminate B", "Rule out B", "Ruling out option B",
    "It is not B", "Not B", "Not option B", "never B", "Answer: not B", "Answer: anything but B",
    "Answer: all except B", "unlike option B", "Between B and C", "B or C", "B/C", "maybe B", "Is it B?",
    "Could the answer be B?", "What about option B?", "Let's check option B", "Let's consider option B:",
    "Consider choice B.", "Now look at option (B).", "Checking option B:", "For option B, we have 5", "Looking at B",
    "Compare with B", r"\boxed{B=5}", r"\boxed{B_0}", r"\boxed{B'}", r"\boxed{\vec{B}}", r"\boxed{\mathbb{R}}",
    r"\boxed{2B}", r"\boxed{-B}", r"\boxed{5\ \text{C}}", r"\boxed{x}", r"\boxed{\text{Plan B}}",
    r"\boxed{\text{hepatitis B}}", r"\boxed{\text{not B}}", r"The answer is \boxed{12}.", r"\boxed{1\,\mathrm{A}}",
    r"\boxed{A\cap B}", r"\boxed{A \cup B}", r"\boxed{A+B}", r"\boxed{C_2}", r"\boxed{B^2}", r"\boxed{|B|}",
    "So the magnetic field B points up, so B = 5.", "So B must be 5 metres.", "Thus A = 5 and B = 7.",
    "therefore I think we need more", "So A is a set.", "so C is the capacitance.", "This is a test.",
    "It is A plane", "Answer: B = 25 C", "b: 4", "b = 4", "La respuesta no es B", "La réponse n'est pas B",
    "Die Antwort ist nicht B", "There is no correct option", "None of A, B, C, D", "Cannot be determined",
    "I cannot answer", "Sorry, I can't help.", "A: 5, B: 7", "In option A, we get 5. In option B, we get 7.",
    "Step A: compute", "Case A. We have 5", "Part (b): 5", "(a) 5 (b) 7", "Figure B", "See Appendix B.", "grade B",
    "a B grade", "Team B won", "point B", "at B", "from A to B", "AB is 5", "angle B is 5", "segment A to B is 5",
    "Person B is right", "the vector B is correct", "Class C is best", "Type A is the best", "Theory B is correct",
    "Hypothesis A is true.",
]  # fmt: skip
"""No one letter is named: units, formulas, names, species, questions, denials, lists of the options."""


@pytest.mark.parametrize(("prediction", "named"), MORE)
def test_asides_denials_labels_and_languages_do_not_hide_the_letter(prediction, named):
    verdict = grade(prediction, Gold("choice", (named[0],)))
    assert (verdict.correct, verdict.answer) == (len(named) == 1, named)


@pytest.mark.parametrize("prediction", NO_CHOICE)
def test_a_text_that_names_no_one_letter_is_right_for_none(prediction):
    assert not any(grade(prediction, Gold("choice", (letter,))).correct for letter in "ABCDEFGHIJ")
