"""Multiple choice: GPQA-Diamond, MMLU-Pro and ARC-Challenge, answered by reasoning and a letter.

GPQA comes with the right option first, and many a data set favours a position, so options are shuffled by seed and
question id: the order of one question does not depend on which others are asked. The shuffle stands in the sample's
metadata. GPQA's authors ask that its questions not be published: keep its logs private.
"""

from __future__ import annotations

import random
from dataclasses import replace

from inspect_ai import Task, task

from entmin.problem import Problem, letter
from entmin.tasks.benchmark import benchmark
from entmin.tasks.data import load


def shuffled(row: Problem, seed: int) -> Problem:
    """The row with its options in an order drawn from (seed, id), its gold letter following its option.

    ``extra["options"]`` holds, for each letter shown, the option's place in the data set (from 0).
    """
    order = list(range(len(row.options)))
    random.Random(f"{seed}:{row.id}").shuffle(order)
    right = [letter(i) for i in range(len(row.options))].index(str(row.gold))
    return replace(
        row,
        options=tuple(row.options[i] for i in order),
        gold=letter(order.index(right)),
        extra={**row.extra, "options": order, "options_seed": seed},
    )


def _choice(name: str, prompt: str, data_dir: str | None, grader: str, seed: int) -> Task:
    data = load(name, data_dir)
    rows = [shuffled(row, seed) for row in data.rows]
    return benchmark(name, data, family="choice", prompt=prompt, grader=grader, seed=seed, rows=rows)


@task
def gpqa_diamond(prompt: str = "clean", data_dir: str | None = None, grader: str = "entmin", seed: int = 0) -> Task:
    """GPQA-Diamond: 198 graduate-level questions with four options (a gated set)."""
    return _choice("gpqa_diamond", prompt, data_dir, grader, seed)


@task
def mmlu_pro(prompt: str = "clean", data_dir: str | None = None, grader: str = "entmin", seed: int = 0) -> Task:
    """MMLU-Pro: 12,032 questions with up to ten options, by category; zero-shot."""
    return _choice("mmlu_pro", prompt, data_dir, grader, seed)


@task
def arc_challenge(prompt: str = "clean", data_dir: str | None = None, grader: str = "entmin", seed: int = 0) -> Task:
    """ARC-Challenge: 1,172 grade-school science questions."""
    return _choice("arc_challenge", prompt, data_dir, grader, seed)
