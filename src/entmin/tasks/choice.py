"""Multiple choice: benchmarks whose options come in an order drawn by seed and question id.

GPQA comes with the right option first, and many a data set favours a position. The order of one question does not
depend on which others are asked; it stands in the sample's metadata.
"""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial

from entmin.problem import Problem, letter
from entmin.tasks import golds
from entmin.tasks.benchmark import Benchmark
from entmin.tasks.data import Loaded
from entmin.tasks.prompts import CHOICE


def shuffled(problem: Problem, seed: int) -> Problem:
    """The problem with its options in an order drawn from (seed, id), its gold letter following its option.

    ``extra["options"]`` holds, for each letter shown, the option's place in the data set (from 0).
    """
    order = list(range(len(problem.options)))
    random.Random(f"{seed}:{problem.id}").shuffle(order)
    right = [letter(i) for i in range(len(problem.options))].index(str(problem.gold))
    return replace(
        problem,
        options=tuple(problem.options[i] for i in order),
        gold=letter(order.index(right)),
        extra={**problem.extra, "options": order, "options_seed": seed},
    )


def load_shuffled(benchmark: Benchmark, data_dir: str | None, seed: int = 0) -> Loaded:
    """All problems; `seed` draws the orders of their options."""
    found = benchmark.parts(data_dir)
    return replace(found, problems=tuple(shuffled(problem, seed) for problem in found.problems), about={"seed": seed})


multiple_choice = partial(Benchmark, loader=load_shuffled, prompts=CHOICE, judge="choice", gold=golds.choice)
"""A `Benchmark` of questions with options; its `problem` gives the options in the data set's order."""
