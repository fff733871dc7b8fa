r"""``arithmetic``: procedural problems that no model can have memorised and nothing needs downloading for.

The problems come from reasoning-gym, by seed. The default difficulty is set for a 135M model: it answers some and
misses some, so that a decoding method can help or harm. The share of the most frequent answer is recorded beside the
task, as the score of someone who always says the same. The integer must be stated exactly.

The first problem as the ``direct`` prompt (the default) puts it, and its gold::

    Calculate 5 * 33.
    Reply with only the number.

    gold: 165
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from entmin.errors import UsageError, closest
from entmin.problem import Problem
from entmin.tasks import golds
from entmin.tasks.benchmark import Benchmark
from entmin.tasks.data import Loaded, content_hash
from entmin.tasks.prompts import Profile, user_turn

PROMPTS = {
    "direct": "{question}\nReply with only the number.",
    "clean": "{question}\nThink step by step, then give the final answer in \\boxed{}.",
}
KINDS = ("basic_arithmetic", "chain_sum", "products")


def load(
    benchmark: Benchmark,
    data_dir: str | None,
    size: int = 500,
    problem_seed: int = 0,
    kind: str = "basic_arithmetic",
    terms: int = 2,
    digits: int = 2,
) -> Loaded:
    """Make the problems; the folder is not used.

    Args:
        benchmark: this benchmark.
        data_dir: not used.
        size: number of problems; a prefix is the same whatever the size.
        problem_seed: seed of the problems.
        kind: a reasoning-gym generator, one of `KINDS`.
        terms: numbers in each problem, from 2 up to this many.
        digits: digits of each number, from 1 up to this many.
    """
    made = make_problems(kind, size, problem_seed, terms, digits)
    common, times = Counter(answer for _, answer in made).most_common(1)[0]
    problems = tuple(Problem(f"{kind}-{problem_seed}-{i}", *pair) for i, pair in enumerate(made))
    record = {"name": "arithmetic", "origin": "reasoning-gym", "rows": size, "sha256": content_hash(problems)}
    return Loaded(problems, record, {"trivial": {"answer": common, "share": times / size}})


def make_problems(kind: str, size: int, seed: int, terms: int, digits: int) -> list[tuple[str, str]]:
    """(question, integer answer) pairs.

    Raises:
        UsageError: an unknown kind or a size below 1.
    """
    import reasoning_gym

    if kind not in KINDS:
        raise UsageError(f"arithmetic has no kind {kind!r}{closest(kind, KINDS)}; kinds: {', '.join(KINDS)}")
    if size < 1 or terms < 2 or digits < 1:
        raise UsageError("arithmetic needs size >= 1, terms >= 2 and digits >= 1")
    options: dict[str, Any] = {"min_terms": 2, "max_terms": terms, "min_digits": 1, "max_digits": digits}
    if kind == "basic_arithmetic":
        options |= {"operators": ["+", "-", "*"], "allow_parentheses": False, "allow_negation": False}
    data = reasoning_gym.create_dataset(kind, size=size, seed=seed, **options)
    return [(item["question"], str(item["answer"])) for item in (data[i] for i in range(size))]


ARITHMETIC = Benchmark(
    name="arithmetic",
    summary="procedural arithmetic problems (reasoning-gym), seeded, nothing to download",
    place=0,
    max_tokens=128,
    loader=load,
    prompts={name: Profile(2, {"user": text}, user_turn) for name, text in PROMPTS.items()},
    judge="integer",
    gold=golds.integer,
)
