"""Seeds of single answers, derived from a run's seed: the same in any order, subset, batch size or resumed run."""

from __future__ import annotations

import hashlib

SAMPLER = "gumbel-1"
"""How a seed becomes tokens, as runs are told apart by it; another name where the same seed gives other tokens."""


def derive_seed(run_seed: int, sample_id: str | int, epoch: int) -> int:
    """The seed of one (problem, sample). 31 bits."""
    return _bits(f"{run_seed}:{sample_id}:{epoch}")


def answer_seed(seed: int, position: int) -> int:
    """The seed of one of several answers to a question; the first has the question's own. 31 bits."""
    return seed if position == 0 else _bits(f"{seed}#{position}")


def noise_key(seed: int, step: int) -> tuple[int, int]:
    """Two numbers of 32 bits from which the noise of one token of one answer is made (`entmin.core.gumbel`).

    Args:
        seed: the answer's.
        step: the token's place in the answer, from 0.
    """
    digest = hashlib.sha256(f"{seed}@{step}".encode()).digest()
    return int.from_bytes(digest[:4], "big"), int.from_bytes(digest[4:8], "big")


def _bits(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
