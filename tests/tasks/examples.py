"""One record of every benchmark, as its data set writes it: the problem its file shows. Arithmetic problems by seed."""

from entmin.tasks import procedural
from entmin.tasks.arithmetic import REMEDY, problem_stream


def make_problems(kind, size, seed, terms, digits):
    """The first (question, answer) pairs of a stream of arithmetic problems."""
    items = procedural.first(problem_stream(kind, seed, terms, digits), size, REMEDY)
    return [(item.question, item.answer) for item in items]


AOPS = "https://artofproblemsolving.com/wiki/index.php/"
LEETCODE_BODY = (
    "You are given an integer array nums and a positive integer k.\nReturn the number of subarrays where the maximum "
    "element of nums appears at least k times in that subarray.\nA subarray is a contiguous sequence of elements "
    "within an array.\n\nPlease complete the code below to solve above prblem:\n```python\nclass Solution:\n"
    "    def countSubarrays(self, nums: List[int], k: int) -> int:\n        \n```"
)

RECORDS = {
    "math500": {
        "problem": "Evaluate $\\log_264$.",
        "level": "Level 2",
        "type": "Algebra",
        "expected_answer": "6",
        "id": "test/algebra/120.json",
    },
    "amc": {
        "id": 18,
        "question": "How many positive perfect squares less than $2023$ are divisible by $5$?",
        "answer": 8.0,
        "url": AOPS + "2023_AMC_12A_Problems/Problem_3",
    },
    "aime": {
        "id": 72,
        "question": "Find the largest possible real part of \\[(75+117i)z+\\frac{96+144i}{z}\\]where $z$ is a complex "
        "number with $|z|=4$.",
        "answer": "540",
        "url": AOPS + "2024_AIME_I_Problems/Problem_7",
    },
    "minerva_math": {
        "problem": "How many up quarks does a tritium ($H^3$) nucleus contain?",
        "solution": "\\boxed{4}.",
        "type": "Relativity (8.033 Fall 2006)",
        "idx": 142,
    },
    "olympiadbench": {
        "id": 2787,
        "subfield": "Number Theory",
        "question": "Compute the largest prime divisor of $15 !-13$ !.",
        "final_answer": ["19"],
        "is_multiple_answer": False,
    },
    "gsm8k": {
        "question": "Ali had $21. Leila gave him half of her $100. How much does Ali have now?",
        "answer": "Ali now has $21+ $50 = $<<21+50=71>>71.\n#### 71",
        "idx": 462,
    },
    "ugphysics": {
        "index": 3936,
        "subject": "Semiconductor Physics",
        "problem": "Find the sum of the series \\(y=1+2x+3x^{2}+4x^{3}+\\cdots\\) where \\(|x|<1\\).",
        "answers": "\\boxed{\\frac{1}{(1-x)^{2}}}",
        "answer_type": "EX",
        "unit": None,
        "is_multiple_answer": False,
        "language": "EN",
    },
    "gpqa_diamond": {
        "Record ID": "invented",
        "Question": "Which of these particles is a lepton?",
        "Correct Answer": "the muon",
        "Incorrect Answer 1": "the proton",
        "Incorrect Answer 2": "the kaon",
        "Incorrect Answer 3": "the neutron",
    },
    "mmlu_pro": {
        "question_id": 70,
        "question": "Typical advertising regulatory bodies suggest, for example that adverts must not: encourage "
        "_________, cause unnecessary ________ or _____, and must not cause _______ offence.",
        "options": [
            "Safe practices, Fear, Jealousy, Trivial",
            "Unsafe practices, Distress, Joy, Trivial",
            "Safe practices, Wants, Jealousy, Trivial",
            "Safe practices, Distress, Fear, Trivial",
            "Unsafe practices, Wants, Jealousy, Serious",
            "Safe practices, Distress, Jealousy, Serious",
            "Safe practices, Wants, Fear, Serious",
            "Unsafe practices, Wants, Fear, Trivial",
            "Unsafe practices, Distress, Fear, Serious",
        ],
        "answer": "I",
        "answer_index": 8,
        "category": "business",
    },
    "arc_challenge": {
        "id": "Mercury_7175875",
        "question": "An astronomer observes that a planet rotates faster after a meteorite impact. Which is the most "
        "likely effect of this increase in rotation?",
        "choices": {
            "text": [
                "Planetary density will decrease.",
                "Planetary years will become longer.",
                "Planetary days will become shorter.",
                "Planetary gravity will become stronger.",
            ],
            "label": ["A", "B", "C", "D"],
        },
        "answerKey": "C",
    },
    "humaneval": {
        "task_id": "HumanEval/53",
        "prompt": '\n\ndef add(x: int, y: int):\n    """Add two numbers x and y\n    >>> add(2, 3)\n    5\n'
        '    >>> add(5, 7)\n    12\n    """\n',
        "entry_point": "add",
        "canonical_solution": "    return x + y\n",
        "test": "\n\nMETADATA = {}\n\n\ndef check(candidate):\n    assert candidate(2, 3) == 5\n",
    },
    "mbpp": {
        "task_id": 426,
        "prompt": "Write a function to filter odd numbers.",
        "code": "def filter_oddnumbers(nums):\n odd_nums = list(filter(lambda x: x%2 != 0, nums))\n return odd_nums",
        "test_imports": [],
        "test_list": [
            "assert filter_oddnumbers([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])==[1,3,5,7,9]",
            "assert filter_oddnumbers([10,20,45,67,84,93])==[45,67,93]",
            "assert filter_oddnumbers([5,7,9,8,6,4,3])==[5,7,9,3]",
        ],
    },
    "leetcode": {
        "task_id": "weekly-contest-375-count-subarrays-where-max-element-appears-at-least-k-times",
        "meta": {"difficulty": "Medium"},
        "prompt_sft": LEETCODE_BODY,
        "test": "\nmy_solution = Solution()\n\ntest_input = {}\nassert my_solution.countSubarrays(**test_input) == 6\n",
    },
    "scicode": {
        "problem_id": "74",
        "problem_description_main": "Create a function to compute the factor R of a QR factorization.",
        "required_dependencies": "import numpy as np",
        "sub_steps": [
            {
                "step_number": "74.1",
                "step_description_prompt": "Create a function to compute the factor R of a QR factorization of an "
                "$m\\times n$ matrix A with $m\\geq n$.",
                "function_header": "def householder(A):\n    '''Inputs:\n    A : Matrix of size m*n, m>=n\n    "
                "Outputs:\n    A : Matrix of size m*n\n    '''",
                "test_cases": ["A_transformed = householder(A)\nassert np.allclose(A_transformed, target)"],
                "return_line": "    return A",
            }
        ],
    },
}
