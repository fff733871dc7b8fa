"""A row as distinct values: bfloat16 numbers, or float32 ones with empty lower bits, counted by their upper 16 bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from entmin.core.numba.compiling import elementwise

CODES = 1 << 16
_BLOCK = 4096
_GROUP = 256
_MASKED = 0xFF80  # the upper bits of -inf


@elementwise
def tally(bits: Any, shift: int, tallies: Any) -> bool:
    """Add a row's values to ``[CODES]`` int32 tallies by their upper bits; False where lower bits are set.

    Then the row does not hold bfloat16 numbers only, and the tallies are all zero again.
    """
    low = (1 << shift) - 1
    for start in range(0, bits.shape[0], _BLOCK):
        block = bits[start : start + _BLOCK]
        seen = bits[0]
        for i in range(block.shape[0]):
            seen |= block[i]
        if seen & low:
            for i in range(start):
                tallies[bits[i] >> shift] = 0
            return False
        for i in range(block.shape[0]):
            tallies[block[i] >> shift] += 1
    return True


@elementwise
def collect(tallies: Any, codes: Any, values: Any, counts: Any) -> int:
    """Turn tallies into distinct values and counts, in the order of their bits, and empty the tallies.

    Returns how many there are, masked entries (-inf) left out; -1 where a value is NaN or +inf, or all are masked.
    """
    n = 0
    healthy: Any = True
    for start in range(0, CODES, _GROUP):
        group = tallies[start : start + _GROUP]
        seen = group[0]
        for i in range(_GROUP):
            seen |= group[i]
        if seen:
            for i in range(_GROUP):
                # Without branches, which half-filled groups would make the processor guess: n moves on, or does not.
                value = np.float64(np.uint32((start + i) << 16).view(np.float32))
                codes[n], values[n], counts[n] = start + i, value, group[i]
                healthy &= (group[i] == 0) | (value < np.inf)
                n += (group[i] != 0) & (value > -np.inf)
                group[i] = 0
    return n if healthy and n else -1


@elementwise
def scatter(bits: Any, shift: int, codes: Any, values: Any, n: int, table: Any, out: Any) -> None:
    """Write every entry's transformed value, in float32, through a ``[CODES]`` table; masked entries stay -inf."""
    table[_MASKED] = -np.inf
    for i in range(n):
        table[codes[i]] = values[i]
    for i in range(bits.shape[0]):
        out[i] = table[bits[i] >> shift]
