"""The problems of the evaluation sets, to compare training prompts with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from entmin.errors import EntminError, UsageError
from entmin.tasks.benchmark import Benchmark
from entmin.tasks.data import ENVIRONMENT, at_hand
from entmin.tasks.registry import resolve, tasks

AT_HAND = "at-hand"
"""Every evaluation set that can be read without the network."""
_LIVE = "livecodebench"


@dataclass(slots=True)
class EvaluationProblems:
    """What prompts are compared with, and what they could not be."""

    problems: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """Evaluation set to the (id, text) of its problems."""
    missing: dict[str, str] = field(default_factory=dict)
    """Evaluation sets that were not at hand, and why."""


def evaluation_problems(names: Sequence[str], data_dir: str | None = None) -> EvaluationProblems:
    """Load the problems of evaluation sets.

    Args:
        names: Tasks or groups of tasks; `AT_HAND` adds whatever can be read without the network.
        data_dir: Mirror folder, by default ``ENTMIN_DATA``.

    Raises:
        UsageError: an unknown name.
        EntminError: a set asked for by its name cannot be loaded; the message says how to get it.
    """
    mirror = data_dir or os.environ.get(ENVIRONMENT)
    found = EvaluationProblems()
    known = {one.name: one for one in tasks().values() if isinstance(one, Benchmark)}
    asked = {info.name for name in names if name != AT_HAND for info in resolve(name)}
    for name in sorted(asked):
        if name not in known:
            raise UsageError(f"cannot compare prompts with {name!r}: its problems are known to its own task only")
        found.problems[name] = _problems(known[name], mirror, _parts(found, known[name], mirror))
    for name in sorted(known.keys() - asked if AT_HAND in names else ()):
        parts = _parts(found, known[name], mirror)
        if parts is None and not _whole_at_hand(known[name], mirror):
            found.missing[name] = "not in the mirror folder" if mirror else "not in the local cache"
            continue
        try:
            found.problems[name] = _problems(known[name], mirror, parts)
        except EntminError as error:
            found.missing[name] = str(error)
    return found


def _whole_at_hand(one: Benchmark, mirror: str | None) -> bool:
    """Whether a set without parts can be read: procedural ones need no files."""
    if one.name == _LIVE:
        return mirror is not None and (Path(mirror) / _LIVE).is_dir()
    return one.source is None


def _parts(found: EvaluationProblems, one: Benchmark, mirror: str | None) -> list[str] | None:
    """The parts of a set that are at hand, those that are not being noted; None where none is."""
    source = one.source
    here = [part.name for part in source.parts if at_hand(source, part, mirror)] if source else []
    if source and here and len(here) < len(source.parts):
        rest = ", ".join(part.name for part in source.parts if part.name not in here)
        found.missing[one.name] = f"these parts are not at hand: {rest}"
    return here or None


def _problems(one: Benchmark, mirror: str | None, parts: Sequence[str] | None) -> list[tuple[str, str]]:
    loaded = one.load(mirror) if one.source is None else one.parts(mirror, parts)
    return [(problem.id, problem.question) for problem in loaded.problems]
