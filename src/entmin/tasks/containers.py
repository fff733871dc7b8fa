"""Rows of a file as people have it, told by its bytes: JSON Lines, a JSON array, CSV, Parquet, packed or not.

A row that cannot be read is yielded as the error that says so, with its place; those after it are read. A byte order
mark says the encoding. Bytes that are not UTF-8 are replaced and counted in `Rows.notices`.
"""

from __future__ import annotations

import bz2
import gzip
import io
import itertools
import json
import lzma
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from entmin.errors import UsageError, first_line
from entmin.tasks import tables

_PACKED: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_REFUSED = {
    b"PK\x03\x04": "a zip archive, as Excel files and Inspect's logs are; save a table as CSV, and use `inspect score` "
    "for a log",
    b"\x28\xb5\x2f\xfd": "packed by zstd; unpack it first",
    b"ARROW1": "an Arrow file; save it as Parquet",
    b"SQLite": "a database; export its table as CSV",
    b"\x80\x03": "a pickle, which is not read because it can run code; save it as JSON Lines",
    b"\x80\x04": "a pickle, which is not read because it can run code; save it as JSON Lines",
}
_BROKEN = (EOFError, OSError, zlib.error, lzma.LZMAError)
_SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
Row = tuple[str, Any]
"""``PATH, line N`` and what stands there: an object, or the `UsageError` that says why there is none."""


class Rows:
    """The rows of one file, read once, from start to end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notices: Counter[str] = Counter()
        """What the user should know, and of how many rows."""

    def __iter__(self) -> Iterator[Row]:
        try:
            with self.path.open("rb") as file:
                yield from self._told(file)
        except UsageError as error:
            yield str(self.path), error
        except _BROKEN as error:
            yield str(self.path), UsageError(f"{self.path} cannot be read to its end: {first_line(error)}")

    def _told(self, file: IO[bytes]) -> Iterator[Row]:
        suffixes = [suffix.lower() for suffix in self.path.suffixes]
        head = _peek(file)
        if head.startswith(b"PAR1"):
            yield from tables.parquet_rows(self.path)
            return
        unpack = next((opener for magic, opener in _PACKED.items() if head.startswith(magic)), None)
        if unpack is not None:
            file = unpack(file, "rb")
            suffixes, head = suffixes[:-1], _peek(file)
        for magic, what in _REFUSED.items():
            if head.startswith(magic):
                raise UsageError(f"{self.path} is {what}")
        if head[:1] not in b"[{" and (separator := _SEPARATORS.get(suffixes[-1] if suffixes else "")):
            text = "".join(line for _, line in self._lines(file, head))
            yield from tables.csv_rows(self.path, text, separator)
        else:
            yield from self._json(self._lines(file, head))

    def _lines(self, file: IO[bytes], head: bytes) -> Iterator[tuple[int, str]]:
        encoding = json.detect_encoding(head)
        if not encoding.startswith("utf-8"):
            try:
                yield from enumerate(io.TextIOWrapper(file, encoding, newline="\n"), 1)
            except UnicodeDecodeError as error:
                raise UsageError(f"{self.path}: not {encoding} throughout ({error.reason})") from None
            return
        for number, line in enumerate(file, 1):
            line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            try:
                yield number, line.decode()
            except UnicodeDecodeError:
                self.notices["rows hold bytes that are not UTF-8; they were replaced"] += 1
                yield number, line.decode(errors="replace")

    def _json(self, lines: Iterator[tuple[int, str]]) -> Iterator[Row]:
        """JSON Lines as they come; where the first one is no object by itself, or the only one, all of it at once."""
        filled = ((number, line) for number, line in lines if line.strip())
        first = next(filled, None)
        if first is None:
            return
        second = next(filled, None)
        rest = itertools.chain([first] if second is None else [first, second], filled)
        value = self._line(*first)[1]
        if not isinstance(value, UsageError) and second is not None:
            yield from (self._line(*line) for line in rest)
            return
        kept = list(rest)
        whole = "".join(line for _, line in kept)
        try:
            found = json.loads(whole)
        except (ValueError, RecursionError) as error:
            if whole.lstrip().startswith("["):
                raise UsageError(f"{self.path}: a JSON array that cannot be read ({first_line(error)})") from error
            yield from (self._line(*line) for line in kept)
            return
        rows = _rows_in(found, self.path)
        if rows == [found]:
            yield f"{self.path}, line {first[0]}", found
            return
        yield from ((f"{self.path}, entry {number}", row) for number, row in enumerate(rows, 1))

    def _line(self, number: int, line: str) -> Row:
        where = f"{self.path}, line {number}"
        try:
            return where, json.loads(line)
        except (ValueError, RecursionError) as error:
            return where, UsageError(f"{where}: not JSON ({first_line(error)}); each line must be one JSON object")


def _peek(file: Any) -> bytes:
    """The first bytes, which stay to be read."""
    return bytes(file.peek(8)[:8])


def _rows_in(value: Any, path: Path) -> list[Any]:
    """The rows of a JSON file that is one value.

    Raises:
        UsageError: it is of a form that holds no rows.
    """
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        raise UsageError(f"{path} is one JSON {type(value).__name__}; a file of answers has an object for each")
    if {"eval", "samples"} <= value.keys():
        raise UsageError(f"{path} is an Inspect log; `inspect score` judges its answers again")
    lists = {name: part for name, part in value.items() if isinstance(part, list)}
    tables_in = [part for part in lists.values() if part and all(isinstance(row, dict) for row in part)]
    if len(tables_in) == 1 and "id" not in value and "custom_id" not in value:
        return tables_in[0]
    if lists and len(lists) == len(value) and len(set(map(len, lists.values()))) == 1:
        return [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]
    if value and all(isinstance(part, dict) for part in value.values()):
        raise UsageError(f"{path} is one object of objects; save a pandas table by to_json(orient='records')")
    return [value]
