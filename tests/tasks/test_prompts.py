"""The two prompt profiles: the published strings to the letter, and what a careful evaluator asks."""

import pytest

from entmin.errors import UsageError
from entmin.problem import Problem
from entmin.tasks.prompts import CHOICE, MATH, SEVERAL
from entmin.tasks.registry import benchmark, tasks
from entmin.tasks.ugphysics import UGPHYSICS
from entmin.tasks.ugphysics_prompts import declared_units

# A changed string must come with a new version: this table is the reminder.
PINNED = {
    "arithmetic direct": (2, "1c69bdbb"),
    "arithmetic clean": (2, "85442839"),
    "number_sequence direct": (1, "ab064542"),
    "number_sequence clean": (1, "74795f70"),
    "math500 clean": (2, "daa7f96a"),
    "math500 paper": (2, "e677d516"),
    "amc clean": (2, "daa7f96a"),
    "amc paper": (2, "e677d516"),
    "aime clean": (2, "daa7f96a"),
    "aime paper": (2, "e677d516"),
    "aime24 clean": (2, "daa7f96a"),
    "aime24 paper": (2, "e677d516"),
    "aime25 clean": (2, "daa7f96a"),
    "aime25 paper": (2, "e677d516"),
    "minerva_math clean": (2, "538beba0"),
    "minerva_math paper": (2, "e677d516"),
    "olympiadbench clean": (2, "538beba0"),
    "olympiadbench paper": (2, "e677d516"),
    "gsm8k clean": (2, "daa7f96a"),
    "gsm8k paper": (2, "e677d516"),
    "ugphysics clean": (2, "62f0a9a7"),
    "ugphysics paper": (2, "2059f8d0"),
    "gpqa_diamond clean": (2, "70f39b78"),
    "mmlu_pro clean": (2, "70f39b78"),
    "arc_challenge clean": (2, "70f39b78"),
    "humaneval clean": (2, "f33f6896"),
    "humaneval paper": (2, "623452d8"),
    "mbpp clean": (2, "34fc2178"),
    "mbpp paper": (2, "6bbb31b2"),
    "leetcode clean": (2, "a52a3757"),
    "leetcode paper": (2, "4eb7cc7a"),
    "livecodebench clean": (2, "13c7d0d8"),
    "livecodebench paper": (2, "f0687caa"),
    "scicode clean": (2, "364726a5"),
    "scicode paper": (2, "a225e8a9"),
}
FAMILIES = {"math": MATH, "several": SEVERAL, "choice": CHOICE, "ugphysics": UGPHYSICS.prompts}


def turns(name, family, problem):
    return FAMILIES[family][name].turns(problem)


def physics(language="en", **changed):
    record = {
        "index": 1,
        "subject": "Semiconductor Physics",
        "problem": "How many?",
        "answers": "\\boxed{1}",
        "answer_type": "NV",
        "unit": "\\text{m}^{-3}",
        "is_multiple_answer": False,
        "language": language.upper(),
        "level": "",
    }
    return UGPHYSICS.problem(record | changed, 0)


def test_a_version_pins_every_string():
    found = {}
    for name, one in tasks().items():
        for profile, prompt in one.prompts.items():
            recorded = prompt.record(profile)
            found[f"{name} {profile}"] = (recorded["prompt_version"], recorded["prompt_sha256"][:8])
    assert found == PINNED


def test_the_published_system_prompt_has_two_backslashes():
    [(role, system), (_, user)] = turns("paper", "math", Problem("1", " What is $x$? ", "2"))
    assert role == "system"
    assert len(system) == 71
    assert system == "Please reason step by step, and put your final answer within " + "\\" * 2 + "boxed{}."
    assert user == " What is $x$? "


def test_the_qwen_harness_strips_and_asks_for_a_truth_value_only_where_the_gold_is_one():
    assert turns("paper", "several", Problem("1", " What? ", "2"))[1] == ("user", "What?")
    assert turns("paper", "several", Problem("1", "Is it?", "True"))[1] == ("user", "Is it? (True or False)")
    row = Problem("1", "Is it?", {"final_answer": ["$No$"]})
    assert turns("paper", "several", row)[1] == ("user", "Is it? (Yes or No)")


