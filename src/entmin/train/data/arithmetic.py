"""``arithmetic``: procedural problems to train on, and others held out.

The problems are those of the benchmark of the same name, with other seeds. A problem that also occurs in the held-out
part or in the benchmark's default problems is dropped, so that training and evaluation share none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from datasets import Dataset

from entmin.errors import UsageError
from entmin.tasks.arithmetic import PROMPTS, make_problems
from entmin.tasks.prompts import fill

TRAIN_SEED, HELD_OUT_SEED, BENCHMARK_SEED = 1_000_003, 2_000_003, 0
BENCHMARK_SIZE = HELD_OUT_SIZE = 500
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
        UsageError: an unknown split or option, or too few distinct problems.
    """
    unknown = set(options) - set(OPTIONS)
    if unknown or split not in ("train", "test"):
        what = (
            f"option {min(unknown)!r}; options: {', '.join(OPTIONS)}" if unknown else f"split {split!r}: train or test"
        )
        raise UsageError(f"arithmetic has no {what}")
    chosen = OPTIONS | options
    if chosen["prompt"] not in PROMPTS:
        raise UsageError(f"arithmetic has no prompt {chosen['prompt']!r}; prompts: {', '.join(PROMPTS)}")
    count = limit or (HELD_OUT_SIZE if split == "test" else int(chosen["size"]))
    shape = (str(chosen["kind"]), int(chosen["terms"]), int(chosen["digits"]))
    rows = []
    for question, answer in _problems(shape, count, split, seed):
        text = fill(PROMPTS[chosen["prompt"]], question=question)
        rows.append({"prompt": [{"role": "user", "content": text}], "answer": answer})
    return Dataset.from_list(
        [{**row, "source": "arithmetic", "id": f"arithmetic-{split}-{i}", "kind": "math"} for i, row in enumerate(rows)]
    )


def _problems(shape: tuple[str, int, int], count: int, split: str, seed: int) -> list[tuple[str, str]]:
    taken = {question for question, _ in _draw(shape, BENCHMARK_SIZE, BENCHMARK_SEED)}
    if split == "test" and count > HELD_OUT_SIZE:
        raise UsageError(f"arithmetic holds out {HELD_OUT_SIZE} problems, {count} were asked for")
    held_out = _fresh(_stream(shape, HELD_OUT_SEED), count if split == "test" else HELD_OUT_SIZE, taken)
    if split == "test":
        return held_out
    return _fresh(_stream(shape, TRAIN_SEED + seed), count, taken | {question for question, _ in held_out})


def _draw(shape: tuple[str, int, int], size: int, seed: int) -> list[tuple[str, str]]:
    kind, terms, digits = shape
    return make_problems(kind, size, seed, terms, digits)


def _stream(shape: tuple[str, int, int], seed: int) -> Iterator[tuple[str, str]]:
    for block in range(64):
        yield from _draw(shape, 2048, seed + 1_000_000_007 * block)


def _fresh(problems: Iterator[tuple[str, str]], count: int, taken: set[str]) -> list[tuple[str, str]]:
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
