"""What UGPhysics is asked with, in English and Chinese.

``paper`` is the published instruction, misspellings included, before the problem. ``clean`` puts the problem first,
then the declared form of its answer and the unit of its numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from entmin.problem import Problem
from entmin.tasks.prompts import Profile, Strings, Turns, fill

_PAPER = {
    "system": "You are a helpful assistant.",
    "en": (
        "The following is an open-ended problem from {subject} of the undergraduate-level Physics. {types}"
        "Please calculate the answer according to the given requirements and the information provided. "
        "Please use LaTeX format to represent the variables and formulas used in the solution process and results. "
        'Please end your solution with "So the final answer is {box}(unit)." and give the result explicitly, '
        "note that the unit of the answers should not be included in \\boxed{}."
    ),
    "en box one": r"\boxed{answer}",
    "en box several": r"\boxed{multiple answers connected with commas}",
    "en one": "The answer of The problem should be {type}. ",
    "en same": "The problem has multiple answers, each of them should be {type}. ",
    "en several": "The problem has multiple answers, with the answers in order being {type}. ",
    "en joint": ", ",
    "en IN": "a range inteval",
    "en TF": "either True or False",
    "en EX": "an expression",
    "en EQ": "an equation",
    "en MC": "one option of a multiple choice question",
    "en NV": "a numerical value without units",
    "en TUP": "multiple numbers, seperated by comma, such as (x, y, z)",
    "zh": (
        "以下是大学物理的{subject}科目中的解答题{types}。请根据题目的要求和所提供的信息计算得出答案。"
        "解答过程和结果中使用的变量和公式请使用LaTeX格式表示。"
        "请在最后以“所以最终答案是{box}(单位)。”显式给出结果。注意答案的单位不要放在\\boxed{}中。"
    ),
    "zh box one": r"\boxed{答案}",
    "zh box several": r"\boxed{用英文逗号连接的多个答案}",
    "zh one": "，答案类型为{type}",
    "zh same": "，题目有多个答案，答案类型均为{type}",
    "zh several": "，题目有多个答案，答案类型分别为{type}",
    "zh joint": "、",
    "zh IN": "区间",
    "zh TF": "是或否",
    "zh EX": "表达式",
    "zh EQ": "方程",
    "zh MC": "多项选择题的一个选项",
    "zh NV": "数值",
    "zh TUP": "由逗号隔开的若干元素的元组，比如 (x, y, z)",
}
_CLEAN = {
    "en": (
        "{question}\n\nThis is an undergraduate {subject} problem. {types}{unit}Reason step by step, use LaTeX for "
        "formulas, and put your final answer, without its unit, within \\boxed{}."
    ),
    "en one": "The answer is {type}. ",
    "en several": (
        "The problem has several answers, in this order: {type}; "
        "put all of them in one \\boxed{}, separated by commas. "
    ),
    "en joint": ", ",
    "en unit": "Give it in units of ${unit}$. ",
    "en units": "Give them in units of {unit}, in this order. ",
    "en IN": "an interval",
    "en TF": "True or False",
    "en EX": "an expression",
    "en EQ": "an equation",
    "en MC": "the letter of the right option",
    "en NV": "a number",
    "en TUP": "a tuple such as (x, y, z)",
    "zh": (
        "{question}\n\n这是一道大学物理（{subject}）题。{types}{unit}请逐步推理，公式使用LaTeX格式，"
        "并将最终答案（不含单位）写在\\boxed{}中。"
    ),
    "zh one": "答案是{type}。",
    "zh several": "本题有多个答案，依次为：{type}；请将它们全部写在同一个\\boxed{}中，用英文逗号分隔。",
    "zh joint": "、",
    "zh unit": "答案以${unit}$为单位。",
    "zh units": "各答案依次以{unit}为单位。",
    "zh IN": "一个区间",
    "zh TF": "“是”或“否”",
    "zh EX": "一个表达式",
    "zh EQ": "一个方程",
    "zh MC": "正确选项的字母",
    "zh NV": "一个数值",
    "zh TUP": "一个元组，比如 (x, y, z)",
}


def _published(problem: Problem, strings: Strings) -> Turns:
    """The published instruction, misspellings included, before the problem."""
    language, types = problem.extra["language"], problem.extra["answer_types"]
    several = problem.extra["multiple"]
    names = [strings[f"{language} {code}"] for code in types]
    form = "one" if not several else "same" if len(set(types)) == 1 else "several"
    shown = strings[f"{language} joint"].join(names) if form == "several" else names[0]
    instruction = fill(
        strings[language],
        subject=problem.subject or "",
        types=fill(strings[f"{language} {form}"], type=shown),
        box=strings[f"{language} box {'several' if several else 'one'}"],
    )
    return [("system", strings["system"]), ("user", f"{instruction}\n\n{problem.question}")]


def _clean(problem: Problem, strings: Strings) -> Turns:
    """The problem, then the declared form of its answer and the unit of its numbers."""
    language, types = problem.extra["language"], problem.extra["answer_types"]
    several = problem.extra["multiple"] or len(types) > 1
    names = strings[f"{language} joint"].join(strings[f"{language} {code}"] for code in types)
    declared = problem.gold if isinstance(problem.gold, dict) else {}
    text = fill(
        strings[language],
        question=problem.question.strip(),
        subject=problem.subject or "",
        types=fill(strings[f"{language} {'several' if several else 'one'}"], type=names),
        unit=_unit_request(strings, language, types, declared_units(declared.get("unit"))),
    )
    return [("user", text)]


def _unit_request(strings: Strings, language: str, types: Sequence[str], units: Sequence[str]) -> str:
    """Name the units of numbers, which problems often leave open; not of expressions, where it is half the answer."""
    if set(types) != {"NV"} or not all(re.search(r"[^\W\d_]|%", unit) for unit in units):
        return ""
    if len(units) == 1:
        return fill(strings[f"{language} unit"], unit=units[0])
    return fill(strings[f"{language} units"], unit=", ".join(f"${unit}$" for unit in units))


_NO_UNIT = re.compile(r"\\(?:text|mathrm)\{\s*(None|)\s*\}|\bNone\b")


def declared_units(column: str | None) -> Sequence[str]:
    """The unit of each answer of a UGPhysics record, empty where there is none; commas inside braces do not divide."""
    text = re.sub(r"\\text\{((?:\s*None\s*,?)+)\}", r"\1", column or "")
    pieces, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += {"{": 1, "(": 1, "}": -1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            pieces.append(text[start:position])
            start = position + 1
    return [_NO_UNIT.sub("", piece).strip().strip("$").strip() for piece in (*pieces, text[start:])]


PROMPTS = {"clean": Profile(2, _CLEAN, _clean), "paper": Profile(2, _PAPER, _published)}
