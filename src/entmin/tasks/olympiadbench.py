r"""OlympiadBench: its English, text-only, open-ended mathematics (OE_TO_maths_en_COMP), 674 problems or 675 (mirror).

94 problems ask for several answers. The published code runs this set through the Qwen2.5-Math harness.

Problem 2787 as the ``clean`` prompt puts it, and its gold::

    Compute the largest prime divisor of $15 !-13$ !.

    Reason step by step, and put your final answer within \boxed{}. If there are several answers, put all of them in one
    \boxed{}, separated by commas.

    gold: 19
"""

from __future__ import annotations

from typing import Any

from entmin.grading.gold import Gold
from entmin.grading.shapes import elements
from entmin.problem import Problem
from entmin.tasks import golds, records
from entmin.tasks.benchmark import Benchmark
from entmin.tasks.data import Contents, Part, Record, Source
from entmin.tasks.prompts import SEVERAL


def problem(record: Record, number: int) -> Problem:
    """A context that several problems share is part of the question."""
    context = (record.get("context") or "").strip()
    question = records.verbatim(record, "question")
    declared = ("final_answer", "is_multiple_answer", "unit", "answer_type", "error")
    return Problem(
        id=records.text(record, "id"),
        question=f"{context}\n\n{question}" if context else question,
        gold={name: record.get(name) for name in declared},
        subject=record.get("subfield"),
        extra={"answer_type": record.get("answer_type")},
    )


def gold(raw: Any) -> Gold:
    """Several answers where the record says so, its unit, and its absolute tolerance."""
    answer = golds.column(raw, "final_answer", "answer")
    text = str(answer[0] if isinstance(answer, list) else answer).replace("$", "").strip()
    record = raw if isinstance(raw, dict) else {}
    unit = str(record.get("unit") or "")
    if unit == "%" and "%" not in text:
        text += r"\%"
    tolerance = float(record["error"]) if record.get("error") else None
    several = record.get("is_multiple_answer") and r"\text" not in text and "where" not in text
    answers = elements(text) if several else [text]
    return Gold("math", tuple(answers), units=(unit,) * len(answers) if unit else (), tolerance=tolerance)


OLYMPIADBENCH = Benchmark(
    name="olympiadbench",
    summary="OlympiadBench: 674 text-only English problems",
    groups=("qwen", "math", "all"),
    place=70,
    source=Source(
        hub="Hothan/OlympiadBench",
        folder="olympiadbench",
        licence="apache-2.0",
        parts=(
            Part(
                # The Hub serves 674 rows; the file many papers use (and the mirror here) has 675.
                (
                    Contents(675, "abbfabe14123727fc586472c35f46b3f85669f6a3a3f2a50358abf9b0298d5a3", of="mirror"),
                    Contents(674),
                ),
                "train",
                config="OE_TO_maths_en_COMP",
            ),
        ),
    ),
    problem=problem,
    prompts=SEVERAL,
    judge="math",
    gold=gold,
    odd={
        "1965": "prose: a function with conditions in words; only the same words match",
        "2045": "typo: 't(0,4]' for '(0,4]'; the plain interval is judged wrong",
        "2298": "the union is written with an impossible bound; only the same bounds match",
        "2501": "four families of solutions of which only the first is named x",
        "2532": "two answers that are the same number; both must be given",
    },
)
