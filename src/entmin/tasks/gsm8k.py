r"""GSM8K, test split: 1,319 grade-school word problems.

Problem 462 as the ``clean`` prompt puts it, and its gold::

    Ali had $21. Leila gave him half of her $100. How much does Ali have now?

    Reason step by step, and put your final answer within \boxed{}.

    gold: 71
"""

from __future__ import annotations

import re
from dataclasses import replace

from entmin.errors import EntminError
from entmin.problem import Problem
from entmin.tasks import golds, records
from entmin.tasks.benchmark import Benchmark
from entmin.tasks.data import Contents, Part, Record, Source, contents, load
from entmin.tasks.prompts import MATH
from entmin.tasks.shots import SOLUTION


def problem(record: Record, number: int) -> Problem:
    """The answer column is a worked solution that ends in ``#### 1,400``."""
    _, mark, gold = records.text(record, "answer").rpartition("####")
    if not mark:
        raise EntminError(f"row {number} has no '#### answer'; is this the right data set?")
    question = records.verbatim(record, "question")
    return Problem(str(record.get("idx", number)), question, gold.strip().replace(",", ""))


def example(record: Record, number: int) -> Problem:
    """A problem with its worked solution, without the marks of a calculator (``<<48/2=24>>``)."""
    solved, worked = problem(record, number), records.text(record, "answer").rpartition("####")[0]
    return replace(solved, extra={SOLUTION: re.sub(r"<<.*?>>", "", worked).strip()})


_SOURCE = Source(
    hub="openai/gsm8k",
    revision="cc7b047b6e5bb11b4f1af84efc572db110a51b3c",
    folder="gsm8k",
    licence="mit",
    parts=(
        Part(
            contents(1319, "39714e5eaa2ec1104fbe1f6c1e2ef95f1d04ef7a9424d753a12450803c91e157"),
            "test",
            config="main",
        ),
    ),
)
_TRAIN = replace(_SOURCE, parts=(Part((Contents(7473),), "train", config="main", files=(("train.jsonl",),)),))


GSM8K = Benchmark(
    name="gsm8k",
    summary="GSM8K: 1,319 grade-school word problems",
    groups=("all",),
    place=80,
    source=_SOURCE,
    problem=problem,
    shots=lambda data_dir, _: load("gsm8k", _TRAIN, example, data_dir).problems,
    prompts=MATH,
    judge="math",
    gold=golds.integer,
)
