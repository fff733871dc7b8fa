r"""``number_sequence``: procedural sequences to be continued, from reasoning-gym by seed; nothing needs downloading.

A second family beside ``arithmetic``, which asks for a rule and not for a calculation. A 135M model continues some and
not others. No sequence occurs twice.

The first problem as the ``direct`` prompt (the default) puts it, and its gold::

    -1, -3, -5, -7, -9, -11, -13, ?
    Reply with only the number that comes next.

    gold: -15
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from entmin.problem import Problem
from entmin.tasks import golds, procedural
from entmin.tasks.benchmark import Benchmark
from entmin.tasks.data import Loaded
from entmin.tasks.prompts import Profile, user_turn

PROMPTS = {
    "direct": "{question}\nReply with only the number that comes next.",
    "clean": "{question}\nWhich number comes next? Think step by step, then give the final answer in \\boxed{}.",
}

_COMPLEXITY = 1
"""Rules of one or two operations. With more the generator squares numbers of millions of digits, for minutes."""


def load(
    benchmark: Benchmark,
    data_dir: str | None,
    size: int | None = None,
    problem_seed: int = 0,
) -> Loaded:
    """Make the problems; the folder is not used.

    Args:
        benchmark: this benchmark.
        data_dir: not used.
        size: number of problems (default: 500); a prefix is the same whatever the size.
        problem_seed: seed of the problems.
    """
    items = procedural.first(_stream(problem_seed), size, "lower size")
    return procedural.loaded(benchmark.name, f"sequence-{problem_seed}", items)


def _stream(seed: int) -> Iterator[procedural.Item]:
    return procedural.stream("number_sequence", seed, max_complexity=_COMPLEXITY)


def examples(data_dir: str | None, options: Mapping[str, Any]) -> list[Problem]:
    """Solved problems from another stream."""
    return procedural.examples("sequence", _stream(options.get("problem_seed", 0) + procedural.EXAMPLES_SEED))


NUMBER_SEQUENCE = Benchmark(
    name="number_sequence",
    summary="procedural number sequences (reasoning-gym), seeded, nothing to download",
    place=5,
    max_tokens=128,
    loader=load,
    prompts={name: Profile(1, {"user": text}, user_turn) for name, text in PROMPTS.items()},
    shots=examples,
    judge="integer",
    rules="integer",
    gold=golds.integer,
)
