"""JSON Lines as users write them, where every complaint names file and line, and as runs do, which may be cut short."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from entmin.errors import UsageError, first_line


def text_lines(path: Path) -> Iterator[tuple[str, str]]:
    """(place, text) of each line, its line end included; the place reads ``PATH, line N``.

    Args:
        path: the file, UTF-8; a byte order mark at its start, which Windows writes, is skipped.

    Raises:
        UsageError: a line is not UTF-8.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            where = f"{path}, line {number}"
            try:
                yield where, line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise UsageError(f"{where}: not UTF-8 ({error.reason}); save the file as UTF-8") from None


def json_lines(path: Path) -> Iterator[tuple[str, Any]]:
    """(place, value) of each line that is not blank.

    Raises:
        UsageError: a line is not UTF-8, or not JSON.
    """
    for where, line in text_lines(path):
        if line.strip():
            try:
                yield where, json.loads(line)
            except (ValueError, RecursionError) as error:
                text = first_line(error)
                raise UsageError(f"{where}: not JSON ({text}); each line must be one JSON object") from error


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The complete lines of a JSONL file; a last line cut short by a kill is left out."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def or_null(value: float | None) -> float | None:
    """A number as JSON can hold it: None for infinity, such as the log-probability of a token that was cut off."""
    return None if value is None or math.isinf(value) else value
