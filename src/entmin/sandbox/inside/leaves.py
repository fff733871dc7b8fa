"""Values that hold no others, and those made of a fixed few: how each is written as JSON and read back."""

from __future__ import annotations

import base64
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

SMALL = 1 << 63
_KINDS_OF_ARRAY = "biufcSUmM"
_SPARSE = ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")


class GarbageError(BaseException):
    """The other side wrote what is no message; no test can catch this by accident."""


class UncrossableError(TypeError):
    """A value that cannot pass."""


def leaf(value: Any) -> Any:
    """The JSON form of a value that holds no others; None for any other value.

    Instances of classes derived from a built-in one pass as that: what a program adds to a number stays with it.
    """
    module = type(value).__module__.partition(".")[0]
    if module == "numpy" and isinstance(value, sys.modules["numpy"].generic):
        return ["n", value.dtype.str, packed(value.tobytes())] if value.dtype.kind in _KINDS_OF_ARRAY else None
    if isinstance(value, int):
        return whole if -SMALL <= (whole := int.__index__(value)) < SMALL else ["i", hex(whole)]
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, complex):
        return ["c", value.real, value.imag]
    if isinstance(value, bytes):
        return ["b", packed(bytes(value))]
    if isinstance(value, type(...)):
        return ["e"]
    if module == "decimal" and hasattr(value, "as_tuple"):
        return ["d", str(value)]
    if module == "datetime" and type(value).__name__ in ("date", "datetime", "time"):
        return ["when", type(value).__name__, value.isoformat()]
    if module == "datetime" and type(value).__name__ == "timedelta":
        return ["span", value.days, value.seconds, value.microseconds]
    return None


def composite(value: Any) -> tuple[str, Iterable[Any]] | None:
    """Tag and parts of an immutable value made of others; None for any other value."""
    if isinstance(value, tuple):
        return "t", tuple.__iter__(value)
    if isinstance(value, frozenset):
        return "z", frozenset.__iter__(value)
    if isinstance(value, range):
        return "r", (value.start, value.stop, value.step)
    if isinstance(value, slice):
        return "slice", (value.start, value.stop, value.step)
    for name, kind in _VIEWS:
        if isinstance(value, kind):
            return name, iter(value)
    module = type(value).__module__.partition(".")[0]
    if module == "fractions" and hasattr(value, "numerator"):
        return "q", (value.numerator, value.denominator)
    if module == "sympy" and hasattr(value, "is_number"):
        return "same", (_symbolic(value),)
    sparse = sys.modules.get("scipy.sparse")
    if sparse is not None and hasattr(type(value), "tocoo") and sparse.issparse(value):
        coo = value.tocoo()
        return "sparse", (value.format, tuple(map(int, coo.shape)), coo.data, coo.row, coo.col)
    return None


def _symbolic(value: Any) -> Any:
    """A number of sympy as Python's, everything else by how it is written."""
    if value.is_number and value.is_real:
        return int(value) if value.is_integer else float(value)
    return complex(value) if value.is_number else str(value)[:10_000]


def is_array(value: Any) -> bool:
    """Whether it is an array of numpy."""
    return isinstance(value, getattr(sys.modules.get("numpy"), "ndarray", ()))


def packed(data: bytes) -> str:
    """Bytes as text."""
    return base64.b64encode(data).decode()


def unpacked(text: str) -> bytes:
    """Bytes of a text."""
    return base64.b64decode(text, validate=True)


def shape_of(shape: Any, count: int) -> tuple[int, ...]:
    """A shape of `count` items.

    Raises:
        GarbageError: it is none.
    """
    if type(shape) is not list or len(shape) > 32 or not all(type(side) is int and side >= 0 for side in shape):
        raise GarbageError("no shape")
    total = 1
    for side in shape:
        total *= side
    if total != count:
        raise GarbageError("a shape of another size")
    return tuple(shape)


def write_array(value: Any) -> list[Any]:
    """Type, shape and bytes of an array.

    Raises:
        UncrossableError: it holds neither numbers nor texts.
    """
    if value.dtype.kind not in _KINDS_OF_ARRAY:
        raise UncrossableError(f"an array of {value.dtype}")
    return ["array", value.dtype.str, list(value.shape), packed(value.tobytes())]


def read_array(name: Any, shape: Any, text: str) -> Any:
    """The array of a type, a shape and bytes."""
    import numpy

    if type(name) is not str or len(name) > 20 or name[:1] not in "<>|=" or name[1:2] not in _KINDS_OF_ARRAY:
        raise GarbageError("no type of an array")
    dtype, data = numpy.dtype(name), unpacked(text)
    if not dtype.itemsize:
        raise GarbageError("no size of an item")
    # Copied, so that it can be written to; `frombuffer` refuses bytes that are no whole number of items.
    found = numpy.frombuffer(data, dtype) if data else numpy.empty(0, dtype)
    return found.reshape(shape_of(shape, len(found))).copy()


def _sparse(form: str, shape: tuple[int, ...], data: Any, row: Any, column: Any) -> Any:
    import scipy.sparse

    if form not in _SPARSE:
        raise GarbageError("no form of a sparse matrix")
    return scipy.sparse.coo_matrix((data, (row, column)), shape=shape).asformat(form)


def _when(name: str, text: str) -> Any:
    import datetime

    kinds: dict[str, Any] = {"date": datetime.date, "datetime": datetime.datetime, "time": datetime.time}
    return kinds[name].fromisoformat(text)


def _span(days: int, seconds: int, microseconds: int) -> Any:
    import datetime

    return datetime.timedelta(days, seconds, microseconds)


def _fraction(numerator: int, denominator: int) -> Any:
    import fractions

    return fractions.Fraction(numerator, denominator)


def _decimal(text: str) -> Any:
    import decimal

    return decimal.Decimal(text)


_VIEWS: tuple[tuple[str, Any], ...] = (
    ("keys", type({}.keys())),
    ("values", type({}.values())),
    ("items", type({}.items())),
)
READ: dict[str, Callable[..., Any]] = {
    "t": lambda *parts: parts,
    "z": lambda *parts: frozenset(parts),
    "i": lambda text: int(text, 16),
    "b": unpacked,
    "c": complex,
    "r": range,
    "slice": slice,
    "e": lambda: ...,
    "n": lambda dtype, text: read_array(dtype, [1], text)[0],
    "q": _fraction,
    "d": _decimal,
    "when": _when,
    "span": _span,
    "same": lambda value: value,
    "keys": lambda *items: dict.fromkeys(items).keys(),
    "values": lambda *items: dict(enumerate(items)).values(),
    "items": lambda *pairs: dict(pairs).items(),
    "sparse": _sparse,
}
"""Tag to what makes the value from its parts."""
