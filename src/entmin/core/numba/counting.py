"""A row as distinct values: bfloat16 numbers, or float32 ones with empty lower bits, counted by their upper 16 bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from entmin.core.numba.compiling import elementwise

CODES = 1 << 16
_BLOCK = 4096
_GROUP = 128
_MASKED, _REST = 0xFF80, 0x7FFF  # the upper bits of -inf; all but the sign


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
    broken = np.int32(0)
    for code in range(_MASKED & _REST, 1 << 15):  # +inf, and NaN; then -inf, which may be, and NaN
        negative = code | 1 << 15
        broken |= tallies[code] | (tallies[negative] if negative != _MASKED else 0)
        tallies[code] = tallies[negative] = 0
    n = _list(tallies, codes, counts)
    for i in range(n):
        values[i] = np.float64(np.uint32(np.uint32(codes[i]) << np.uint32(16)).view(np.float32))
    return n if n and not broken else -1


@elementwise
def _list(tallies: Any, codes: Any, counts: Any) -> int:
    n = 0
    for start in range(0, CODES, _GROUP):
        group = tallies[start : start + _GROUP]
        seen = group[0]
        for i in range(_GROUP):
            seen |= group[i]
        if seen:
            for i in range(_GROUP):
                # Without branches, which half-filled groups would make the processor guess: n moves on, or does not.
                codes[n], counts[n] = start + i, group[i]
                n += group[i] != 0
                group[i] = 0
    return n


@elementwise
def scatter(bits: Any, shift: int, codes: Any, values: Any, n: int, table: Any, out: Any) -> None:
    """Write every entry's transformed value, in float32, through a ``[CODES]`` table; masked entries stay -inf."""
    table[_MASKED] = -np.inf
    for i in range(n):
        table[codes[i]] = values[i]
    for i in range(bits.shape[0]):
        out[i] = table[bits[i] >> shift]
