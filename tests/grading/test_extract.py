"""Where the final answer is found."""

import pytest

from entmin.grading.extract import extract


@pytest.mark.parametrize(("text", "answer", "how"), [
    (r"so \boxed{7}", "7", "boxed"), (r"\boxed{3} is wrong. \boxed{7}.", "7", "boxed"),
    (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}", "boxed"), (r"\fbox{7}", "7", "boxed"),
    (r"\boxed 7", "7", "boxed"), (r"\boxed{7", "7", "boxed"), (r"\boxed{\boxed{7}}", "7", "boxed"),
    (r"\boxed{\{1,2\}}", r"\{1,2\}", "boxed"), (r"$\boxed{7}$ apples", "7", "boxed"),
    (r"\boxed{} then \boxed{7}", "7", "boxed"), (r"\boxed{7} and then \boxed{}", "7", "boxed"),
    (r"<think>\boxed{3}</think> It is \boxed{7}", "7", "boxed"), (r"<think>\boxed{7}</think>", "7", "boxed"),
    ("Final Answer: The final answer is $7$. I hope it is correct.", "7", "stated"),
    ("The answer is: 7", "7", "stated"), ("The answer is 7.", "7", "stated"), ("Answer: 7", "7", "stated"),
    ("**Answer:** 7", "7", "stated"), ("**Final Answer**: $7$", "7", "stated"), ("Answer:\n7", "7", "stated"),
    ("The answer is 3. No, the answer is 7.", "7", "stated"),
    (r"The answer is $x=1$ and $x=2$.", "x=1, x=2", "stated"), (r"The answer is \(7\).", "7", "stated"),
    ("The answer is **7**", "7", "stated"), (r"The answer is \[7\]", "7", "stated"),
    ("The answer is 3.5 meters.", "3.5 meters", "stated"), ("最终答案是 7。", "7。", "stated"),
    ("Therefore the final answer is 7", "7", "stated"),
    ("We add them.\n\nThus we get **7**.", "7", "bold"), ("We add them.\n\nHence $x = 7$.", "x = 7", "formula"),
    ("First we take 3 of them and then we have 7", "7", "number"), ("x^2+1", "x^2+1", "whole"), ("7", "7", "whole"),
])  # fmt: skip
def test_the_final_answer_is_found(text, answer, how):
    found = extract(text)
    assert (found.answer, found.how) == (answer, how)


def test_boxes_in_a_row_are_one_group():
    found = extract(r"The roots are $\boxed{1}$ and $\boxed{-2}$.")
    assert found.group == ("1", "-2")
    assert extract(r"\boxed{1} is not it. Let us see again: \boxed{2}").group == ("2",)


@pytest.mark.parametrize("text", ["", "   \n", "<think></think>"])
def test_nothing_is_no_answer(text):
    assert extract(text) is None
