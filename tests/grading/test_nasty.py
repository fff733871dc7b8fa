"""No text takes longer to read than a tenth of a second of processor time, whatever it holds; more on slow machines."""

import ast
import time

import pytest
from tests.grading.nasty import FAMILIES, nasty

import entmin.grading as grading
from entmin.grading import Gold, choice, integer
from entmin.grading.api import grade_many
from entmin.grading.extract import extract
from entmin.grading.published import physics as published_physics
from entmin.grading.published import prime, qwen
from entmin.programs.extract import extract as program

SECONDS = 0.1
"""Where Python parses `PROGRAM` in `PARSED` seconds: work of the readers' kind, which other work slows as much."""
PROGRAM, PARSED = "def f(x):\n    return [x + 1, {'a': x}, (x, 'b')]\n" * 400, 0.014
READERS = {
    "text": extract,
    "choice": choice.find,
    "integer": integer.extract,
    "program": program,
    "function": lambda text: program(text, "f"),
    "published mathematics": lambda text: prime.extract(text[-20_000:], contest=False),
    "published others": lambda text: qwen.extract(text[-20_000:]),
    "published physics": lambda text: published_physics.extract(text[-20_000:]),
}
WORST = {
    "boxes never closed": "\\boxed{" * 30_000,
    "boxes around boxes": "\\boxed{" * 20_000 + "5" + "}" * 20_000,
    "boxes joined": "\\boxed{5} and " * 15_000,
    "braces": "\\boxed{" + "{" * 150_000,
    "closing braces": "\\boxed{5}" + "}" * 150_000,
    "backslashes": "\\" * 199_999,
    "display formulas never closed": "The answer is \\[" + "\\[x" * 60_000,
    "dollars": "$" * 200_000,
    "dollars and lines": "$x\n\n" * 50_000,
    "the answer is": "the answer is " * 15_000,
    "not the answer": "not the answer is not " * 10_000,
    "stars": "**" * 100_000,
    "stars and words": "**a" * 60_000,
    "spaces": "answer" + " " * 190_000 + "5",
    "lines": "\n" * 200_000,
    "lines after an answer": "The answer is " + "\n" * 190_000,
    "lines and spaces": "\n " * 100_000,
    "hashes": "####\n" * 40_000,
    "digits": "1" * 200_000,
    "commas": "1," * 100_000,
    "signs": "-+" * 100_000,
    "thinking": "<think>" * 25_000,
    "thinking closed": "</think>" * 25_000,
    "channels": "<|channel|>analysis<|message|>" * 6_000,
    "turns": "<|im_end|>" * 20_000,
    "tags with attributes": "<think " * 28_000,
    "folded thinking": '<details type="reasoning">' * 7_000,
    "wide tokens": "<｜" * 70_000,
    "options": "A) 5 B) 7\n" * 18_000,
    "letters denied": "故选B不是C，not B is correct? " * 7_000,
    "quotes": "'B " * 60_000,
    "answer tags": "<answer>" * 25_000,
    "surrogates": "\ud800" * 200_000,
    "Chinese": "答案是不是" * 40_000,
    "parentheses": "answer (" * 25_000,
    "fences": "```" + "a" * 20_000 + "`",
    "fences in docstrings": "```python\n\"\"\"\n    ```\n" * 10_000,
}  # fmt: skip


def bound():
    """Seconds for one text here and now."""
    return SECONDS * max(1.0, cost(ast.parse, PROGRAM, enough=0.0) / PARSED)


def cost(reader, text, enough=SECONDS):
    """Processor seconds, the quickest of up to five runs: other work on the machine only ever adds."""
    best = float("inf")
    for _ in range(5):
        started = time.process_time()
        reader(text)
        best = min(best, time.process_time() - started)
        if best < enough:
            break
    return best


def slow_ones(seeds):
    return [
        (name, seed, family, seconds)
        for seed in seeds
        for family, text in [nasty(seed)]
        for name, reader in READERS.items()
        if (seconds := cost(reader, text)) >= SECONDS and seconds >= bound()
    ]


def test_random_nasty_texts_are_read_quickly():
    assert slow_ones(range(0, 10_000, 97)) == []


@pytest.mark.slow
@pytest.mark.parametrize("quarter", range(4))
def test_ten_thousand_random_nasty_texts_are_read_quickly(quarter):
    assert slow_ones(range(quarter, 10_000, 4)) == []


@pytest.mark.parametrize("name", WORST)
@pytest.mark.parametrize("reader", READERS)
def test_the_worst_of_each_family_at_full_size(name, reader):
    # At the largest size that is read at all (200,000 characters) one pass in Python takes some tenths of a second.
    seconds = cost(READERS[reader], WORST[name])
    assert seconds < 4 * SECONDS or seconds < 4 * bound()


def test_every_family_and_lone_surrogates_get_a_verdict_that_can_be_written_and_none_is_lost():
    texts = [nasty(seed, 300)[1] for seed in range(3 * len(FAMILIES))]
    texts += ["\ud800", "The answer is \udfff", "\\boxed{\ud8005}"]
    tasks = ("math500", "ugphysics", "gpqa_diamond", "arithmetic")
    rows = [(task, text, Gold("choice" if "gpqa" in task else "physics" if "phys" in task else "math", ("5",)))
            for task in tasks for text in texts]  # fmt: skip
    for grader in grading.GRADERS:
        verdicts = list(grade_many(rows, grader=grader))
        assert len(verdicts) == len(rows)
        for verdict in verdicts:
            assert verdict.reason != "error"
            (verdict.answer or "").encode()


def test_a_row_that_cannot_be_judged_is_that_rows_error_and_no_other():
    rows = [("math500", r"\boxed{5}", Gold("math", ("5",))), ("math500", r"\boxed{5}", Gold("math", ())),
            ("math500", None, Gold("math", ("5",))), ("math500", r"\boxed{5}", Gold("math", ("\ud800",))),
            ("math500", r"\boxed{5}", Gold("math", (object(),))), ("math500", "5", Gold("math", ("5",)))]  # fmt: skip
    assert [verdict.reason for verdict in grade_many(rows)] == ["match", "error", "error", "wrong", "error", "match"]
