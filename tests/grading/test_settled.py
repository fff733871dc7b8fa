"""A value that a text only meets, denies, takes back or makes part of something larger is not its answer."""

import pytest

from entmin.grading.gold import Gold
from entmin.grading.mathematics import grade

FIVE = Gold("math", ("5",))
UNFINISHED = [
    "So we need to find 5", "Let's consider 5", "We now try $x = 5$", "The answer is not 5.",
    "I don't think the answer is 5.", r"It is not \boxed{5}.", "The answer cannot be 5. We",
    "Suppose the answer is 5. Then we", "We compute 3 + 5 and then the", "First, we multiply 5 by", "Then $x = 5 +$",
    "The answer is 5 +", "The value is 2 times 5 plus", r"\boxed{5} is wrong.", r"\boxed{5}. That is wrong. Let me",
    r"\boxed{5}. Wait, that's not right, let me redo it. We have 3x",
    r"<think>Maybe 5, so \boxed{5}. Let me check whether", "<think>we have 5", r"The answer is not \boxed{5}.",
    "Now we have to solve 3x = 5", "Let me try x = 5", "If the answer is 5 then we",
    "the answer is definitely not 5", "Let $x = 5$. Then we get", "Is it 5? Let me check:",
    "We have 5 apples, so we should", "Next, we divide 10 by 5 to get", "so the number of ways is 3 *",
    r"\boxed{\frac{5}{", "This gives us 12 -", "The answer is the sum of 3 and 5, so we need to", "设 x = 5，则",
    "答案不是5。", "我们需要计算 3 + 5", "it can't be 5", "Maybe 5?",
]  # fmt: skip
FINISHED = [
    "First we take 3 of them and then we have 5", "So he has 5 apples left.", "Thus, the total is 5.",
    r"\boxed{3} is wrong. The right one is \boxed{5}.", r"It is not \boxed{3}, it is \boxed{5}.",
    "The answer is not 3 but 5.", "The answer is 5. The answer is not 3.",
    r"\boxed{5}. Let me double check: 2+3=5. Yes, it is correct.", "\\boxed{5}\n\nLet me verify: 2+3 = 5.",
    r"<think>Maybe \boxed{3}</think>\boxed{5}", r"<Think>\boxed{3}</Think>\boxed{5}",
    r"<THINK>\boxed{3}</THINK> The answer is 5.", r"<thought>\boxed{5}... no \boxed{3}</thought> The answer is 5.",
    r"[THINK]\boxed{3}[/THINK]The answer is 5", r"◁think▷\boxed{3}◁/think▷5",
    r"<seed:think>\boxed{3}</seed:think>\boxed{5}",
    r"<|begin_of_thought|>\boxed{3}<|end_of_thought|><|begin_of_solution|>The answer is 5<|end_of_solution|>",
    r"<|channel|>analysis<|message|>\boxed{3}<|end|><|start|>assistant<|channel|>final<|message|>So: 5<|return|>",
    r"<|channel|>analysis<|message|>\boxed{3}<|end|><|start|>assistant<|channel|>final<|message|>5",
    r"analysisWe get \boxed{3}.assistantfinalThe answer is 5.", "<answer>5</answer>",
    "<think>3</think><answer>5</answer>", r"<reasoning>\boxed{3}</reasoning><answer>5</answer>", "5</s>",
    "5<|im_end|>", "#### 5<|eot_id|>", "The answer is 5<|endoftext|>",
    "\\boxed{5}<|im_end|>\n<|im_start|>user\nNext? \\boxed{9}", "The answer is 5.</s>[INST] And 7? The answer is 9.",
    "5<end_of_turn>", "5<｜end▁of▁sentence｜>", r"\boxed{5}<|end|>", "<|im_start|>assistant\n5<|im_end|>",
    r"<think>so \boxed{5}</think>", r"<think>so it is \boxed{5}.",
    "<unused94>thought\nmaybe \\boxed{3}<unused95>The answer is 5", r"reasoning \boxed{3} </think> 5",
    r"<|START_THINKING|>\boxed{3}<|END_THINKING|><|START_RESPONSE|>5<|END_RESPONSE|>", "答：小明有5个苹果。",
    "所以答案是5。", "答案：5", "答案为：$5$", "因此，结果为 $5$。", "The answer would be 5.",
    "**Answer**: 5 apples", "Answer: 5\n\nExplanation: since 7 is odd", "Final answer: **5**.", "ANSWER: 5",
    "La respuesta es 5.", "La réponse est 5.", "Die Antwort ist 5.", "Ответ: 5", r"The final answer is: $\boxed{5}$",
    "We get 10/2 = 5.", "Then 2 + 3 = 5 apples.", "Answer: five",
    "Altogether they have five apples. The answer is five.", "Therefore, she makes $5 per day.", "The answer: 5",
    "the answer should be 5", r"$\boxed{1}$ is not the answer. $\boxed{5}$ is.", r"\boxed{5} apples",
    r"So \boxed{5}\text{ cm}^2.",
]  # fmt: skip
PART_OF_SOMETHING = [
    "Then we have sqrt(5).", "This is 5!", "So it is x^5.", "which gives 5 thousand.", "it is less than 5.",
    "This equals -5.", "so it is minus 5.", "we get 3/5.", "The result is 5 million.", r"\boxed{5} million",
    "Hence 2x = 5.", "we get 5x.", "it is 5π.", r"it is $5\pi$.", "log 5", "The answer is 5 million.",
    "The answer is less than 5.", "The answer is the square root of 5.", "The answer is 5!", "The answer is 5 or 6.",
    r"$\boxed{3}$ and $\boxed{5}$", r"\boxed{3}, \boxed{5}", r"\boxed{5}, \boxed{3}", "at least 5",
    "The answer is $5$ thousand.", "The answer is 5 times as many.", "So 5^2.",
]  # fmt: skip
BOXES = [
    (r"\boxed{1} and \boxed{2}", "1,2", True), (r"$\boxed{1}$ and $\boxed{2}$", r"1 \text{ and } 2", True),
    (r"$x=\boxed{1}$ and $y=\boxed{2}$", "(1,2)", True), (r"$x=\boxed{3}$ or $x=\boxed{-3}$", r"\pm 3", True),
    (r"\boxed{1}, \boxed{2} and \boxed{3}", r"\{1,2,3\}", True), (r"\boxed{1} and \boxed{2}", "1", False),
    (r"\boxed{1} and \boxed{2}", "1,3", False), (r"$\boxed{x=1}$ and $\boxed{x=2}$", "1,2", True),
    (r"$\boxed{1}$和$\boxed{2}$", "1,2", True), (r"\boxed{1/2} or \boxed{0.5}", "0.5", True),
    (r"\boxed{3} million", "3000000", True), (r"So \boxed{5} \% of them.", r"5\%", True),
    ("The answer is $3$ million.", "3000000", True), ("She has 3 million.", "3000000", True),
]  # fmt: skip


@pytest.mark.parametrize("text", UNFINISHED)
def test_an_unfinished_or_denied_answer_is_no_answer_and_says_so(text):
    verdict = grade(text, FIVE)
    assert (verdict.correct, verdict.reason) == (False, "no-answer")


@pytest.mark.parametrize("text", FINISHED)
def test_an_answer_is_found_behind_thinking_doubt_and_leftovers_of_templates(text):
    assert grade(text, FIVE).correct is True


@pytest.mark.parametrize("text", PART_OF_SOMETHING)
def test_a_number_that_is_part_of_something_else_is_not_the_answer(text):
    assert grade(text, FIVE).correct is False


@pytest.mark.parametrize(("text", "gold", "right"), BOXES)
def test_several_boxes_and_words_behind_a_box(text, gold, right):
    assert grade(text, Gold("math", (gold,))).correct is right
