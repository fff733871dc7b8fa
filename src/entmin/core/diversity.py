"""How alike the samples of one prompt are, and how often one repeats itself; numbers in [0, 1], no tensors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def repetition(tokens: Sequence[int], size: int = 4) -> float:
    """Share of the 4-grams that occurred before; 0 where there are none."""
    grams = [tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def distinct(keys: Sequence[str | None]) -> float:
    """Different answers per sample; samples without an answer count as one answer together."""
    return len(set(keys)) / len(keys)


def agreement(keys: Sequence[str | None]) -> float:
    """Share of the most frequent answer; 0 where nothing was answered."""
    counts = Counter(key for key in keys if key is not None)
    return max(counts.values(), default=0) / len(keys)
