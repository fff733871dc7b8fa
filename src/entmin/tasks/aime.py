r"""AIME I and II: 2022 to 2024 together (``aime``), 2024 alone, 2025 alone; 15 problems each, answers 0 to 999.

The published harness reports 2022-2024 and 2024 apart: the year is a group of ``aime``, so one run gives both. The
published average over 32 samples is ``--epochs 32``.

Problem 2024-I-7 as the ``clean`` prompt puts it, and its gold::

    Find the largest possible real part of \[(75+117i)z+\frac{96+144i}{z}\]where $z$ is a complex number with $|z|=4$.

    Reason step by step, and put your final answer within \boxed{}.

    gold: 540
"""

from __future__ import annotations

from dataclasses import replace

from entmin.problem import Problem
from entmin.tasks import golds, records
from entmin.tasks.benchmark import Benchmark
from entmin.tasks.data import Contents, Part, Record, Source, contents
from entmin.tasks.prompts import MATH


def problem_2025(record: Record, number: int) -> Problem:
    """All three Hub copies keep the contests' order, 15 problems of AIME I and then 15 of AIME II; none has urls."""
    gold = records.plain_integer(records.first(record, "answer"))
    exam = "I" if number < 15 else "II"
    name = f"2025-{exam}-{number % 15 + 1}"
    return Problem(
        name, records.verbatim(record, "problem", "question"), gold, subject=f"AIME {exam}", year="2025"
    )  # fmt: skip


AIME = Benchmark(
    name="aime",
    summary="AIME 2022-2024: 90 problems, each year reported apart",
    groups=("math", "all"),
    place=30,
    source=Source(
        hub="AI-MO/aimo-validation-aime",
        revision="13f9e12f613e720c2a2b2f345dd04b998a29494d",
        folder="aime2022_2024",
        licence="apache-2.0",
        parts=(Part(contents(90, "79ef254ac459465b0fa17e20bb63f10ec56fc3e2333882d6208b742d97838913"), "train"),),
    ),
    problem=records.contest_problem,
    prompts=MATH,
    judge="math",
    gold=golds.integer,
)
AIME24 = replace(
    AIME,
    name="aime24",
    summary="AIME 2024: 30 problems",
    groups=("all",),
    place=40,
    source=Source(
        hub="HuggingFaceH4/aime_2024",
        revision="2fe88a2f1091d5048c0f36abc874fb997b3dd99a",
        folder="aime2024",
        licence="none stated",
        parts=(Part(contents(30, "c77c75410758e5e1a7f2e6a0cc51a12df759fe6c199a8fdac4a02492b935f2ff"), "train"),),
    ),
)
AIME25 = replace(
    AIME,
    name="aime25",
    summary="AIME 2025: 30 problems",
    groups=("all",),
    place=50,
    source=Source(
        hub="math-ai/aime25",
        revision="563bb8404243c5f09de6ec262f2db674fe5bce9b",
        folder="aime2025",
        licence="none stated",
        parts=(
            # The OpenCompass copy comes as two files, one for each contest.
            Part((Contents(30),), "test", files=(("test.jsonl",), ("aime2025-I.jsonl", "aime2025-II.jsonl"))),
        ),
    ),
    problem=problem_2025,
)
