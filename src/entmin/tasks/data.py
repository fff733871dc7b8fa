"""Loading a data set: from a mirror folder where one is given, else from the Hub at its pinned revision.

There is no silent way from one to the other, and no loading of a changed set: the row count and, where it is known,
the hash of the content must be the expected ones (sources.py), because another set is another number.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from entmin.errors import EntminError, UsageError
from entmin.jsonl import json_lines
from entmin.problem import Problem
from entmin.programs.sources import CODE_SOURCES
from entmin.tasks.columns import Record, row_of
from entmin.tasks.sources import SOURCES, Origin, Part, Source

ENVIRONMENT = "ENTMIN_DATA"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A data set, checked, with what a log must say about it."""

    source: Source
    origin: Origin
    rows: tuple[Problem, ...]
    sha256: str
    """`content_hash` of the rows."""
    verified: Literal["hash", "count"]
    """What the check could compare: ``count`` where no hash of this copy is known."""

    def record(self) -> dict[str, Any]:
        """The JSON form for task metadata."""
        return {
            "name": self.source.name,
            "hub": self.source.hub,
            "revision": self.source.revision if self.origin == "hub" else None,
            "origin": self.origin,
            "rows": len(self.rows),
            "sha256": self.sha256,
            "verified": self.verified,
            "licence": self.source.licence,
        }


def content_hash(rows: Iterable[Problem]) -> str:
    """SHA-256 over the canonical (id, question, answer) of each row, in order; options count as part of the question.

    Columns that no prompt or grader reads (solutions, urls) may differ between copies of the same set.
    """
    digest = hashlib.sha256()
    for row in rows:
        canonical = [row.id, row.question, row.gold, *row.options]
        digest.update(json.dumps(canonical, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n")
    return digest.hexdigest()


def load(name: str, data_dir: str | None = None, parts: Sequence[str] | None = None) -> Loaded:
    """Load the data set `name`, or only the named `parts` of it, from `data_dir`/``ENTMIN_DATA`` or else the Hub.

    Raises:
        UsageError: there is no such data set or part.
        EntminError: it is missing, cannot be fetched, or is not the set it should be; the message says what to do.
    """
    known = SOURCES | CODE_SOURCES
    if name not in known:
        raise UsageError(f"unknown data set {name!r}; known: {', '.join(known)}")
    source = known[name]
    mirror = data_dir or os.environ.get(ENVIRONMENT)
    origin: Origin = "mirror" if mirror else "hub"
    rows: list[Problem] = []
    by_hash = True
    for part in _chosen(source, parts):
        records = _mirror_records(source, part, Path(mirror)) if mirror else _hub_records(source, part)
        found = [row_of(name, record, number) for number, record in enumerate(records)]
        by_hash = (check_contents(source, part, origin, found) == "hash") and by_hash
        rows += found
    _check_ids(name, rows)
    return Loaded(source, origin, tuple(rows), content_hash(rows), "hash" if by_hash else "count")


def _chosen(source: Source, names: Sequence[str] | None) -> list[Part]:
    by_name = {part.name: part for part in source.parts}
    unknown = [name for name in names or () if name not in by_name]
    if unknown:
        raise UsageError(f"{source.name} has no part {', '.join(unknown)}; its parts: {', '.join(by_name)}")
    return [by_name[name] for name in names] if names is not None else list(source.parts)


def check_contents(source: Source, part: Part, origin: Origin, rows: Sequence[Problem]) -> Literal["hash", "count"]:
    """Compare one part with what it should hold.

    Returns:
        What could be compared: the content's hash, or only the count where no hash of this copy is known.

    Raises:
        EntminError: the copy is another one.
    """
    digest = content_hash(rows)
    if digest in {contents.sha256 for contents in part.accepted}:
        return "hash"
    relevant = [contents for contents in part.accepted if contents.of in (None, origin)]
    if any(contents.sha256 is None and contents.rows == len(rows) for contents in relevant):
        return "count"
    expected = " or ".join(
        f"{contents.rows} rows" + (f" with hash {contents.sha256[:16]}…" if contents.sha256 else "")
        for contents in relevant
    )
    where = " ".join(filter(None, (source.name, part.name)))
    raise EntminError(
        f"{where}: this {origin} copy is not the expected data set: {len(rows)} rows with hash {digest[:16]}…, "
        f"expected {expected}. Numbers from another set are not comparable; {_remedy(source, part)}"
    )


def _check_ids(name: str, rows: Sequence[Problem]) -> None:
    twice = [one for one, count in Counter(row.id for row in rows).items() if count > 1]
    if twice:
        raise EntminError(f"{name}: the id {twice[0]!r} occurs more than once; is the file a concatenation of copies?")


def _mirror_records(source: Source, part: Part, mirror: Path) -> list[Record]:
    folder = mirror / source.folder
    for names in part.files:
        paths = [folder / name for name in names]
        if all(path.is_file() for path in paths):
            return [record for path in paths for record in _json_lines(path)]
    wanted = " or ".join(" and ".join(f"{source.folder}/{name}" for name in names) for names in part.files)
    raise EntminError(
        f"{source.name}: the mirror folder {mirror} has no {wanted}; put it there (see docs/benchmarks.md), "
        f"or leave out --data-dir and {ENVIRONMENT} to load {source.hub} from the Hub"
    )


def _json_lines(path: Path) -> Iterable[Record]:
    try:
        yield from (record for _, record in json_lines(path))
    except UsageError as error:
        raise EntminError(f"{error}; copy the file again") from error


def _hub_records(source: Source, part: Part) -> list[Record]:
    # Imported here: `datasets` takes seconds, and a mirror needs none of it.
    from datasets import load_dataset

    try:
        table = load_dataset(source.hub, part.config, split=part.split, revision=source.revision)
        return list(table)
    except Exception as error:  # the Hub's border: network, terms, cache and format errors share no base class
        raise EntminError(
            f"{source.name}: {source.hub} could not be loaded from the Hub ({type(error).__name__}: {error}); "
            f"{_remedy(source, part)}"
        ) from error


def _remedy(source: Source, part: Part) -> str:
    """What gets a good copy of a part."""
    terms = "accept its terms on the Hub and log in with `hf auth login`, then " if source.gated else ""
    revision = f" at revision {source.revision}" if source.revision else ""
    return (
        f"{terms}load {source.hub}{revision} where the Hub can be reached, "
        f"or give a mirror folder that holds {source.folder}/{part.files[0][0]} with --data-dir or {ENVIRONMENT}"
    )
