r"""MMLU-Pro, test split: 12,032 questions with up to ten options, by category.

Question 70 as the ``clean`` prompt puts it with seed 0, and its gold::

    Typical advertising regulatory bodies suggest, for example that adverts must not: encourage _________, cause
    unnecessary ________ or _____, and must not cause _______ offence.

    A. Unsafe practices, Wants, Jealousy, Serious
    [...]
    I. Unsafe practices, Distress, Fear, Serious

    Reason step by step, and put the letter of the right option within \boxed{}.

    gold: I
"""

from __future__ import annotations

from dataclasses import replace

from entmin.errors import EntminError
from entmin.problem import Problem, letter
from entmin.tasks import records
from entmin.tasks.choice import multiple_choice
from entmin.tasks.data import Contents, Part, Record, Source, load
from entmin.tasks.shots import SOLUTION


def problem(record: Record, number: int) -> Problem:
    """Many rows have fewer than ten options; letter and index of the answer must agree."""
    gold = records.text(record, "answer")
    if letter(int(record["answer_index"])) != gold:
        raise EntminError(f"question {record['question_id']}: answer {gold} disagrees with answer_index")
    return Problem(
        id=records.text(record, "question_id"),
        question=records.verbatim(record, "question"),
        gold=gold,
        options=tuple(str(option).strip() for option in record["options"]),
        subject=record.get("category"),
        extra={"src": record.get("src")},
    )


def example(record: Record, number: int) -> Problem:
    """A question with its worked solution, whose letters are those of the options in their order."""
    solved, worked = problem(record, number), str(record.get("cot_content") or "").removeprefix("A:").strip()
    return replace(solved, extra={SOLUTION: worked})


_SOURCE = Source(
    hub="TIGER-Lab/MMLU-Pro",
    revision="527feea0afed1de15a8c115abf7be4c912123315",
    folder="mmlu_pro",
    licence="mit",
    parts=(Part((Contents(12032),), "test"),),
)
_VALIDATION = replace(_SOURCE, parts=(Part((Contents(70),), "validation", files=(("validation.jsonl",),)),))

MMLU_PRO = multiple_choice(
    name="mmlu_pro",
    summary="MMLU-Pro: 12,032 questions, up to ten options",
    groups=("science", "all"),
    place=110,
    source=_SOURCE,
    problem=problem,
    shots=lambda data_dir, _: load("mmlu_pro", _VALIDATION, example, data_dir).problems,
)
