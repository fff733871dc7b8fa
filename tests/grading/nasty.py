"""Texts made to hurt a reader of texts: seeded, of many families and shapes."""

from __future__ import annotations

import random

FAMILIES = {
    "fences": ["```", "~~~", "```python", "````", "`", "\n", "def f():", "return 1", "a", "    ", '"""'],
    "braces": ["{", "}", "\\{", "\\}", "\\boxed{", "\\boxed", "\\frac{", "1", "$"],
    "backslashes": ["\\", "\\\\", "\\[", "\\]", "\\(", "\\)", "\\boxed", "x", "\n", "{", "}"],
    "boxes": ["\\boxed{", "\\fbox{", "}", "5", " and ", ", ", "is wrong", "\\boxed", "\n", "wait, no"],
    "dollars": ["$", "$$", "\\$", "5", "x", "\n", "\n\n", "The answer is", "and"],
    "unicode": ["５", "，", "。", "答案", "是", "不", "½", "−", "π", "²", "\u202e", "\0", "é", "一", "百", "万", "分"],
    "thinking": ["<think>", "</think>", "<THINK>", "[/THINK]", "<|channel|>final<|message|>", "<|im_end|>", "<answer>",
                 "</answer>", "</s>", "<|", "|>", "5", "\n", "\\boxed{5}", "<|channel|>analysis<|message|>"],
    "digits": ["1", "9", "0", ",", ".", "e", "-", "+", "/", "%", " ", "^", "1,000", "!"],
    "parentheses": ["(", ")", "[", "]", "((", "))", "1", ",", "x", "\\left(", "\\right)", "|"],
    "surrogates": ["\ud800", "\udfff", "5", "\\boxed{", "}", "The answer is", "\n", "\udc80"],
    "words": ["the answer is", "answer", "Answer:", "not", "is", "5", "minus", "wait", "let me", "and", " ", ".", "\n",
              "five", "hundred", "final", " to ", " (", "**", "__", "####"],
    "spaces": [" ", "\t", "\n", "\xa0", "\r", "answer", "5", "$", "I hope it is correct", ".", ":"],
    "code": ["import x\n", "def f(x):\n", "    return x\n", "x = 1\n", "(", '"""', "'", "\n", "class A:\n",
             "print(x)\n",
             "if 1:\n"],
}  # fmt: skip


def nasty(seed: int, size: int | None = None) -> tuple[str, str]:
    """(family, text): a random mixture, long runs of two pieces, or one short unit many times over."""
    chance = random.Random(seed)
    family = sorted(FAMILIES)[seed % len(FAMILIES)]
    pieces = FAMILIES[family]
    count = size or chance.choice((10, 100, 1_000, 5_000, 20_000))
    shape = chance.randrange(3)
    if shape == 0:
        text = "".join(chance.choice(pieces) for _ in range(count))
    elif shape == 1:
        first, second, last = (chance.choice(pieces) for _ in range(3))
        text = first * (count // 2) + second + last * count
    else:
        unit = "".join(chance.choice(pieces) for _ in range(chance.randint(2, 6)))
        text = unit * max(1, count // 3) + chance.choice(pieces)
    return family, text[:count]
