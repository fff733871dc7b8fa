"""``arithmetic``: procedural problems to train on, and others held out.

The problems are those of the benchmark of the same name, with other seeds. A problem that also occurs in the held-out
part or in the benchmark's default problems is dropped, so that training and evaluation share none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from datasets import Dataset

from entmin.errors import UsageError
from entmin.tasks.arithmetic import ARITHMETIC, PROMPTS, REMEDY, problem_stream
from entmin.tasks.procedural import USUAL, Item, first
from entmin.tasks.prompts import fill

TRAIN_SEED, HELD_OUT_SEED, BENCHMARK_SEED = 1_000_003, 2_000_003, 0
BENCHMARK_SIZE = HELD_OUT_SIZE = USUAL
OPTIONS: dict[str, Any] = {"kind": "basic_arithmetic", "terms": 2, "digits": 2, "prompt": "direct", "size": 4096}


def load(*, split: str = "train", limit: int | None = None, seed: int = 0, **options: Any) -> Dataset:
    """Prompts with their answers.

    Args:
        split: ``train`` or ``test``, which share no problem.
        limit: this many problems (default: the option `size`; of the held-out part all 500).
        seed: other problems for other seeds; the held-out part stays the same.
        options: see `OPTIONS`; as those of the benchmark.

    Returns:
        Columns prompt (chat messages), answer, source, id, kind.

    Raises:
        UsageError: an unknown split, option or prompt, an option of another kind, or too few distinct problems.
    """
    if split not in ("train", "test"):
        raise UsageError(f"arithmetic has no split {split!r}: train or test")
    chosen = checked(options)
    ARITHMETIC.profile(chosen["prompt"])

    def stream(number: int) -> Iterator[Item]:
        return problem_stream(chosen["kind"], number, chosen["terms"], chosen["digits"])

    count = limit or (HELD_OUT_SIZE if split == "test" else chosen["size"])
    common = {"source": "arithmetic", "kind": "integer"}
    rows = []
    for i, (_, question, answer) in enumerate(_problems(stream, count, split, seed)):
        prompt = [{"role": "user", "content": fill(PROMPTS[chosen["prompt"]], question=question)}]
        rows.append({"prompt": prompt, "answer": answer, "id": f"arithmetic-{split}-{i}", **common})
    return Dataset.from_list(rows)


def checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """All of `OPTIONS`, with these values.

    Raises:
        UsageError: one is not of its default's kind; true and false are no whole numbers.
    """
    for name, value in options.items():
        if name in OPTIONS and type(value) is not (kind := type(OPTIONS[name])):
            wanted = "a whole number" if kind is int else "a text"
            raise UsageError(f"arithmetic: {name} must be {wanted}, not {value!r}")
    return OPTIONS | dict(options)


def _problems(stream: Callable[[int], Iterator[Item]], count: int, split: str, seed: int) -> list[Item]:
    taken = {item.question for item in islice(stream(BENCHMARK_SEED), BENCHMARK_SIZE)}
    if split == "test" and count > HELD_OUT_SIZE:
        raise UsageError(f"arithmetic holds out {HELD_OUT_SIZE} problems, {count} were asked for")
    held_out = _fresh(stream(HELD_OUT_SEED), count if split == "test" else HELD_OUT_SIZE, taken)
    if split == "test":
        return held_out
    return _fresh(stream(TRAIN_SEED + seed), count, taken | {item.question for item in held_out})


def _fresh(items: Iterator[Item], count: int, taken: set[str]) -> list[Item]:
    """The first `count` problems that are not taken."""
    return first((item for item in items if item.question not in taken), count, REMEDY)
