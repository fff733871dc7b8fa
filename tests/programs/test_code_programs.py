"""HumanEval, MBPP and LeetCode: what an answer becomes, and the verdict it gets, in the real sandbox."""

import json

import pytest

from entmin.errors import UsageError
from entmin.programs.checks import check_programs
from entmin.programs.judge import Rules
from entmin.tasks.registry import benchmark, judging_of, rules_of

HUMANEVAL = {
    "task_id": "HumanEval/0",
    "prompt": 'import math\n\n\ndef half(x: int) -> int:\n    """Half of x, rounded down."""\n',
    "canonical_solution": "    return math.floor(x / 2)\n",
    "entry_point": "half",
    "test": "def check(candidate):\n    assert candidate(4) == 2\n    assert candidate(5) == 2\n",
}
MBPP = {
    "task_id": 1,
    "prompt": "Write a function to get the area of a circle.",
    "code": "import math\ndef area(r):\n    return math.pi * r * r",
    "test_imports": ["import math"],
    "test_list": ["assert math.isclose(area(1), math.pi)", "assert area(0) == 0"],
}
LEETCODE = {
    "task_id": "contest-1-place",
    "meta": {"difficulty": "Easy"},
    "prompt_sft": "Where would x go?\n```python\nclass Solution:\n    def place(self, xs: List[int], x: int) -> int:\n        \n```\n",  # noqa: E501
    "test": 'my_solution = Solution()\n\ntest_input = { "xs": [1, 3], "x": 2 }\nassert my_solution.place(**test_input) == 1\n',  # noqa: E501
}
LINKED = {
    "task_id": "contest-2-value",
    "meta": {"difficulty": "Hard"},
    "prompt_sft": "Value?\n```python\nclass ListNode:\n    def __init__(self, val=0):\n        self.val = val\nclass Solution:\n    def value(self, head: Optional[ListNode]) -> int:\n        \n```\n",  # noqa: E501
    "test": "my_solution = Solution()\nassert my_solution.value(ListNode(3)) == 3\n",
}

pytestmark = pytest.mark.usefixtures("sandbox")


def verdict(task, record, completion, **rules):
    known = benchmark(task)
    judged = known.judging(known.problem(record, 0), completion, rules_of(known, {"cpu_seconds": 2, **rules}))
    return judged.verdict.reason


def check(task, rows, own):
    known = benchmark(task)
    return check_programs(task, rules_of(known, {}), rows, own, 2, known.judging)


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        ("```python\nimport math\ndef half(x):\n    return math.floor(x / 2)\n```", "match"),
        ("    return x // 2\n", "match"),
        ("```python\n    return x // 2\n```", "match"),
        ("```python\ndef half(x):\n    return floor(x)\n\ndef floor(x):\n    return x // 2\n```", "match"),
        ("```python\ndef half(x):\n    return math.floor(x / 2)\n```", "match"),
        ("```python\ndef half(x):\n    return x / 2\n```", "wrong"),
        ("```python\ndef half(x):\n    return 1 // 0\n```", "crash"),
        pytest.param("```python\ndef half(x):\n    while True: pass\n```", "timeout", marks=pytest.mark.slow),
        ("```python\ndef half(x):\n    return 'x' * 10 ** 12\n```", "memory"),
        ("```python\ndef half(x)\n    return x\n```", "compile"),
        ("```python\nimport sys\nsys.exit(0)\ndef half(x): pass\n```", "wrong"),
        ("I do not know.", "no-code"),
        ("", "no-code"),
    ],
)
def test_humaneval(completion, expected):
    assert verdict("humaneval", HUMANEVAL, completion) == expected


def test_mbpp_honours_the_imports_of_its_tests():
    answer = "```python\ndef area(r):\n    return 3.141592653589793 * r * r\n```"
    assert verdict("mbpp", MBPP, answer) == "match"
    assert verdict("mbpp", MBPP, "```python\ndef area(r):\n    return r\n```") == "wrong"
    # The published program drops imports and ignores those of the tests: a right answer fails there.
    assert verdict("mbpp", MBPP, answer, grader="paper") == "crash"


