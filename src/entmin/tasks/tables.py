"""Problems in a file of the user's: JSON Lines, CSV or Parquet to rows, each with its place for messages.

Nothing is guessed: an encoding that is not UTF-8, a row that is no object, a field too many are errors that name the
line. A byte order mark at the start, which Windows writes, is skipped.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from entmin.errors import UsageError, closest, first_line
from entmin.jsonl import json_lines, text_lines

Placed = tuple[str, dict[str, Any]]
"""``PATH, line N`` and the row there."""


def rows(path: Path) -> list[Placed]:
    """The rows of a file, by its suffix.

    Raises:
        UsageError: it cannot be read, is empty, or a row is malformed; the message names the line.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        near = closest(path.suffix.lower(), SUFFIXES)
        raise UsageError(f"{path}: files of problems end in {', '.join(SUFFIXES)}, not {path.suffix!r}{near}")
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name the file in it")
    try:
        found = list(reader(path))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    if not found:
        raise UsageError(f"{path} has no rows; each row is a problem with question and answer")
    return found


def _jsonl(path: Path) -> Iterator[Placed]:
    for where, row in json_lines(path):
        if not isinstance(row, dict):
            raise UsageError(f"{where}: a {type(row).__name__}, not an object like {{'question': ..., 'answer': ...}}")
        yield where, row


def _csv(path: Path) -> Iterator[Placed]:
    # Decoded line by line first, so that a bad byte is reported with its line.
    return csv_rows(path, "".join(line for _, line in text_lines(path)))


def csv_rows(path: Path, text: str, separator: str = ",") -> Iterator[Placed]:
    """The rows of a CSV text; `path` is for messages.

    Raises:
        UsageError: it is malformed; the message names the line.
    """
    csv.field_size_limit(1 << 30)  # the module's own limit is below the length of some answers
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        if len(set(names)) < len(names):
            raise UsageError(f"{path}, line 1: a column name stands twice: {', '.join(names)}")
        reader.fieldnames = names
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            if None in row:
                raise UsageError(f"{where}: more fields than the {len(names)} columns; quote fields that hold commas")
            yield where, row
    except csv.Error as error:
        raise UsageError(f"{path}, line {reader.line_num}: {error}") from None


def parquet_rows(path: Path) -> Iterator[Placed]:
    """The rows of a Parquet file.

    Raises:
        UsageError: it cannot be read.
    """
    # Imported here: the other forms need no library.
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.read_table(path)
    except pyarrow.ArrowException as error:
        raise UsageError(f"{path}: no Parquet file that can be read ({first_line(error)})") from error
    for number, row in enumerate(table.to_pylist(), 1):
        yield f"{path}, row {number}", row


_READERS: dict[str, Callable[[Path], Iterator[Placed]]] = {".jsonl": _jsonl, ".csv": _csv, ".parquet": parquet_rows}
SUFFIXES = tuple(_READERS)
