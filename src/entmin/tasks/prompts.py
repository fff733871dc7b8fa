r"""What is sent to the model: two profiles, versioned, each a table of strings and nothing else that varies.

``paper``: the exact strings of the published harness, so that numbers are comparable with the published ones: two
backslashes before ``boxed`` reach the model, UGPhysics keeps its misspellings, and no benchmark is told the form of its
answer. It exists for the families that harness runs; for contests it does not know (AIME 2025, GSM8K) it is the same
text, and for multiple choice there is none.

``clean``: what a careful evaluator sends: everything in the user turn (not every chat template has a system turn), one
backslash, the required form stated wherever a right answer could otherwise be written in a way nobody could grade
(several answers, the unit of a number, the letter of an option).

A changed string means a new version; the hash in every log tells whether two runs were asked the same thing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from entmin.errors import UsageError
from entmin.problem import Problem, letter

Family = Literal["math", "several", "ugphysics", "choice"]
"""Prompt families: one answer; one or several answers; UGPhysics; multiple choice."""
Role = Literal["system", "user"]
Turns = list[tuple[Role, str]]

_PAPER: dict[str, str] = {
    "system": r"Please reason step by step, and put your final answer within \\boxed{}.",
    "true/false": " (True or False)",
    "yes/no": " (Yes or No)",
    "ugphysics system": "You are a helpful assistant.",
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

_CLEAN: dict[str, str] = {
    "math": "{question}\n\nReason step by step, and put your final answer within \\boxed{}.",
    "several": (
        "{question}\n\nReason step by step, and put your final answer within \\boxed{}. "
        "If there are several answers, put all of them in one \\boxed{}, separated by commas."
    ),
    "choice": (
        "{question}\n\n{options}\n\nReason step by step, and put the letter of the right option within \\boxed{}."
    ),
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


@dataclass(frozen=True, slots=True)
class Profile:
    """A named, versioned set of prompt strings."""

    name: str
    version: int
    strings: dict[str, str]

    @property
    def sha256(self) -> str:
        """Hash of all strings of the profile."""
        return hashlib.sha256(json.dumps(self.strings, ensure_ascii=False, sort_keys=True).encode()).hexdigest()

    def record(self) -> dict[str, str | int]:
        """What a log must say about it."""
        return {"prompt": self.name, "prompt_version": self.version, "prompt_sha256": self.sha256}


PROFILES: dict[str, Profile] = {"paper": Profile("paper", 1, _PAPER), "clean": Profile("clean", 1, _CLEAN)}


def profile(name: str) -> Profile:
    """The profile called `name`.

    Raises:
        UsageError: there is none.
    """
    if name not in PROFILES:
        raise UsageError(f"unknown prompt profile {name!r}; profiles: {', '.join(PROFILES)}")
    return PROFILES[name]


def turns(name: str, family: Family, row: Problem) -> Turns:
    """The chat turns that put the problem `row` to a model.

    Raises:
        UsageError: the profile has no prompt for this family.
    """
    profile(name)
    renderer = _RENDERERS.get((name, family))
    if renderer is None:
        raise UsageError(f"there is no {name!r} prompt for {family} benchmarks (never published); use prompt=clean")
    return renderer(row)


def fill(template: str, **values: str) -> str:
    """Put values in place of ``{name}``; other braces stay (str.format would trip over LaTeX and code)."""
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), template)


def _paper_math(row: Problem) -> Turns:
    gold = row.gold["final_answer"][0] if isinstance(row.gold, dict) else row.gold
    word = gold.strip("$").lower()
    ask = _PAPER["true/false"] if word in ("true", "false") else _PAPER["yes/no"] if word in ("yes", "no") else ""
    return [("system", _PAPER["system"]), ("user", row.question + ask)]


def _paper_several(row: Problem) -> Turns:
    # The Qwen harness, which runs these sets, strips; the others send the problem verbatim.
    return [(role, text.strip()) for role, text in _paper_math(row)]


def _paper_ugphysics(row: Problem) -> Turns:
    language, types = row.extra["language"], row.extra["answer_types"]
    several = row.extra["multiple"]
    names = [_PAPER[f"{language} {code}"] for code in types]
    form = "one" if not several else "same" if len(set(types)) == 1 else "several"
    shown = _PAPER[f"{language} joint"].join(names) if form == "several" else names[0]
    instruction = fill(
        _PAPER[language],
        subject=row.subject or "",
        types=fill(_PAPER[f"{language} {form}"], type=shown),
        box=_PAPER[f"{language} box {'several' if several else 'one'}"],
    )
    return [("system", _PAPER["ugphysics system"]), ("user", f"{instruction}\n\n{row.question}")]


def _clean_math(row: Problem) -> Turns:
    return [("user", fill(_CLEAN["math"], question=row.question.strip()))]


def _clean_several(row: Problem) -> Turns:
    return [("user", fill(_CLEAN["several"], question=row.question.strip()))]


def _clean_choice(row: Problem) -> Turns:
    options = "\n".join(f"{letter(i)}. {option}" for i, option in enumerate(row.options))
    return [("user", fill(_CLEAN["choice"], question=row.question.strip(), options=options))]


def _clean_ugphysics(row: Problem) -> Turns:
    language, types = row.extra["language"], row.extra["answer_types"]
    several = row.extra["multiple"] or len(types) > 1
    names = [_CLEAN[f"{language} {code}"] for code in types]
    stated = fill(_CLEAN[f"{language} {'several' if several else 'one'}"], type=_CLEAN[f"{language} joint"].join(names))
    gold = row.gold if isinstance(row.gold, dict) else {}
    unit = _unit_request(language, types, declared_units(gold.get("unit")))
    text = fill(_CLEAN[language], question=row.question.strip(), subject=row.subject or "", types=stated, unit=unit)
    return [("user", text)]


def _unit_request(language: str, types: Sequence[str], units: Sequence[str]) -> str:
    """Name the units of numbers, which problems often leave open; not of expressions, where it is half the answer."""
    if set(types) != {"NV"} or not all(re.search(r"[^\W\d_]|%", unit) for unit in units):
        return ""
    if len(units) == 1:
        return fill(_CLEAN[f"{language} unit"], unit=units[0])
    return fill(_CLEAN[f"{language} units"], unit=", ".join(f"${unit}$" for unit in units))


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


_RENDERERS: dict[tuple[str, str], Callable[[Problem], Turns]] = {
    ("paper", "math"): _paper_math,
    ("paper", "several"): _paper_several,
    ("paper", "ugphysics"): _paper_ugphysics,
    ("clean", "math"): _clean_math,
    ("clean", "several"): _clean_several,
    ("clean", "ugphysics"): _clean_ugphysics,
    ("clean", "choice"): _clean_choice,
}
