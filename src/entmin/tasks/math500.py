r"""MATH-500: 500 competition problems in seven subjects and five levels.

The problem test/algebra/120.json as the ``clean`` prompt puts it, and its gold::

    Evaluate $\log_264$.

    Reason step by step, and put your final answer within \boxed{}.

    gold: 6
"""

from __future__ import annotations

from entmin.problem import Problem
from entmin.tasks import golds, records
from entmin.tasks.benchmark import Benchmark
from entmin.tasks.data import Part, Record, Source, contents
from entmin.tasks.prompts import MATH


def problem(record: Record, number: int) -> Problem:
    """The Hub and the file of the published harness name their columns differently."""
    return Problem(
        id=records.text(record, "unique_id", "id"),
        question=records.verbatim(record, "problem"),
        gold=records.text(record, "answer", "expected_answer"),
        level=records.text(record, "level").removeprefix("Level").strip(),
        subject=records.text(record, "subject", "type"),
    )


MATH500 = Benchmark(
    name="math500",
    summary="MATH-500: 500 competition problems, 7 subjects, 5 levels",
    groups=("math", "all"),
    place=10,
    source=Source(
        hub="HuggingFaceH4/MATH-500",
        revision="6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be",
        folder="math500",
        licence="none stated",
        parts=(Part(contents(500, "7db76bc85a928a4ec49f84a3b29117945dbcdc962176e06e521fa192bca02a45"), "test"),),
    ),
    problem=problem,
    prompts=MATH,
    judge="math",
    gold=golds.math,
)
