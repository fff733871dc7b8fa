"""LiveCodeBench, code generation: contest problems with a date, so that a model's training cut can be respected.

Release and date window are part of the result. The files are big (release v2: 2 GB), so they are read line by line
and only once: what stays in memory is the question and the place of the line, and the tests of a problem are decoded
when an answer to it is judged.

Private tests come as a compressed pickle of a JSON string. Unpickling may run code, so this reader knows no class at
all: it takes a string and nothing else, and decompresses only so much.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
import os
import pickle
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entmin.errors import EntminError, UsageError
from entmin.problem import Problem
from entmin.tasks.data import ENVIRONMENT

HUB = "livecodebench/code_generation_lite"
REVISION: str | None = None
"""No commit is known to us; the log says which files were read."""
FOLDER = "livecodebench"
FILES = ("test.jsonl", "test2.jsonl", "test3.jsonl", "test4.jsonl", "test5.jsonl", "test6.jsonl")
ROWS = {
    "release_v1": 400,
    "release_v2": 511,
    "release_v3": 612,
    "release_v4": 713,
    "release_v5": 880,
    "release_v6": 1055,
}
"""A release is the first files up to its number."""
PAPER_WINDOW = ("2023-05-01", "2024-05-31")
MAX_PRIVATE_BYTES = 256 << 20
"""Largest decompressed tests of one problem."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


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


def load_release(
    data_dir: str | None, release: str = "release_v2", start: str = PAPER_WINDOW[0], end: str = PAPER_WINDOW[1]
) -> tuple[list[Problem], dict[str, Any]]:
    """The problems of `release` from contests in a window of dates, both ends included.

    Raises:
        UsageError: the release or a date is no such thing.
        EntminError: the files are missing or hold other rows.
    """
    if release not in ROWS:
        raise UsageError(f"livecodebench: unknown release {release!r}; there are {', '.join(ROWS)}")
    for name, date in (("start", start), ("end", end)):
        if not _DATE.fullmatch(date):
            raise UsageError(f"livecodebench: {name} must be a date like 2024-05-31, not {date!r}")
    names = FILES[: list(ROWS).index(release) + 1]
    mirror = data_dir or os.environ.get(ENVIRONMENT)
    paths = _mirror_files(Path(mirror), names) if mirror else _hub_files(names)
    digest = hashlib.sha256()
    rows = [_row(record, path, place, digest) for path in paths for record, place in _lines(path)]
    origin = "mirror" if mirror else "hub"
    _check(rows, release, origin)
    chosen = [row for row in rows if start <= str(row.extra["date"]) <= end]
    if not chosen:
        raise UsageError(f"livecodebench: no problem of {release} is from {start} to {end}")
    record = {
        "name": "livecodebench",
        "hub": HUB,
        "revision": REVISION,
        "origin": origin,
        "release": release,
        "start": start,
        "end": end,
        "rows": len(chosen),
        "rows_of_release": len(rows),
        "sha256": digest.hexdigest(),
        "verified": "count" if len(rows) == ROWS[release] else "sample",
        "licence": "cc",
    }
    return chosen, record


def _check(rows: list[Problem], release: str, origin: str) -> None:
    twice = len(rows) - len({row.id for row in rows})
    if twice:
        raise EntminError(f"livecodebench: {twice} problems occur more than once; are the files copies of each other?")
    # A mirror may hold a sample of a release; the log then says `verified: sample` and how many rows it has.
    if len(rows) > ROWS[release] or (origin == "hub" and len(rows) != ROWS[release]):
        raise EntminError(
            f"livecodebench: {release} has {ROWS[release]} problems, these files have {len(rows)}; fetch them again"
        )


def _lines(path: Path) -> Iterator[tuple[dict[str, Any], int]]:
    with path.open("rb") as lines:
        place = 0
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _record(line, f"{path}, line {number}"), place
            place += len(line)


def _record(line: bytes, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise EntminError(f"{where}: no JSON ({error}); fetch the file again") from error
    if not isinstance(record, dict):
        raise EntminError(f"{where}: no record; fetch the file again")
    return record


def _row(record: Mapping[str, Any], path: Path, place: int, digest: Any) -> Problem:
    try:
        name, question = str(record["question_id"]), str(record["question_content"])
        starter, metadata = str(record["starter_code"]), json.loads(record["metadata"] or "{}")
        for text in (name, question, starter, record["public_test_cases"], record["private_test_cases"]):
            digest.update(hashlib.sha256(str(text).encode()).digest())
        return Problem(
            id=name,
            question=question,
            gold={
                "starter": starter,
                "function": metadata.get("func_name") or "",
                "path": str(path),
                "place": place,
                "reference": None,
            },
            level=str(record["difficulty"]),
            subject=str(record["platform"]),
            extra={"date": str(record["contest_date"])[:10]},
        )
    except (KeyError, ValueError, AttributeError) as error:
        raise EntminError(f"livecodebench: {path} does not have the expected columns ({error})") from error


def tests_at(row: Problem) -> list[Test]:
    """The tests of a problem, read from its line.

    Raises:
        EntminError: the file has changed since it was loaded.
    """
    assert isinstance(row.gold, dict)
    with Path(row.gold["path"]).open("rb") as lines:
        lines.seek(row.gold["place"])
        record = _record(lines.readline(), row.gold["path"])
    if record.get("question_id") != row.id:
        raise EntminError(f"livecodebench: {row.gold['path']} has changed while it was used; run again")
    return tests_of(record)


def _mirror_files(mirror: Path, names: tuple[str, ...]) -> list[Path]:
    paths = [mirror / FOLDER / name for name in names]
    missing = [f"{FOLDER}/{path.name}" for path in paths if not path.is_file()]
    if missing:
        raise EntminError(
            f"livecodebench: the mirror folder {mirror} has no {', '.join(missing)}; copy them from {HUB} "
            f"(see docs/benchmarks.md), or leave out --data-dir and {ENVIRONMENT} to load from the Hub"
        )
    return paths


def _hub_files(names: tuple[str, ...]) -> list[Path]:
    # The set's own loading script no longer runs; the files it would read are fetched instead.
    from huggingface_hub import hf_hub_download

    try:
        return [Path(hf_hub_download(HUB, name, repo_type="dataset", revision=REVISION)) for name in names]
    except Exception as error:  # the Hub's border: network, cache and disk errors share no base class
        raise EntminError(
            f"livecodebench: {', '.join(names)} of {HUB} could not be fetched ({type(error).__name__}: {error}); "
            f"fetch them where the Hub can be reached and give the folder above {FOLDER}/ with --data-dir"
        ) from error
