"""The benchmarks by name: one line each, importable without torch or Inspect.

A third party adds a benchmark through the entry-point group ``entmin.plugins``: a module whose import calls
`register_task`.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from entmin.errors import UsageError
from entmin.plugins import load_plugins
from entmin.tasks import foreign

if TYPE_CHECKING:
    from inspect_ai import Task


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """A benchmark that can be named on the command line."""

    name: str
    factory: str
    """``module:function``; the function returns an `inspect_ai.Task` and takes keyword options only."""
    summary: str
    groups: tuple[str, ...] = ()
    max_tokens: int = 4096
    """Length limit of an answer where the user sets none; 4096 is the paper's."""

    def load(self) -> Callable[..., Task]:
        """Import the factory (this imports Inspect)."""
        if foreign.is_foreign(self.factory):
            return foreign.load(self.factory)
        module, _, function = self.factory.partition(":")
        factory: Callable[..., Task] = getattr(importlib.import_module(module), function)
        return factory


_TASKS: dict[str, TaskInfo] = {}


def register_task(info: TaskInfo) -> None:
    """Make a benchmark known by its name."""
    _TASKS[info.name] = info


def tasks() -> dict[str, TaskInfo]:
    """All known benchmarks by name, plugins included."""
    load_plugins()
    return dict(_TASKS)


def groups() -> dict[str, list[str]]:
    """Group name to the benchmarks in it."""
    found: dict[str, list[str]] = {}
    for info in tasks().values():
        for group in info.groups:
            found.setdefault(group, []).append(info.name)
    return found


def resolve(names: str) -> list[TaskInfo]:
    """Expand a comma list of benchmark and group names, in order and without repeats.

    Inspect tasks of others are named by file (``path/to/file.py@name``) or registry (``package/name``).

    Raises:
        UsageError: a name is unknown; the message lists the right ones.
    """
    known, by_group = tasks(), groups()
    chosen: dict[str, TaskInfo] = {}
    for name in (part.strip() for part in names.split(",")):
        if foreign.is_foreign(name):
            chosen[name] = TaskInfo(foreign.short(name), name, "an Inspect task")
            continue
        members = [name] if name in known else by_group.get(name)
        if not members:
            raise UsageError(
                f"unknown task {name!r}; tasks: {', '.join(known)}"
                + (f"; groups: {', '.join(by_group)}" if by_group else "")
            )
        chosen.update((member, known[member]) for member in members)
    return list(chosen.values())


def make(info: TaskInfo, **options: Any) -> Task:
    """Build the Inspect task of a benchmark.

    Raises:
        UsageError: an option the benchmark does not have, or one of the wrong type.
    """
    factory = info.load()
    hints = get_type_hints(factory)
    known = {name: hints.get(name, Any) for name in inspect.signature(factory).parameters}
    if "data_dir" not in known:
        options.pop("data_dir", None)
    if "sandbox" not in known:
        # A list of tasks shares its options, and only some of them run programs.
        options.pop("sandbox", None)
    for name, value in options.items():
        if name not in known:
            raise UsageError(f"task {info.name!r} has no option {name!r}; options: {', '.join(known)}")
        if not _fits(value, known[name]):
            raise UsageError(f"task {info.name!r}: {name} must be {_spelt(known[name])}, not {value!r}")
    return factory(**options)


def _fits(value: Any, kind: Any) -> bool:
    members = get_args(kind) or (kind,)
    if kind is Any:
        return True
    if isinstance(value, bool):
        return bool in members
    return any(isinstance(value, m) for m in members if isinstance(m, type)) or (
        float in members and isinstance(value, int)
    )


def _spelt(kind: Any) -> str:
    return " or ".join(m.__name__ for m in get_args(kind) or (kind,) if m is not type(None))


register_task(
    TaskInfo(
        "arithmetic",
        "entmin.tasks.arithmetic:arithmetic",
        "procedural arithmetic problems (reasoning-gym), seeded, nothing to download",
        max_tokens=128,
    )
)

_ALL = "all"
for _name, _module, _summary, *_groups in (
    ("math500", "competition", "MATH-500: 500 competition problems, 7 subjects, 5 levels", "math", _ALL),
    ("amc", "competition", "AMC 12 2022-2023: 83 problems with integer answers", "math", _ALL),
    ("aime", "competition", "AIME 2022-2024: 90 problems, each year reported apart", "math", _ALL),
    ("aime24", "competition", "AIME 2024: 30 problems", _ALL),
    ("aime25", "competition", "AIME 2025: 30 problems", _ALL),
    ("minerva_math", "minerva_olympiad", "Minerva (OCWCourses): 272 undergraduate problems", "qwen", "math", _ALL),
    ("olympiadbench", "minerva_olympiad", "OlympiadBench: 674 text-only English problems", "qwen", "math", _ALL),
    ("gsm8k", "gsm8k", "GSM8K: 1,319 grade-school word problems", _ALL),
    ("ugphysics", "ugphysics", "UGPhysics: 5,520 physics problems, 13 subjects, en and zh", "science", _ALL),
    ("gpqa_diamond", "choice", "GPQA-Diamond: 198 graduate questions, multiple choice (gated)", "science", _ALL),
    ("mmlu_pro", "choice", "MMLU-Pro: 12,032 questions, up to ten options", "science", _ALL),
    ("arc_challenge", "choice", "ARC-Challenge: 1,172 grade-school science questions", "science", _ALL),
    ("humaneval", "humaneval", "HumanEval: 164 functions to complete, run in a sandbox", "code", _ALL),
    ("mbpp", "mbpp", "MBPP, sanitised: 399 (Hub: 257) small functions, run in a sandbox", "code", _ALL),
    ("leetcode", "leetcode", "LeetCode contests: 180 problems, by difficulty, run in a sandbox", "code", _ALL),
    ("livecodebench", "livecodebench", "LiveCodeBench by release and date window, run in a sandbox", "code", _ALL),
    ("scicode", "scicode", "SciCode: 65 scientific problems in 288 steps, run in a sandbox", "code", _ALL),
):
    register_task(TaskInfo(_name, f"entmin.tasks.{_module}:{_name}", _summary, tuple(_groups)))