def test_the_published_physics_prompt_keeps_its_words():
    [(_, system), (_, user)] = turns("paper", "ugphysics", physics())
    assert system == "You are a helpful assistant."
    assert user == (
        "The following is an open-ended problem from Semiconductor Physics of the undergraduate-level Physics. "
        "The answer of The problem should be a numerical value without units. "
        "Please calculate the answer according to the given requirements and the information provided. "
        "Please use LaTeX format to represent the variables and formulas used in the solution process and results. "
        'Please end your solution with "So the final answer is \\boxed{answer}(unit)." and give the result explicitly, '
        "note that the unit of the answers should not be included in \\boxed{}.\n\nHow many?"
    )


@pytest.mark.parametrize(
    ("types", "several", "expected"),
    [
        ("IN", False, "The answer of The problem should be a range inteval. Please"),
        ("TUP", False, "should be multiple numbers, seperated by comma, such as (x, y, z). Please"),
        ("EX, EX", True, "The problem has multiple answers, each of them should be an expression. Please"),
        ("EX", True, "The problem has multiple answers, each of them should be an expression. Please"),
        (
            "TF, EX",
            True,
            "The problem has multiple answers, with the answers in order being either True or False, an expression. ",
        ),
    ],
)
def test_published_types(types, several, expected):
    text = turns("paper", "ugphysics", physics(answer_type=types, is_multiple_answer=several))[1][1]
    assert expected in text
    assert ("\\boxed{multiple answers connected with commas}(unit)" in text) == several


def test_the_published_chinese_prompt():
    text = turns("paper", "ugphysics", physics("zh", answer_type="NV, TF", is_multiple_answer=True))[1][1]
    assert text == (
        "以下是大学物理的Semiconductor Physics科目中的解答题，题目有多个答案，答案类型分别为数值、是或否。"
        "请根据题目的要求和所提供的信息计算得出答案。解答过程和结果中使用的变量和公式请使用LaTeX格式表示。"
        "请在最后以“所以最终答案是\\boxed{用英文逗号连接的多个答案}(单位)。”显式给出结果。"
        "注意答案的单位不要放在\\boxed{}中。\n\nHow many?"
    )


def test_the_clean_profile_has_one_user_turn_and_one_backslash():
    for family in ("math", "several", "choice"):
        [(role, text)] = turns("clean", family, Problem("1", "What is $\\frac{1}{2}${x}?\n", "A", options=("p", "q")))
        assert role == "user"
        assert text.startswith("What is $\\frac{1}{2}${x}?\n\n")
        assert " \\boxed{}" in text and "\\\\boxed" not in text


def test_the_clean_choice_prompt_lists_options_by_letter():
    [(_, text)] = turns("clean", "choice", Problem("1", "Which?", "B", options=("red", "blue {question}")))
    assert "\n\nA. red\nB. blue {question}\n\n" in text


def test_the_clean_physics_prompt_names_the_unit_of_numbers_only():
    assert "in units of $\\text{m}^{-3}$" in turns("clean", "ugphysics", physics())[0][1]
    assert "units" not in turns("clean", "ugphysics", physics(unit="None"))[0][1]
    assert "units" not in turns("clean", "ugphysics", physics(answer_type="EX", unit="\\hbar"))[0][1]
    assert "以$\\text{m}^{-3}$为单位" in turns("clean", "ugphysics", physics("zh"))[0][1]
    several = physics(answer_type="NV, NV", unit="\\text{J}, \\text{J}", is_multiple_answer=True)
    assert "in units of $\\text{J}$, $\\text{J}$, in this order" in turns("clean", "ugphysics", several)[0][1]


@pytest.mark.parametrize(
    ("column", "units"),
    [
        ("None", [""]),
        (None, [""]),
        ("\\text{None}, \\text{None}", ["", ""]),
        ("\\text{None, None}", ["", ""]),
        ("\\text{}", [""]),
        ("\\mathrm{None}", [""]),
        ("\\text{J}, None", ["\\text{J}", ""]),
        ("\\mathrm{J/(mol, K)}", ["\\mathrm{J/(mol, K)}"]),
        ("$cm^2$", ["cm^2"]),
    ],
)
def test_units_are_read_out_of_dirty_columns(column, units):
    assert declared_units(column) == units


def test_an_unknown_profile_names_the_known_ones():
    with pytest.raises(UsageError, match=r"did you mean 'clean'.*profiles: clean, paper"):
        benchmark("math500").profile("claen")
    with pytest.raises(UsageError, match="use prompt=clean"):
        benchmark("gpqa_diamond").profile("paper")
