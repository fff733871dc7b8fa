"""Opening a data set: a local file or folder, or a Hub id. Every failure names its remedy."""

from __future__ import annotations

import csv
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entmin.errors import EntminError, UsageError, first_line
from entmin.hub import reachable_or_offline, why_no_data_set, why_not_reached
from entmin.jsonl import json_lines

if TYPE_CHECKING:
    from datasets import Dataset

FORMATS = {".jsonl": "json", ".json": "json", ".parquet": "parquet", ".csv": "csv", ".tsv": "csv"}


def is_local(source: str) -> bool:
    """Whether a source is a path: one that exists, or one that could be nothing else."""
    path = Path(source).expanduser()
    return path.exists() or path.suffix in FORMATS or source.startswith((".", "/", "~"))


def open_local(source: str, split: str) -> Dataset:
    """Open a JSON Lines, JSON, Parquet or CSV file, or a folder that `datasets` can read.

    Raises:
        UsageError: it is missing, of another format, malformed (with the line's number), or empty.
    """
    path = Path(source).expanduser()
    if not path.exists():
        raise UsageError(f"there is no file {source!r}; give an existing file, a Hub id, or a name such as arithmetic")
    if path.is_file() and path.suffix not in FORMATS:
        raise UsageError(f"{source}: cannot read a {path.suffix or 'nameless'} file; formats: {', '.join(FORMATS)}")
    if path.is_file() and path.stat().st_size == 0:
        raise UsageError(f"{source} is empty; it must hold at least one prompt")
    from datasets import load_dataset

    _quiet()
    try:
        if path.is_dir():
            table = load_dataset(str(path), split=split)
        else:
            table = load_dataset(FORMATS[path.suffix], data_files=str(path), split="train", **_options(path))
    except Exception as error:  # datasets wraps the readers' own errors in several of its own
        raise UsageError(_diagnosis(path, split, error)) from error
    return _filled(table, source)


def _options(path: Path) -> dict[str, Any]:
    if FORMATS[path.suffix] != "csv":
        return {}
    from datasets import Features, Value

    separator = "\t" if path.suffix == ".tsv" else ","
    with path.open(encoding="utf-8-sig", newline="") as lines:
        header = next(csv.reader(lines, delimiter=separator))
    # As text: an answer 007 or NA must not become 7 or nothing.
    features = Features({name: Value("string") for name in header})
    return {"sep": separator, "features": features, "keep_default_na": False}


def open_hub(name: str, split: str, config: str | None = None, revision: str | None = None) -> Dataset:
    """Open a data set of the Hub, or its copy in the local cache.

    Raises:
        EntminError: it cannot be had; the message says what to try.
    """
    require_data_set(name)
    from datasets import load_dataset

    _quiet()
    try:
        with reachable_or_offline():
            table = load_dataset(name, config, split=split, revision=revision)
    except Exception as error:  # the Hub's border: network, terms, cache and format errors share no base class
        why = why_not_reached() or (
            f"{type(error).__name__}: {first_line(error)}; check the id, configuration (owner/name:config) and split; "
            "log in with `hf auth login` if it is gated; or download it elsewhere and give the file"
        )
        raise _not_loaded(name, why) from error
    return _filled(table, name)


def require_data_set(name: str) -> None:
    """Refuse a data set of the Hub that can be had neither from there nor from the cache, before a slow import.

    Raises:
        EntminError: so it is.
    """
    if why := why_no_data_set(name):
        raise _not_loaded(name, why)


def _not_loaded(name: str, why: str) -> EntminError:
    return EntminError(f"data set {name!r} could not be loaded from the Hub: {why}")


def _quiet() -> None:
    """No progress bars, and no account by `datasets` of an error that we report ourselves."""
    from datasets import disable_progress_bars
    from datasets.utils.logging import set_verbosity

    disable_progress_bars()
    set_verbosity(logging.CRITICAL)


def _filled(table: Dataset, source: str) -> Dataset:
    if not len(table):
        raise UsageError(f"{source} holds no rows; it must hold at least one prompt")
    return table


def _diagnosis(path: Path, split: str, error: Exception) -> str:
    if path.suffix == ".jsonl":
        found = _malformed_line(path)
        if found is not None:
            return found
    cause = error.__cause__ or error
    if path.is_dir():
        return (
            f"{path} cannot be read as a data set with the split {split!r} ({first_line(cause)}); give one of its files"
        )
    return (
        f"{path} cannot be read as {FORMATS[path.suffix]} ({type(cause).__name__}: {first_line(cause)}); "
        "every row needs the same columns, and every column values of one type"
    )


def _malformed_line(path: Path) -> str | None:
    """What is wrong with the first bad line: no JSON, no object, or a value of another type than before."""
    kinds: dict[str, type] = {}
    try:
        for where, row in json_lines(path):
            if not isinstance(row, dict):
                return f"{where}: a {type(row).__name__}; each line must be one JSON object"
            for name, value in row.items():
                kind = float if type(value) is int else type(value)
                if value is not None and kinds.setdefault(name, kind) is not kind:
                    return (
                        f"{where}: column {name!r} holds a {type(value).__name__} here and a {kinds[name].__name__} "
                        "before; write every value of a column in one way, for instance all as texts"
                    )
    except UsageError as error:
        return str(error)
    return None
