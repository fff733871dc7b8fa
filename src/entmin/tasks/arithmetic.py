r"""``arithmetic``: procedural problems that no model can have memorised and nothing needs downloading for.

The problems come from reasoning-gym, by seed, and no question occurs twice. The default difficulty is set for a 135M
model: it answers some and misses some, so that a decoding method can help or harm. The share of the most frequent
answer is recorded beside the task, as the score of someone who always says the same. The integer must be stated
exactly.

The first problem as the ``direct`` prompt (the default) puts it, and its gold::

    Calculate 5 * 33.
    Reply with only the number.

    gold: 165
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from entmin.errors import UsageError, closest
from entmin.problem import Problem
from entmin.tasks import golds, procedural
from entmin.tasks.benchmark import Benchmark
from entmin.tasks.data import Loaded
from entmin.tasks.procedural import Item
from entmin.tasks.prompts import Profile, user_turn

PROMPTS = {
    "direct": "{question}\nReply with only the number.",
    "clean": "{question}\nThink step by step, then give the final answer in \\boxed{}.",
}
REMEDY = "raise terms or digits, or lower size or limit"
KINDS = ("basic_arithmetic", "chain_sum", "products")


def load(
    benchmark: Benchmark,
    data_dir: str | None,
    size: int | None = None,
    problem_seed: int = 0,
    kind: str = "basic_arithmetic",
    terms: int = 2,
    digits: int = 2,
) -> Loaded:
    """Make the problems; the folder is not used.

    Args:
        benchmark: this benchmark.
        data_dir: not used.
        size: number of problems (default: 500, or all there are of this shape); a prefix is the same whatever the size.
        problem_seed: seed of the problems.
        kind: a reasoning-gym generator, one of `KINDS`.
        terms: numbers in each problem, from 2 up to this many.
        digits: digits of each number, from 1 up to this many.
    """
    items = procedural.first(problem_stream(kind, problem_seed, terms, digits), size, REMEDY)
    return procedural.loaded(benchmark.name, f"{kind}-{problem_seed}", items)


def problem_stream(kind: str, seed: int, terms: int, digits: int) -> Iterator[Item]:
    """Different problems, each with an integer answer, in an order that the seed decides.

    Raises:
        UsageError: an unknown kind, or too few terms or digits.
    """
    if kind not in KINDS:
        raise UsageError(f"arithmetic has no kind {kind!r}{closest(kind, KINDS)}; kinds: {', '.join(KINDS)}")
    if terms < 2 or digits < 1:
        raise UsageError("arithmetic needs terms >= 2 and digits >= 1")
    options: dict[str, Any] = {"min_terms": 2, "max_terms": terms, "min_digits": 1, "max_digits": digits}
    if kind == "basic_arithmetic":
        options |= {"operators": ["+", "-", "*"], "allow_parentheses": False, "allow_negation": False}
    return procedural.stream(kind, seed, **options)


def examples(data_dir: str | None, options: Mapping[str, Any]) -> list[Problem]:
    """Solved problems of the same shape from another stream."""
    given = {"problem_seed": 0, "kind": "basic_arithmetic", "terms": 2, "digits": 2, **options}
    seed = given["problem_seed"] + procedural.EXAMPLES_SEED
    return procedural.examples("arithmetic", problem_stream(given["kind"], seed, given["terms"], given["digits"]))


ARITHMETIC = Benchmark(
    name="arithmetic",
    summary="procedural arithmetic problems (reasoning-gym), seeded, nothing to download",
    place=0,
    max_tokens=128,
    version=2,
    loader=load,
    prompts={name: Profile(2, {"user": text}, user_turn) for name, text in PROMPTS.items()},
    shots=examples,
    judge="integer",
    gold=golds.integer,
)
