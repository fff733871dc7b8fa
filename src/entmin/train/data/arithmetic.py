"""``arithmetic``: procedural problems to train on, and others held out.

The problems are those of the benchmark of the same name, with other seeds. A problem that also occurs in the held-out
part or in the benchmark's default problems is dropped, so that training and evaluation share none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from datasets import Dataset

from entmin.errors import UsageError
from entmin.tasks.arithmetic import ARITHMETIC, PROMPTS, make_problems
from entmin.tasks.prompts import fill

TRAIN_SEED, HELD_OUT_SEED, BENCHMARK_SEED = 1_000_003, 2_000_003, 0
BENCHMARK_SIZE = HELD_OUT_SIZE = 500
Pairs = list[tuple[str, str]]
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
        UsageError: an unknown split or prompt, or too few distinct problems.
    """
    if split not in ("train", "test"):
        raise UsageError(f"arithmetic has no split {split!r}: train or test")
    chosen = OPTIONS | options
    ARITHMETIC.profile(chosen["prompt"])
    make = partial(make_problems, chosen["kind"], terms=int(chosen["terms"]), digits=int(chosen["digits"]))
    count = limit or (HELD_OUT_SIZE if split == "test" else int(chosen["size"]))
    common = {"source": "arithmetic", "kind": "math"}
    rows = []
    for i, (question, answer) in enumerate(_problems(make, count, split, seed)):
        prompt = [{"role": "user", "content": fill(PROMPTS[chosen["prompt"]], question=question)}]
        rows.append({"prompt": prompt, "answer": answer, "id": f"arithmetic-{split}-{i}", **common})
    return Dataset.from_list(rows)


def _problems(make: Callable[..., Pairs], count: int, split: str, seed: int) -> Pairs:
    taken = {question for question, _ in make(size=BENCHMARK_SIZE, seed=BENCHMARK_SEED)}
    if split == "test" and count > HELD_OUT_SIZE:
        raise UsageError(f"arithmetic holds out {HELD_OUT_SIZE} problems, {count} were asked for")
    held_out = _fresh(_stream(make, HELD_OUT_SEED), count if split == "test" else HELD_OUT_SIZE, taken)
    if split == "test":
        return held_out
    return _fresh(_stream(make, TRAIN_SEED + seed), count, taken | {question for question, _ in held_out})


def _stream(make: Callable[..., Pairs], seed: int) -> Iterator[tuple[str, str]]:
    for block in range(64):
        yield from make(size=2048, seed=seed + 1_000_000_007 * block)


def _fresh(problems: Iterator[tuple[str, str]], count: int, taken: set[str]) -> Pairs:
    """The first `count` problems that are neither taken nor repeated."""
    seen, found = set(taken), []
    for question, answer in problems:
        if question not in seen:
            seen.add(question)
            found.append((question, answer))
        if len(found) == count:
            return found
    raise UsageError(
        f"arithmetic has only {len(found)} distinct problems of this shape, {count} were asked for; "
        "raise terms or digits, or lower size or limit"
    )
