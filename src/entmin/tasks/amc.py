r"""AMC 12 A and B of 2022 and 2023: 83 problems, rewritten so that each answer is an integer.

The published average over 32 samples is ``--epochs 32``.

Problem 2023-12A-3 as the ``clean`` prompt puts it, and its gold::

    How many positive perfect squares less than $2023$ are divisible by $5$?

    Reason step by step, and put your final answer within \boxed{}.

    gold: 8
"""

from __future__ import annotations

from entmin.tasks import golds, records
from entmin.tasks.benchmark import Benchmark
from entmin.tasks.data import Part, Source, contents
from entmin.tasks.prompts import MATH

AMC = Benchmark(
    name="amc",
    summary="AMC 12 2022-2023: 83 problems with integer answers",
    groups=("math", "all"),
    place=20,
    source=Source(
        hub="AI-MO/aimo-validation-amc",
        revision="69d78a4a2c840e82d69af6bc742bda09005f6316",
        folder="amc2022_2023",
        licence="apache-2.0",
        parts=(Part(contents(83, "b2f1482f0696838f4dcc3702a80da028775d0f1d0ca1aa2abce4f7bcbbcb60b2"), "train"),),
    ),
    problem=records.contest_problem,  # answers are floating-point numbers in the data set
    prompts=MATH,
    judge="math",
    gold=golds.integer,
)
