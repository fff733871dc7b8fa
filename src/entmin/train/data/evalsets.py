"""The problems of the evaluation sets, to compare training prompts with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from entmin.errors import EntminError, UsageError
from entmin.programs.problems import problems
from entmin.programs.sources import CODE_SOURCES
from entmin.tasks.data import ENVIRONMENT, load
from entmin.tasks.registry import resolve
from entmin.tasks.sources import SOURCES, Part, Source

AT_HAND = "at-hand"
"""Every evaluation set that can be read without the network."""
_ARITHMETIC = "arithmetic"
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
    asked = {info.name for name in names if name != AT_HAND for info in resolve(name)}
    for name in sorted(asked):
        found.problems[name] = _problems(name, mirror, _parts(found, name, mirror))
    for name in sorted({_ARITHMETIC, _LIVE, *SOURCES, *CODE_SOURCES} - asked if AT_HAND in names else ()):
        parts = _parts(found, name, mirror)
        if parts is None and not _whole_at_hand(name, mirror):
            found.missing[name] = "not in the mirror folder" if mirror else "not in the local cache"
            continue
        try:
            found.problems[name] = _problems(name, mirror, parts)
        except EntminError as error:
            found.missing[name] = str(error)
    return found


def _whole_at_hand(name: str, mirror: str | None) -> bool:
    return name == _ARITHMETIC or (name == _LIVE and mirror is not None and (Path(mirror) / _LIVE).is_dir())


def _parts(found: EvaluationProblems, name: str, mirror: str | None) -> list[str] | None:
    """The parts of a set that are at hand, those that are not being noted; None where none is."""
    source = (SOURCES | CODE_SOURCES).get(name)
    here = [part.name for part in source.parts if _at_hand(source, part, mirror)] if source else []
    if source and here and len(here) < len(source.parts):
        rest = ", ".join(part.name for part in source.parts if part.name not in here)
        found.missing[name] = f"these parts are not at hand: {rest}"
    return here or None


def _at_hand(source: Source, part: Part, mirror: str | None) -> bool:
    """Whether a part lies in the mirror folder or, where there is none, in the cache of `datasets`."""
    if mirror:
        folder = Path(mirror) / source.folder
        return any(all((folder / name).is_file() for name in names) for names in part.files)
    from datasets import config
    from datasets.naming import camelcase_to_snakecase

    owner, _, repository = source.hub.partition("/")
    return (Path(config.HF_DATASETS_CACHE) / f"{owner}___{camelcase_to_snakecase(repository)}").is_dir()


def _problems(name: str, mirror: str | None, parts: Sequence[str] | None) -> list[tuple[str, str]]:
    if name == _ARITHMETIC:
        from entmin.tasks.arithmetic import make_problems

        made = make_problems("basic_arithmetic", size=500, seed=0, terms=2, digits=2)
        return [(str(number), question) for number, (question, _) in enumerate(made)]
    if name == _LIVE:
        rows = list(problems(name, mirror).rows.values())
    elif name in SOURCES or name in CODE_SOURCES:
        rows = list(load(name, mirror, parts).rows)
    else:
        raise UsageError(f"cannot compare prompts with {name!r}: its problems are known to its own task only")
    return [(row.id, row.question) for row in rows]
