"""Loading a data set: from a mirror folder where one is given, else from the Hub at its pinned revision.

There is no silent way from one to the other, and no loading of a changed set: the row count and, where it is known,
the hash of the content must be the expected ones, because another set is another number.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from entmin.errors import EntminError, UsageError, closest, first_line
from entmin.hub import prepared, reachable_or_offline, why_no_data_set, why_not_reached
from entmin.jsonl import json_lines
from entmin.problem import Problem

ENVIRONMENT = "ENTMIN_DATA"
Record = Mapping[str, Any]
Convert = Callable[[Record, int], Problem]
"""From record number n (from 0) of a data set to its problem."""
Copy = Literal["hub", "mirror"]


@dataclass(frozen=True, slots=True)
class Contents:
    """What an accepted copy holds."""

    rows: int
    sha256: str | None = None
    """`content_hash`; None: not known, so that only the row count is checked."""
    of: Copy | None = None
    """The kind of copy this describes; None for both."""


def contents(rows: int, sha256: str) -> tuple[Contents, ...]:
    """A copy whose hash was computed from a mirror; the Hub may write the same rows in another way."""
    return Contents(rows, sha256, of="mirror"), Contents(rows, of="hub")


@dataclass(frozen=True, slots=True)
class Part:
    """One table of a data set: a Hub configuration and split, or the same rows in mirror files."""

    accepted: tuple[Contents, ...]
    split: str
    config: str | None = None
    name: str = ""
    """Distinguishes the parts of one set, such as ``SemiconductorPhysics/en``; empty where there is only one."""
    files: tuple[tuple[str, ...], ...] = (("test.jsonl",),)
    """Alternative mirror layouts; the files of the first complete one are concatenated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a data set is. A revision is a full commit hash; None where no commit is known to us."""

    hub: str
    folder: str
    """Folder of the set inside a mirror."""
    licence: str
    """As the Hub card states it; ``none stated`` where it does not."""
    parts: tuple[Part, ...]
    revision: str | None = None
    gated: bool = False


@dataclass(frozen=True)
class Loaded:
    """Problems, checked, with what a log must say about them."""

    problems: tuple[Problem, ...]
    record: Mapping[str, Any]
    """What the log says of the data: its name, where it came from, how many rows, their hash, how it was verified."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """What else the log says of the task, such as the window of dates that was asked for."""

    @cached_property
    def by_id(self) -> dict[str, Problem]:
        """Id to problem."""
        return {problem.id: problem for problem in self.problems}


def content_hash(problems: Iterable[Problem]) -> str:
    """SHA-256 over the canonical (id, question, answer) of each row, in order; options count as part of the question.

    Columns that no prompt or grader reads (solutions, urls) may differ between copies of the same set.
    """
    digest = hashlib.sha256()
    for row in problems:
        own = [] if row.system is None else [row.system]
        canonical = [row.id, row.question, row.gold, *row.options, *own]
        digest.update(json.dumps(canonical, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n")
    return digest.hexdigest()


class _Noted(dict[str, Any]):
    """A record that knows which of its columns were looked at and held something."""

    def __init__(self, record: Record) -> None:
        super().__init__(record)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        if super().get(name) is not None:
            self.read.add(name)
        return super().get(name, default)


def load(
    name: str, source: Source, convert: Convert, data_dir: str | None, parts: Sequence[str] | None = None
) -> Loaded:
    """Load a data set, or only the named `parts` of it, from `data_dir`/``ENTMIN_DATA`` or else the Hub.

    Raises:
        UsageError: there is no such part.
        EntminError: it is missing, cannot be fetched, or is not the set it should be; the message says what to do.
    """
    mirror = data_dir or os.environ.get(ENVIRONMENT)
    copy: Copy = "mirror" if mirror else "hub"
    problems: list[Problem] = []
    by_hash = True
    columns: dict[str, bool] = {}
    for part in _chosen(name, source, parts):
        records = _mirror_records(name, source, part, Path(mirror)) if mirror else _hub_records(name, source, part)
        seen = [_Noted(record) for record in records]
        found = [problem_of(name, convert, record, number) for number, record in enumerate(seen)]
        for row in seen:
            columns.update(dict.fromkeys(row, False) | columns | dict.fromkeys(row.read, True))
        by_hash = _check(name, source, part, copy, found) and by_hash
        problems += found
    _check_ids(name, problems)
    record = {
        "name": name,
        "hub": source.hub,
        "revision": source.revision if copy == "hub" else None,
        "origin": copy,
        "rows": len(problems),
        "sha256": content_hash(problems),
        "verified": "hash" if by_hash else "count",
        "licence": source.licence,
        "columns": [name for name, read in columns.items() if read],
        "columns_not_read": [name for name, read in columns.items() if not read],
    }
    return Loaded(tuple(problems), record)


def problem_of(name: str, convert: Convert, record: Record, number: int) -> Problem:
    """The problem of record `number` (from 0) of the data set `name`.

    Raises:
        EntminError: a column is missing or holds what this set cannot hold.
    """
    try:
        return convert(record, number)
    except (KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise EntminError(
            f"{name}: record {number} does not have the expected columns ({type(error).__name__}: {error}); "
            f"it has {', '.join(record)}"
        ) from error


def _chosen(name: str, source: Source, names: Sequence[str] | None) -> list[Part]:
    by_name = {part.name: part for part in source.parts}
    unknown = [one for one in names or () if one not in by_name]
    if unknown:
        near = closest(unknown[0], list(by_name))
        raise UsageError(f"{name} has no part {', '.join(unknown)}{near}; its parts: {', '.join(by_name)}")
    return [by_name[one] for one in names] if names is not None else list(source.parts)


def _check(name: str, source: Source, part: Part, copy: Copy, problems: Sequence[Problem]) -> bool:
    """Compare one part with what it should hold.

    Returns:
        Whether its hash could be compared, and not the count alone because no hash of this copy is known.

    Raises:
        EntminError: the copy is another one.
    """
    digest = content_hash(problems)
    if digest in {known.sha256 for known in part.accepted}:
        return True
    relevant = [known for known in part.accepted if known.of in (None, copy)]
    if any(known.sha256 is None and known.rows == len(problems) for known in relevant):
        return False
    expected = " or ".join(
        f"{known.rows} rows" + (f" with hash {known.sha256[:16]}…" if known.sha256 else "") for known in relevant
    )
    where = " ".join(filter(None, (name, part.name)))
    raise EntminError(
        f"{where}: this {copy} copy is not the expected data set: {len(problems)} rows with hash {digest[:16]}…, "
        f"expected {expected}. Numbers from another set are not comparable; {_remedy(source, part)}"
    )


def _check_ids(name: str, problems: Sequence[Problem]) -> None:
    twice = [one for one, count in Counter(problem.id for problem in problems).items() if count > 1]
    if twice:
        raise EntminError(f"{name}: the id {twice[0]!r} occurs more than once; is the file a concatenation of copies?")


def at_hand(source: Source, part: Part, mirror: str | None) -> bool:
    """Whether a part lies in the mirror folder or, where there is none, in the cache of `datasets`."""
    if mirror:
        folder = Path(mirror) / source.folder
        return any(all((folder / name).is_file() for name in names) for names in part.files)
    return prepared(source.hub).is_dir()


def require_source(name: str, source: Source, data_dir: str | None) -> None:
    """Refuse a set that neither its mirror folder, the Hub nor the cache can give, before anything slow is imported.

    Raises:
        EntminError: so it is; what a mirror folder has is not looked at yet.
    """
    if not (data_dir or os.environ.get(ENVIRONMENT)) and (why := why_no_data_set(source.hub)):
        raise _not_loaded(name, source, source.parts[0], why)


def _mirror_records(name: str, source: Source, part: Part, mirror: Path) -> list[Record]:
    folder = mirror / source.folder
    for names in part.files:
        paths = [folder / file for file in names]
        if all(path.is_file() for path in paths):
            return [record for path in paths for record in _json_lines(path)]
    wanted = " or ".join(" and ".join(f"{source.folder}/{file}" for file in names) for names in part.files)
    raise EntminError(
        f"{name}: the mirror folder {mirror} has no {wanted}; put it there (see docs/benchmarks.md), "
        f"or leave out --data-dir and {ENVIRONMENT} to load {source.hub} from the Hub"
    )


def _json_lines(path: Path) -> Iterable[Record]:
    try:
        yield from (record for _, record in json_lines(path))
    except UsageError as error:
        raise EntminError(f"{error}; copy the file again") from error


def _hub_records(name: str, source: Source, part: Part) -> list[Record]:
    if why := why_no_data_set(source.hub):
        raise _not_loaded(name, source, part, why)
    # Imported here: `datasets` takes seconds, and a mirror needs none of it.
    from datasets import load_dataset

    try:
        with reachable_or_offline():
            return list(load_dataset(source.hub, part.config, split=part.split, revision=source.revision))
    except Exception as error:  # the Hub's border: network, terms, cache and format errors share no base class
        why = why_not_reached() or f"{type(error).__name__}: {first_line(error)}"
        raise _not_loaded(name, source, part, why) from error


def _not_loaded(name: str, source: Source, part: Part, why: str) -> EntminError:
    return EntminError(f"{name}: {source.hub} could not be loaded: {why}; {_remedy(source, part)}")


def _remedy(source: Source, part: Part) -> str:
    """What gets a good copy of a part."""
    terms = "accept its terms on the Hub and log in with `hf auth login`, then " if source.gated else ""
    revision = f" at revision {source.revision}" if source.revision else ""
    return (
        f"{terms}load {source.hub}{revision} where the Hub can be reached, "
        f"or give a mirror folder that holds {source.folder}/{part.files[0][0]} with --data-dir or {ENVIRONMENT}"
    )
