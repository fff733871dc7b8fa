import itertools

import pytest
from tests.tasks.examples import make_problems

from entmin.errors import UsageError
from entmin.grading import integer
from entmin.grading.gold import Gold
from entmin.tasks.arithmetic import ARITHMETIC, KINDS
from entmin.tasks.on_inspect.task import make


@pytest.mark.parametrize(
    ("prediction", "gold", "correct", "answer"),
    [
        ("so \\boxed{42}", "42", True, "42"),
        ("\\boxed{41} no, \\boxed{42}", "42", True, "42"),
        ("\\boxed{4200}", "42", False, "4200"),
        ("The answer is: -7.", "-7", True, "-7"),
        ("The answer is $1,234$", "1234", True, "1,234"),
        ("12 + 7 = 19", "19", True, "19"),
        ("12 + 7 = 19.0", "19", True, "19.0"),
        ("12 + 7 = 19.5", "19", False, "19.5"),
        ("5 - 9 = −4", "-4", True, "−4"),
        ("\\boxed{x = 5}", "5", True, "5"),
        ("\\boxed{none}", "5", False, "none"),
        ("I do not know", "5", False, None),
        ("9" * 5000, "9", False, "9" * 5000),
        ("0.42", "42", False, "0.42"),
        ("42%", "42", True, "42"),
    ],
)
def test_integer_grader(prediction, gold, correct, answer):
    verdict = integer.grade(prediction, Gold("integer", (gold,)))
    assert (verdict.correct, verdict.answer) == (correct, answer)


def test_problems_are_seeded_right_and_a_prefix_of_a_larger_set():
    problems = make_problems("basic_arithmetic", 200, 3, 2, 2)
    assert problems == make_problems("basic_arithmetic", 200, 3, 2, 2)
    assert problems[:20] == make_problems("basic_arithmetic", 20, 3, 2, 2)
    assert problems != make_problems("basic_arithmetic", 200, 4, 2, 2)
    for question, answer in problems:
        left, operator, right = question.removeprefix("Calculate ").removesuffix(".").split()
        expected = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__}[operator](int(left), int(right))
        assert int(answer) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_no_question_occurs_twice_and_ids_do_not_depend_on_the_size(kind):
    few, many = ARITHMETIC.load(kind=kind, size=80), ARITHMETIC.load(kind=kind, size=1500)
    assert len({problem.question for problem in many.problems}) == len(many.by_id) == 1500
    assert many.problems[:80] == few.problems


def test_problems_of_a_version_without_repeats_keep_their_ids():
    import reasoning_gym

    options = {"operators": ["+", "-", "*"], "allow_parentheses": False, "allow_negation": False}
    shape = {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 2}
    data = reasoning_gym.create_dataset("basic_arithmetic", size=500, seed=0, **options, **shape)
    for problem in ARITHMETIC.load(size=300).problems:
        number = int(problem.id.rpartition("-")[2])
        assert number >= 500 or data[number]["question"] == problem.question


def test_seeds_do_not_share_a_stretch_of_their_streams():
    """reasoning-gym's problem i of seed s is problem i - 1 of seed s + 1."""
    sets = [{question for question, _ in make_problems("basic_arithmetic", 400, seed, 2, 2)} for seed in range(3)]
    assert all(len(one & other) < 100 for one, other in itertools.combinations(sets, 2))


def test_a_shape_with_too_few_problems_is_said():
    with pytest.raises(UsageError, match="only 100 different problems of this shape, 101 were asked for; raise terms"):
        make_problems("products", 101, 0, 2, 1)
    assert len(make_problems("products", 100, 0, 2, 1)) == 100
    assert len(ARITHMETIC.load(kind="products", digits=1).problems) == 100


def test_sequences_are_all_different_and_judged_as_integers():
    from entmin.settle.preparing import _rules
    from entmin.tasks.answers import grade
    from entmin.tasks.number_sequence import NUMBER_SEQUENCE

    few, many = NUMBER_SEQUENCE.load(size=50), NUMBER_SEQUENCE.load()
    assert len({problem.question for problem in many.problems}) == len(many.by_id) == 500
    assert many.problems[:50] == few.problems
    assert grade("number_sequence", "The answer is 340.", "340").grader == "integer"
    assert not grade("number_sequence", "340.5", "340").correct
    assert _rules(NUMBER_SEQUENCE) == "integer"


def test_the_trivial_baseline_is_the_share_of_the_commonest_answer():
    task = make(ARITHMETIC, size=100)
    answers = [sample.target for sample in task.dataset]
    trivial = task.metadata["trivial"]
    assert trivial["share"] == max(answers.count(a) for a in answers) / 100
    assert answers.count(trivial["answer"]) == trivial["share"] * 100


def test_wrong_options_name_the_right_ones():
    with pytest.raises(UsageError, match="clean"):
        make(ARITHMETIC, prompt="fancy")
    with pytest.raises(UsageError, match="chain_sum"):
        make(ARITHMETIC, kind="calculus")
    with pytest.raises(UsageError, match="size"):
        make(ARITHMETIC, size=0)
