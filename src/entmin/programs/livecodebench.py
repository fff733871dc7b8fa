"""The tests of LiveCodeBench problems, read from their lines when an answer is to be judged.

Private tests come as a compressed pickle of a JSON string. Unpickling may run code, so this reader knows no class at
all: it takes a string and nothing else, and decompresses only so much.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import pickle
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entmin.errors import EntminError
from entmin.problem import Problem

MAX_PRIVATE_BYTES = 256 << 20
"""Largest decompressed tests of one problem."""


class _NoClasses(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"the tests name {module}.{name}")


@dataclass(frozen=True, slots=True)
class Test:
    """One test of a problem."""

    input: str
    output: str
    functional: bool


def private_tests(packed: str) -> list[dict[str, Any]]:
    """The private tests as their column holds them: JSON, or JSON pickled, compressed and in base64.

    Raises:
        EntminError: it is something else; nothing of it was run.
    """
    try:
        found = json.loads(packed)
    except ValueError:
        found = _unpacked(packed)
    if not isinstance(found, list) or not all(isinstance(test, dict) for test in found):
        raise EntminError("LiveCodeBench: private tests are no list of tests; fetch the file again")
    return found


def _unpacked(packed: str) -> Any:
    try:
        engine = zlib.decompressobj()
        data = engine.decompress(base64.b64decode(packed, validate=True), MAX_PRIVATE_BYTES)
        if engine.unconsumed_tail:
            raise EntminError(f"LiveCodeBench: private tests of one problem exceed {MAX_PRIVATE_BYTES >> 20} MiB")
        text = _NoClasses(io.BytesIO(data)).load()
        if not isinstance(text, str):
            raise pickle.UnpicklingError(f"a {type(text).__name__}, no string")
        return json.loads(text)
    except (ValueError, binascii.Error, zlib.error, pickle.UnpicklingError, EOFError, IndexError, KeyError) as error:
        raise EntminError(f"LiveCodeBench: private tests cannot be read ({error}); fetch the file again") from error


def tests_of(record: Mapping[str, Any]) -> list[Test]:
    """Public tests, then private ones."""
    public = json.loads(record["public_test_cases"])
    found = [*public, *private_tests(record["private_test_cases"])]
    return [Test(str(test["input"]), str(test["output"]), test.get("testtype") == "functional") for test in found]


def record_of(line: bytes, where: str) -> dict[str, Any]:
    """The record on a line of the file.

    Raises:
        EntminError: there is none.
    """
    try:
        record = json.loads(line)
    except ValueError as error:
        raise EntminError(f"{where}: no JSON ({error}); fetch the file again") from error
    if not isinstance(record, dict):
        raise EntminError(f"{where}: no record; fetch the file again")
    return record


def tests_at(row: Problem) -> list[Test]:
    """The tests of a problem, read from its line.

    Raises:
        EntminError: the file has changed since it was loaded.
    """
    assert isinstance(row.gold, dict)
    with Path(row.gold["path"]).open("rb") as lines:
        lines.seek(row.gold["place"])
        record = record_of(lines.readline(), row.gold["path"])
    if record.get("question_id") != row.id:
        raise EntminError(f"livecodebench: {row.gold['path']} has changed while it was used; run again")
    return tests_of(record)