def test_leetcode_has_the_imports_of_the_site():
    body = "    def place(self, xs: List[int], x: int) -> int:\n        return {}\n"
    for expression in (
        "bisect.bisect_left(xs, x)",
        "bisect_left(xs, x)",
        "copy.copy([1])[0]",
        "pow(3, 1, 2)",
        "gcd(2, 3)",
    ):
        assert verdict("leetcode", LEETCODE, f"```python\nclass Solution:\n{body.format(expression)}```") == "match"
    assert verdict("leetcode", LEETCODE, f"class Solution:\n{body.format('int(np.searchsorted(xs, x))')}") == "match"
    answer = f"```python\nclass Solution:\n{body.format('bisect.bisect_left(xs, x)')}```"
    assert verdict("leetcode", LEETCODE, answer, grader="paper") == "crash"


def test_leetcode_without_its_class():
    assert verdict("leetcode", LEETCODE, "```python\ndef place(xs, x):\n    return 1\n```") == "match"
    assert verdict("leetcode", LEETCODE, "```python\ndef place(self, xs, x):\n    return 1\n```") == "match"


def test_leetcode_gives_the_classes_of_its_skeleton():
    body = "    def value(self, head: Optional[ListNode]) -> int:\n        return head.val\n"
    answer = f"```python\nclass Solution:\n{body}```"
    assert verdict("leetcode", LINKED, answer) == "match"


@pytest.mark.slow
def test_the_check_finds_every_broken_program():
    report = check("humaneval", [benchmark("humaneval").problem(HUMANEVAL, 0)], {})
    assert report.failures == [] and sum(report.cases.values()) == 8
    own = {"contest-1-place": "class Solution:\n    def place(self, xs, x):\n        return bisect.bisect(xs, x)\n"}
    rows = [benchmark("leetcode").problem(record, 0) for record in (LEETCODE, LINKED)]
    report = check("leetcode", rows, own)
    assert report.failures == [] and report.without == 1
    wrong = {"contest-1-place": "class Solution:\n    def place(self, xs, x):\n        return 0\n"}
    assert {failure["kind"] for failure in check("leetcode", rows[:1], wrong).failures} >= {"right"}


def test_rules_are_checked():
    with pytest.raises(UsageError, match="unknown grader"):
        Rules(grader="lenient")
    with pytest.raises(UsageError, match="at least 1"):
        Rules(cpu_seconds=0)
    with pytest.raises(UsageError, match="unknown sandbox"):
        Rules(sandbox="chroot").open()


def test_prompts_of_the_paper():
    row = benchmark("humaneval").problem(HUMANEVAL, 0)
    [system, user] = benchmark("humaneval").profile("paper").turns(row)
    assert system == ("system", "Please reason step by step, and put your final answer within \\\\boxed{}.\n")
    assert "Write a Python function `half(x: int) -> int` to solve" in user[1]
    assert user[1].endswith("```python\nYour code\n```\nat the end.")
    [system, user] = benchmark("leetcode").profile("paper").turns(benchmark("leetcode").problem(LEETCODE, 0))
    assert (
        system[1].startswith("\nWhen tackling")
        and "[PIVOT]" in system[1]
        and user[1].startswith(LEETCODE["prompt_sft"])
    )
    [_, user] = benchmark("mbpp").profile("paper").turns(benchmark("mbpp").problem(MBPP, 0))
    assert "`area(r)`" in user[1] and ">>> assert math.isclose(area(1), math.pi)\n\n Let's coding" in user[1]


def test_prompts_of_clean_are_one_user_turn():
    for task, record in (("humaneval", HUMANEVAL), ("mbpp", MBPP), ("leetcode", LEETCODE)):
        [(role, text)] = benchmark(task).profile("clean").turns(benchmark(task).problem(record, 0))
        assert role == "user" and "{" not in text.replace("{ ", "")


@pytest.mark.parametrize(
    "code", ["def half(x):\n    return '\ud800'", "\ud800", "def half(x):\n    return x // 2  # \udfff"]
)
def test_half_of_a_surrogate_pair_loses_nothing(code):
    known = benchmark("humaneval")
    rules, answer = Rules(cpu_seconds=2), f"```python\n{code}\n```"
    judged = judging_of(known)(known.problem(HUMANEVAL, 0), answer, rules)
    assert judged.verdict.correct is False
    json.dumps(judged.to_dict(), ensure_ascii=False).encode()
