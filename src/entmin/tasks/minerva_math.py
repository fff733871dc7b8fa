r"""Minerva: 272 undergraduate science problems from MIT OpenCourseWare.

Not the MATH problems with the Minerva prompt that some harnesses call ``minerva_math``. The published code runs this
set through the Qwen2.5-Math harness.

Problem 142 as the ``clean`` prompt puts it, and its gold::

    How many up quarks does a tritium ($H^3$) nucleus contain?

    Reason step by step, and put your final answer within \boxed{}. If there are several answers, put all of them in one
    \boxed{}, separated by commas.

    gold: 4
"""

from __future__ import annotations

import re
from typing import Any

from entmin.grading.extract import boxes
from entmin.grading.gold import Gold
from entmin.problem import Problem
from entmin.tasks import golds, records
from entmin.tasks.benchmark import Benchmark
from entmin.tasks.data import Part, Record, Source, contents
from entmin.tasks.prompts import SEVERAL

_APPROXIMATE = re.compile(r"-?(?:\d+\.\d*|\d*\.\d+|\d+(?:\.\d*)?[eE][-+]?\d+)")


def problem(record: Record, number: int) -> Problem:
    """The mirror has no answer column: the last box of the solution is the answer."""
    answer = record.get("answer")
    return Problem(
        id=str(record.get("idx", number)),
        question=records.verbatim(record, "question", "problem"),
        gold=str(answer).strip() if answer is not None else records.last_box(str(record["solution"])),
        subject=record.get("type"),
    )


def gold(raw: Any) -> Gold:
    """Numbers with a decimal point or an exponent are measured or rounded: what rounds to them is right."""
    text = str(golds.column(raw, "solution", "answer"))
    found = boxes(text)
    answer = found[-1][0] if found else text.strip()
    return Gold("math", (answer,), rounded=bool(_APPROXIMATE.fullmatch(answer)))


MINERVA_MATH = Benchmark(
    name="minerva_math",
    summary="Minerva (OCWCourses): 272 undergraduate problems",
    groups=("qwen", "math", "all"),
    place=60,
    source=Source(
        hub="math-ai/minervamath",
        folder="minerva_math",
        licence="none stated",
        parts=(Part(contents(272, "c50f7dc3b300f05dbaf674d9d958227b29f9309ab82690566594c90aca7f0af7"), "test"),),
    ),
    problem=problem,
    prompts=SEVERAL,
    judge="math",
    gold=gold,
    odd={
        "5": r"a NumPy expression (np.arcsin(10/13)); read as \arcsin(10/13)",
        "72": "a dollar pair inside the box; read as one expression",
    },
)
