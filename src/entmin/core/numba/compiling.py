"""How functions are compiled: at their first call, without the interpreter lock, kept on disk where a folder allows it.

Numba looks for a cached function by the file it stands in. After editing `exponential` alone, delete ``__pycache__``;
otherwise the functions that call it keep the old one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from numba import cfunc, njit, types

_Function = TypeVar("_Function", bound=Callable[..., Any])


def elementwise(function: _Function) -> _Function:
    """Compile; products and sums may fuse, nothing is reordered, so equal logits stay equal wherever they stand."""
    return _compile(function, {"contract"})


def reducing(function: _Function) -> _Function:
    """Compile; sums and maxima may be reordered, or they could not run in vector registers. No NaN may come in."""
    return _compile(function, {"contract", "reassoc", "nsz", "nnan"})


def part(function: _Function) -> _Function:
    """Put the function's lines into those of the function for threads that calls it: compiled there, not once more."""
    return njit(inline="always")(function)  # type: ignore[no-any-return]


@functools.cache
def entry(function: Callable[[Any], None]) -> Any:
    """A function of a table of addresses as machine code: `.address`, and `.ctypes` to call it with an address.

    Compiled at its first use. Any thread may call it, also one that Python does not know.
    """
    signature = types.void(types.CPointer(types.voidptr))
    try:
        return cfunc(signature, fastmath={"contract"}, error_model="numpy", cache=True)(function)
    except RuntimeError:  # as below
        return cfunc(signature, fastmath={"contract"}, error_model="numpy")(function)


def _compile(function: _Function, fastmath: set[str]) -> _Function:
    try:
        compiled = njit(nogil=True, fastmath=fastmath, error_model="numpy", cache=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache folder can be written
        compiled = njit(nogil=True, fastmath=fastmath, error_model="numpy")(function)
    return compiled  # type: ignore[no-any-return]
