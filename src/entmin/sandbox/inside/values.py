"""The values that pass between judge and solver: data of known types as JSON, never pickle.

A message is ``[root, table]``. Immutable values stand inline; a mutable one is an entry of the table and is named by
its index, so that sharing and cycles survive and no chain of nodes is too deep. Objects that are not data pass as
numbers: ``h`` an object of the solver, ``f`` a function of the judge. Whoever reads trusts nothing: a message that is
not exactly of this form raises `GarbageError`.
"""

from __future__ import annotations

import json
import os
from collections import Counter, OrderedDict, defaultdict, deque

from entmin.sandbox.inside.leaves import (
    READ,
    SMALL,
    GarbageError,
    composite,
    is_array,
    leaf,
    packed,
    read_array,
    shape_of,
    unpacked,
    write_array,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    # Not at run time: `typing` would be paid for by every program.
    from collections.abc import Callable
    from typing import Any

DEPTH = 100
"""Immutable values inside each other; mutable ones have no such limit."""
CHUNK = 256
"""Items of an iterator that pass at once."""
_DICTS: dict[str, Any] = {"dict": dict, "Counter": Counter, "OrderedDict": OrderedDict, "defaultdict": defaultdict}
_EMPTY: dict[str, Any] = {**_DICTS, "list": list, "set": set, "bytearray": bytearray}


class GoneError(BaseException):
    """The other side ended."""


class Channel:
    """Messages over two pipes, each with its length before it."""

    def __init__(self, reading: int, writing: int, most: int) -> None:
        self._reading, self._writing, self._most = reading, writing, most
        # Names a program could replace are taken before it runs.
        self._read, self._write, self._dumps, self._loads = os.read, os.write, json.dumps, json.loads

    def send(self, message: object) -> None:
        """Write one message.

        Raises:
            GoneError: nobody reads any more.
        """
        data = self._dumps(message, separators=(",", ":")).encode()
        data = len(data).to_bytes(8, "big") + data
        try:
            while data:
                data = data[self._write(self._writing, data) :]
        except OSError:
            raise GoneError from None

    def receive(self) -> Any:
        """Read one message.

        Raises:
            GoneError: the other side ended.
            GarbageError: it is too long or no JSON.
        """
        length = int.from_bytes(self._exactly(8), "big")
        if length > self._most:
            raise GarbageError(f"a message of {length} bytes")
        data = self._exactly(length)
        try:
            return self._loads(data)
        except (ValueError, RecursionError):
            raise GarbageError("a message that is no JSON") from None

    def _exactly(self, count: int) -> bytes:
        parts: list[bytes] = []
        while count:
            part = self._read(self._reading, min(count, 1 << 20))
            if not part:
                raise GoneError
            parts.append(part)
            count -= len(part)
        return b"".join(parts)


class Codec:
    """Writes and reads values for one side.

    Args:
        classes: Name to class for those that pass by structure: list nodes, tree nodes.
        give: From an object that is no data to ``[tag, number]``; raises UncrossableError.
        take: From tag and number to the object; raises GarbageError.
        stream: From the first items of an iterator and the number of what is left of it (None: nothing) to an
            iterator; None on the side that only sends them.
    """

    def __init__(
        self,
        classes: dict[str, type],
        give: Callable[[Any], list[Any]],
        take: Callable[[str, int], Any],
        stream: Callable[[list[Any], int | None], Any] | None = None,
    ) -> None:
        self.classes, self.give, self.take, self.stream = classes, give, take, stream

    def write(self, value: Any, shared: list[Any] | None = None) -> tuple[list[Any], list[Any]]:
        """The message of a value, and the mutable objects of its table in order."""
        writer = Writer(self, shared)
        root = writer.inline(value)
        return [root, writer.table()], writer.objects

    def read(self, message: Any, shared: list[Any] | None = None) -> tuple[Any, list[Any]]:
        """The value of a message, and the mutable objects of its table in order.

        Raises:
            GarbageError: it is not exactly of the form.
        """
        try:
            if type(message) is not list or len(message) != 2 or type(message[1]) is not list:
                raise GarbageError("no message")
            reader = Reader(self, message[1], shared)
            return reader.inline(message[0]), reader.objects
        except (GarbageError, MemoryError):
            raise
        except Exception as error:
            raise GarbageError(f"{type(error).__name__}: {error}"[:200]) from None


class Writer:
    """One message being written; `shared` are objects of an earlier message, named ``["a", index]``."""

    def __init__(self, codec: Codec, shared: list[Any] | None) -> None:
        self._codec = codec
        self.objects: list[Any] = []
        self._entries: list[list[Any]] = []
        self._names = {id(item): ["a", index] for index, item in enumerate(shared or ())}

    def table(self) -> list[list[Any]]:
        """The entries; writing one may add others."""
        while len(self._entries) < len(self.objects):
            self._entries.append(self.content(self.objects[len(self._entries)]))
        return self._entries

    def inline(self, value: Any, depth: int = 0) -> Any:
        """The value, or the name of its entry."""
        kind = type(value)
        if value is None or kind is bool or kind is str or kind is float or (kind is int and -SMALL <= value < SMALL):
            return value
        name = self._names.get(id(value))
        if name is not None:
            return name
        if depth > DEPTH:
            raise RecursionError("values too deep inside each other")
        if isinstance(value, (list, dict, set, deque, bytearray)) or is_array(value) or self._by_structure(value):
            name = self._names[id(value)] = ["@", len(self.objects)]
            self.objects.append(value)
            return name
        written = leaf(value)
        if written is not None:
            return written
        found = composite(value)
        if found is not None:
            return [found[0], *[self.inline(part, depth + 1) for part in found[1]]]
        if hasattr(kind, "__next__") and self._codec.stream is None:
            return self._iterator(value, depth)
        return self._codec.give(value)

    def _iterator(self, value: Any, depth: int) -> list[Any]:
        """The first items, and the number of the rest."""
        left, first = None, []
        for item in value:
            first.append(self.inline(item, depth + 1))
            if len(first) == CHUNK:
                left = self._codec.give(value)[1]
                break
        return ["s", left, *first]

    def _by_structure(self, value: Any) -> bool:
        return type(value).__name__ in self._codec.classes and hasattr(value, "__dict__")

    def content(self, value: Any) -> list[Any]:
        """The entry of a mutable object."""
        inline = self.inline
        if isinstance(value, list):
            return ["list", *map(inline, list.__iter__(value))]
        if isinstance(value, dict):
            name = next((name for name, kind in _DICTS.items() if type(value) is kind), None)
            pairs = value.items() if name else dict.items(value)
            return [name or "dict", *(inline(part) for pair in pairs for part in pair)]
        if isinstance(value, set):
            return ["set", *map(inline, set.__iter__(value))]
        if isinstance(value, deque):
            return ["deque", value.maxlen, *map(inline, deque.__iter__(value))]
        if isinstance(value, bytearray):
            return ["bytearray", packed(bytes(value))]
        if not is_array(value):
            return ["node", type(value).__name__, *(inline(part) for pair in vars(value).items() for part in pair)]
        if value.dtype.kind == "O":
            return ["objects", list(value.shape), *map(inline, value.ravel().tolist())]
        return write_array(value)


class Reader:
    """One message being read: every object is made empty first and then filled, so that they may name each other."""

    def __init__(self, codec: Codec, table: list[Any], shared: list[Any] | None) -> None:
        self._codec, self._shared = codec, shared or []
        self.objects = [self._empty(entry) for entry in table]
        for item, entry in zip(self.objects, table, strict=True):
            if entry[0] != "array":
                self.fill(item, entry)

    def _empty(self, entry: Any) -> Any:
        if type(entry) is not list or not entry or type(entry[0]) is not str:
            raise GarbageError("no entry")
        kind = entry[0]
        if kind in _EMPTY:
            return _EMPTY[kind]()
        if kind == "deque":
            return deque(maxlen=entry[1])
        if kind == "array":
            return read_array(*entry[1:])
        if kind == "objects":
            import numpy

            return numpy.empty(shape_of(entry[1], len(entry) - 2), dtype=object)
        if kind == "node" and type(entry[1]) is str and entry[1] in self._codec.classes:
            return object.__new__(self._codec.classes[entry[1]])
        raise GarbageError("an entry of no known kind")

    def fill(self, item: Any, entry: list[Any]) -> None:
        """Give an object the contents of an entry of its own kind."""
        kind, inline = entry[0], self.inline
        if kind == "list":
            item[:] = map(inline, entry[1:])
        elif kind in _DICTS:
            item.clear()
            for key, value in zip(entry[1::2], entry[2::2], strict=True):
                item[inline(key)] = inline(value)
        elif kind == "set":
            item.clear()
            item.update(map(inline, entry[1:]))
        elif kind == "deque":
            item.clear()
            item.extend(map(inline, entry[2:]))
        elif kind == "bytearray":
            item[:] = unpacked(entry[1])
        elif kind == "array":
            self._fill_array(item, entry)
        elif kind == "objects":
            for place, part in enumerate(entry[2:]):
                item.flat[place] = inline(part)
        else:
            item.__dict__ = dict(zip(entry[2::2], map(inline, entry[3::2]), strict=True))

    @staticmethod
    def _fill_array(item: Any, entry: list[Any]) -> None:
        found = read_array(*entry[1:])
        if item.shape != found.shape or item.dtype != found.dtype:
            raise GarbageError("an array of another shape")
        item[...] = found

    def inline(self, written: Any, depth: int = 0) -> Any:
        """The value of an inline form."""
        kind = type(written)
        if written is None or kind is bool or kind is str or kind is float or kind is int:
            return written
        if kind is not list or not written or type(written[0]) is not str or depth > DEPTH:
            raise GarbageError("no value")
        tag, rest = written[0], written[1:]
        if tag in ("@", "a"):
            return (self.objects if tag == "@" else self._shared)[number(rest[0])]
        if tag in ("h", "f"):
            return self._codec.take(tag, number(rest[0]))
        parts = [self.inline(part, depth + 1) for part in rest]
        if tag == "s" and self._codec.stream is not None:
            return self._codec.stream(parts[1:], None if parts[0] is None else number(parts[0]))
        return READ[tag](*parts)


def number(value: Any) -> int:
    """A number of an object.

    Raises:
        GarbageError: it is none.
    """
    if type(value) is not int or value < 0:
        raise GarbageError("no number")
    return value
