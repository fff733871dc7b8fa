"""The problems of a code benchmark by id: loaded once, shared by task, scorer, `entmin grade` and `entmin check`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from entmin.problem import Problem
from entmin.tasks.data import load

CODE_TASKS = ("humaneval", "mbpp", "leetcode", "livecodebench", "scicode")


@dataclass(frozen=True, slots=True)
class Problems:
    """A benchmark's problems and what a log must say about them."""

    task: str
    rows: Mapping[str, Problem]
    record: Mapping[str, Any]


def problems(task: str, data_dir: str | None = None, source: Mapping[str, Any] | None = None) -> Problems:
    """Load the problems of `task`.

    Args:
        task: One of `CODE_TASKS`.
        data_dir: Mirror folder.
        source: The benchmark's own options, such as the release of LiveCodeBench.

    Raises:
        EntminError: the data is missing or another one.
    """
    return _problems(task, data_dir, json.dumps(dict(source or {}), sort_keys=True))


@cache
def _problems(task: str, data_dir: str | None, source: str) -> Problems:
    options: dict[str, Any] = json.loads(source)
    if task == "livecodebench":
        from entmin.programs.livecodebench import load_release

        rows, record = load_release(data_dir, **options)
    elif task == "scicode":
        from entmin.programs.scicode import load_scicode

        rows, record = load_scicode(data_dir, **options)
    else:
        data = load(task, data_dir)
        rows, record = list(data.rows), data.record()
    return Problems(task, {row.id: row for row in rows}, record)
