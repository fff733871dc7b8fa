"""The public calls."""

import pytest

import entmin.tasks.answers as grading
from entmin.errors import UsageError
from entmin.grading import Gold
from entmin.tasks.answers import gold_for


@pytest.mark.parametrize(("task", "raw", "gold"), [
    ("amc", "142.0", Gold("integer", ("142",))),
    ("amc", -4.0, Gold("integer", ("-4",))),
    ("aime", "033", Gold("integer", ("33",))),
    ("gsm8k", "She has 2 * 36 = <<2*36=72>>72.\n#### 72", Gold("integer", ("72",))),
    ("gsm8k", "#### 1,000", Gold("integer", ("1000",))),
    ("math500", r"\frac{1}{2}", Gold("math", (r"\frac{1}{2}",))),
    ("math500", "(B)", Gold("choice", ("B",))),
    ("minerva_math", r"so $x=\boxed{4.5e33}$ ergs", Gold("math", ("4.5e33",), rounded=True)),
    ("minerva_math", r"so $x=\boxed{20}$", Gold("math", ("20",))),
    ("olympiadbench", ["$69$,$84$"], Gold("math", ("69,84",))),
    ("olympiadbench", {"final_answer": ["$69$,$84$"], "is_multiple_answer": True}, Gold("math", ("69", "84"))),
    ("olympiadbench", {"final_answer": ["4.2"], "unit": "%", "error": "1e-1"},
    Gold("math", (r"4.2\%",), units=("%",), tolerance=0.1)),
    ("ugphysics", r"\boxed{4.88 \times 10^{23}}", Gold("physics", (r"4.88 \times 10^{23}",))),
    ("gpqa_diamond", "(c)", Gold("choice", ("C",))),
])  # fmt: skip
def test_golds_are_read_as_the_data_sets_write_them(task, raw, gold):
    assert gold_for(task, raw) == gold


def test_golds_go_through_json_unchanged():
    gold = Gold("physics", ("1", "2"), ("NV", "NV"), ("m", "s"), 0.01)
    assert gold_for("ugphysics", gold.to_dict()) == gold
    assert Gold.from_dict(gold.to_dict()) == gold


@pytest.mark.parametrize(("task", "prediction", "gold", "right"), [
    ("amc", r"\boxed{142}", "142.0", True), ("amc", r"\boxed{1.42}", "142.0", False),
    ("aime", r"\boxed{033}", "33", True), ("aime", r"\boxed{33}", "033", True),
    ("aime25", r"\boxed{3300}", "33", False), ("gsm8k", "#### 72", "... #### 72", True),
    ("gsm8k", r"That is \$72 in total. \boxed{\$72.00}", "#### 72", True),
    ("minerva_math", r"\boxed{4.52 \times 10^{33}}", r"\boxed{4.5e33}", True),
    ("olympiadbench", r"\boxed{84, 69}", ["$69$,$84$"], True),
    ("gpqa_diamond", "The answer is (C).", "C", True), ("mmlu_pro", r"\boxed{J}", "J", True),
    ("arc_challenge", "B", "C", False), ("arithmetic", r"\boxed{12}", "12", True),
    ("ugphysics", r"So the final answer is \boxed{\frac{\hbar}{2}}.", r"\boxed{\frac{h}{4 \pi}}", True),
])  # fmt: skip
def test_each_task_judges_by_its_rules(task, prediction, gold, right):
    assert grading.grade(task, prediction, gold).correct is right


def test_verdicts_name_their_grader_and_reason():
    assert grading.grade("math500", r"\boxed{5}", "5").to_dict() == {
        "correct": True, "answer": "5", "reason": "match", "grader": "math", "grader_version": "5"
    }  # fmt: skip
    assert grading.grade("math500", "", "5").reason == "no-answer"
    assert grading.grade("math500", r"\boxed{5}", "5", grader="paper").grader == "paper"


def test_mistakes_are_named():
    with pytest.raises(UsageError, match="no grader for task 'mathh'"):
        grading.grade("mathh", "1", "1")
    with pytest.raises(UsageError, match="unknown grader"):
        grading.grade("math500", "1", "1", grader="best")
    with pytest.raises(UsageError, match="none of the fields"):
        gold_for("olympiadbench", {"question": "?"})


def test_answers_are_grouped_by_meaning():
    assert grading.equivalent("math500", r"\boxed{\frac12}", "The answer is 0.5.") is True
    assert grading.equivalent("math500", r"\boxed{1,-2}", r"\boxed{\{-2,1\}}") is True
    assert (
        grading.equivalent("math500", r"\boxed{5}", r"\boxed{x=5}")
        is grading.equivalent("math500", r"\boxed{x=5}", r"\boxed{5}")
        is True
    )
    assert grading.equivalent("aime", r"\boxed{33}", r"\boxed{3300}") is False
    assert grading.equivalent("gpqa_diamond", r"\boxed{B}", "The answer is (B)") is True
    assert grading.equivalent("ugphysics", r"\boxed{\hbar k}", r"\boxed{\frac{h k}{2\pi}}") is True
