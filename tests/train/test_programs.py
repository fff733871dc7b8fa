"""Programs as verified answers: the tests' form, and real runs in the sandbox."""

from __future__ import annotations

import json

import pytest

from entmin.errors import EntminError
from entmin.sandbox import open_sandbox
from entmin.train.answers import Answers
from entmin.train.programs import parse_tests

PRINTED = json.dumps({"inputs": ["2\n3\n", "10\n-4\n"], "outputs": ["5\n", "6\n"]})
CALLED = json.dumps({"fn_name": "add", "inputs": [[2, 3], [10, -4]], "outputs": [5, 6]})


def test_tests_of_programs_and_of_functions_are_read():
    printed, none = parse_tests(PRINTED)
    called, name = parse_tests(CALLED)
    assert none is None and [(t.input, t.output) for t in printed] == [("2\n3\n", "5\n"), ("10\n-4\n", "6\n")]
    assert name == "add" and called[0].input == "2\n3" and called[1].output == "6"


def test_programs_are_judged_by_their_tests():
    try:
        open_sandbox()
    except EntminError as error:
        pytest.skip(str(error))
    right = "```python\na = int(input())\nb = int(input())\nprint(a + b)\n```"
    wrong = right.replace("+", "-")
    function = "```python\ndef add(a, b):\n    return a + b\n```"
    texts, tests = [right, wrong, function, "no program", right], [PRINTED, PRINTED, CALLED, PRINTED, "not tests"]
    assert Answers(1).verdicts(texts, tests, ["code"] * len(texts)) == [True, False, True, False, None]


def test_mathematics_is_compared_by_value_and_groups_share_a_spelling():
    answers = Answers(3)
    texts = [r"so \boxed{\frac{1}{2}}", r"\boxed{0.5}", "I do not know"]
    keys = answers.keys(texts, ["math"] * 3)
    assert keys[0] == keys[1] is not None
    assert answers.verdicts(texts[:2], ["1/2", "2"], ["math"] * 2) == [True, False]
