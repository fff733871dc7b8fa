"""Problems that reasoning-gym makes by seed: an endless stream, cut where it is long enough, no question twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from entmin.errors import UsageError
from entmin.problem import Problem
from entmin.tasks.data import Loaded, content_hash

EXAMPLES_SEED = 3_000_003
"""Added to a task's seed where examples for its prompts come from."""
STREAM = 1_000_000
"""How far the streams of two seeds lie apart, because reasoning-gym's problem i of a seed is problem 0 of seed + i."""
USUAL = 500
"""Problems of a task whose size is not given."""
_PATIENCE = 1_000
"""Repeats in a row after which a generator counts as exhausted."""


class Item(NamedTuple):
    """One problem of a stream."""

    number: int
    """Its place in the stream, repeats counted; it stays the same whatever the size of a task."""
    question: str
    answer: str


def stream(generator: str, seed: int, **options: Any) -> Iterator[Item]:
    """Different problems of a reasoning-gym generator, in the order of its stream, until it has no others.

    Args:
        generator: its name in reasoning-gym.
        seed: streams of two seeds share no part; single problems may occur in both.
        options: of the generator.

    Raises:
        UsageError: an option has a value that the generator refuses.
    """
    import reasoning_gym

    try:
        data = reasoning_gym.create_dataset(generator, size=STREAM, seed=seed * STREAM, **options)
    except (AssertionError, ValueError, TypeError) as error:
        raise UsageError(f"reasoning-gym's {generator} refuses these options: {error}") from error
    seen: set[str] = set()
    last = 0
    for number in range(STREAM):
        if number - last > _PATIENCE:
            return
        item = data[number]
        if item["question"] not in seen:
            seen.add(item["question"])
            last = number
            yield Item(number, item["question"], str(item["answer"]))


def first(items: Iterator[Item], size: int | None, remedy: str) -> list[Item]:
    """The first problems of a stream; without a size the usual number, or all where there are fewer.

    Raises:
        UsageError: a size below 1, or there are not so many.
    """
    if size is None:
        return list(islice(items, USUAL))
    if size < 1:
        raise UsageError(f"size must be at least 1, not {size}")
    found = list(islice(items, size))
    if len(found) < size:
        only = f"there are only {len(found)} different problems of this shape"
        raise UsageError(f"{only}, {size} were asked for; {remedy}")
    return found


def examples(task: str, items: Iterator[Item]) -> list[Problem]:
    """Solved problems of another stream than the task's, for few-shot prompts."""
    return [Problem(f"{task}-example-{one.number}", one.question, one.answer) for one in islice(items, 4 * USUAL)]


def loaded(task: str, prefix: str, items: list[Item]) -> Loaded:
    """The problems of a task, with the share of the commonest answer."""
    problems = tuple(Problem(f"{prefix}-{item.number}", item.question, item.answer) for item in items)
    record = {"name": task, "origin": "reasoning-gym", "rows": len(items), "sha256": content_hash(problems)}
    return Loaded(problems, record, {"trivial": trivial(item.answer for item in items)})


def trivial(answers: Iterable[str]) -> dict[str, Any]:
    """The commonest answer and its share: the score of someone who always says the same."""
    counted = Counter(answers)
    [(answer, times)] = counted.most_common(1)
    return {"answer": answer, "share": times / counted.total()}
