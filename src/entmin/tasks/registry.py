"""The benchmarks by name, found and not listed; importable without torch or Inspect.

Every `Benchmark` (or `InspectTask`) at the top of a module of this package is found, and those of the modules that the
entry-point group ``entmin.plugins`` names.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, get_args

import entmin.tasks as package
from entmin.errors import EntminError, UsageError, closest
from entmin.plugins import load_plugins
from entmin.programs.judge import Rules, guarded
from entmin.tasks import files, foreign
from entmin.tasks.benchmark import Benchmark
from entmin.tasks.data import ENVIRONMENT, Loaded, require_source
from entmin.tasks.foreign import InspectTask
from entmin.tasks.tables import SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable

    from entmin.problem import Problem
    from entmin.programs.judge import Judgement

    Judging = Callable[[Problem, str, Rules], Judgement]

Named = Benchmark | InspectTask


def tasks() -> dict[str, Named]:
    """All known benchmarks by name, plugins included, in their places."""
    return dict(_found())


@cache
def _found() -> dict[str, Named]:
    modules = [
        importlib.import_module(f"{package.__name__}.{info.name}")
        for info in pkgutil.iter_modules(package.__path__)
        if not info.ispkg
    ]
    found: dict[str, Named] = {}
    for source in (*modules, *load_plugins()):
        for one in vars(source).values() if isinstance(source, ModuleType) else (source,):
            if isinstance(one, Benchmark | InspectTask) and found.setdefault(one.name, one) is not one:
                where = getattr(source, "__name__", source)
                raise UsageError(f"two tasks are called {one.name!r}, one of them in {where}; uninstall or rename one")
    return {one.name: one for one in sorted(found.values(), key=lambda one: (one.place, one.name))}


def groups() -> dict[str, list[str]]:
    """Group name to the benchmarks in it."""
    found: dict[str, list[str]] = {}
    for info in _found().values():
        for group in info.groups:
            found.setdefault(group, []).append(info.name)
    return found


def is_gated(name: str) -> bool:
    """Whether the authors of a set ask that its problems be kept out of files that may be published."""
    found = _found().get(name)
    return isinstance(found, Benchmark) and found.source is not None and found.source.gated


def benchmark(name: str) -> Benchmark:
    """The benchmark of a name.

    Raises:
        UsageError: there is none.
    """
    found = _found().get(name)
    if not isinstance(found, Benchmark):
        known = [one.name for one in _found().values() if isinstance(one, Benchmark)]
        raise UsageError(f"unknown benchmark {name!r}{closest(name, known)}; known: {', '.join(known)}")
    return found


def resolve(names: str, judge: str | None = None) -> list[Named]:
    """Expand a comma list of benchmarks, groups and files of problems, in order and without repeats.

    Args:
        names: names, files (``problems.jsonl``) and Inspect tasks (`entmin.tasks.foreign`). The name of a benchmark or
            group means that, whatever lies in the folder; ``./gsm8k.jsonl`` is a file.
        judge: who judges the answers to files.

    Raises:
        UsageError: a name is unknown (the message has the nearest and lists the others), a file cannot be read, or
            `judge` is given without any file or missing for one.
    """
    known, by_group = _found(), groups()
    chosen: dict[str, Named] = {}
    for name in _parts(names, {*known, *by_group}):
        if name in known or name in by_group:
            chosen.update((member, known[member]) for member in ([name] if name in known else by_group[name]))
        elif foreign.is_foreign(name) and Path(name).suffix.lower() not in SUFFIXES:
            chosen[name] = InspectTask(name=foreign.short(name), factory=name)
        elif files.names_a_file(name):
            made = files.benchmark(Path(name).expanduser(), judge, taken=chosen)
            chosen[made.name] = made
        elif ":" in name:
            chosen[name] = InspectTask(name=name, factory=name)
        else:
            raise UsageError(_unknown(name, list(known), list(by_group)))
    if judge is not None and not any(map(_is_file, chosen.values())):
        one = next(iter(chosen.values()))
        own = f"the {one.judge} judge" if isinstance(one, Benchmark) else "a scorer of its own"
        raise UsageError(f"--judge is for files of problems; {one.name} has {own}, which belongs to the benchmark")
    return list(chosen.values())


def _is_file(one: Named) -> bool:
    return isinstance(one, Benchmark) and one.name not in _found()


def _parts(names: str, known: set[str]) -> list[str]:
    """The parts of a comma list; a path may have commas, so the longest run of parts that is a file is one."""
    pieces = names.split(",")
    found: list[str] = []
    while pieces:
        lengths = range(len(pieces), 1, -1) if pieces[0].strip() not in known else range(0)
        length = next((n for n in lengths if Path(",".join(pieces[:n]).strip()).expanduser().is_file()), 1)
        found.append(",".join(pieces[:length]).strip())
        del pieces[:length]
    return found


def _unknown(name: str, known: list[str], by_group: list[str]) -> str:
    return (
        f"unknown task {name!r}{closest(name, [*known, *by_group])}; tasks: {', '.join(known)}; "
        f"groups: {', '.join(by_group)}; or a file of problems ({', '.join(SUFFIXES)})"
    )


def require_sources(infos: Sequence[Named], data_dir: str | None) -> None:
    """Refuse benchmarks whose data cannot be had, before anything slow is imported.

    Raises:
        EntminError: neither the Hub nor the cache has them; the message names each and how to get it.
    """
    missing = []
    for info in infos:
        try:
            if isinstance(info, Benchmark) and info.source is not None:
                require_source(info.name, info.source, data_dir)
        except EntminError as error:
            missing.append(str(error))
    if missing:
        raise cannot_run(missing, infos)


def cannot_run(missing: Sequence[str], infos: Sequence[Named]) -> EntminError:
    """The error that says of each benchmark that cannot run why it cannot."""
    return EntminError("\n  ".join(["some tasks cannot run:", *missing]) if len(infos) > 1 else missing[0])


def checked(info: Named, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a task.

    Raises:
        UsageError: an option the benchmark does not have, or one of the wrong type.
    """
    known, given = info.options(), dict(options)
    if "data_dir" not in known:
        given.pop("data_dir", None)
    if "sandbox" not in known:
        # A list of tasks shares its options, and only some of them run programs.
        given.pop("sandbox", None)
    for name, value in given.items():
        if name not in known:
            near = closest(name, list(known))
            raise UsageError(f"task {info.name!r} has no option {name}{near}; options: {', '.join(known)}")
        kind, _ = known[name]
        if not _fits(value, kind):
            raise UsageError(f"task {info.name!r}: {name} must be {_spelt(kind)}, not {value!r}")
    return given


def _fits(value: Any, kind: Any) -> bool:
    members = get_args(kind) or (kind,)
    if kind is Any or isinstance(value, bool):
        return kind is Any or bool in members
    return any(isinstance(value, m) for m in members if isinstance(m, type)) or (
        float in members and isinstance(value, int)
    )


def _spelt(kind: Any) -> str:
    return " or ".join(getattr(m, "__name__", str(m)) for m in get_args(kind) or (kind,) if m is not type(None))


def rules_of(info: Benchmark, options: Mapping[str, Any]) -> Rules:
    """How the programs of a code benchmark are judged, with options that `checked` has passed."""
    given = {name: options[name] for name in ("grader", "sandbox", "cpu_seconds") if name in options}
    return Rules(usual=info.limits, **given)


def judging_of(info: Benchmark) -> Judging:
    """What judges the programs of a code benchmark; a failure of one answer is that answer's verdict."""
    return lambda problem, completion, rules: guarded(partial(info.judging, problem, completion, rules), rules)


def problems(name: str, data_dir: str | None = None, options: Mapping[str, Any] | None = None) -> Loaded:
    """The problems of a benchmark, loaded once for its task, its scorer and its solver.

    Raises:
        EntminError: the data is missing or another one.
    """
    return _problems(name, data_dir or os.environ.get(ENVIRONMENT), json.dumps(dict(options or {}), sort_keys=True))


@cache
def _problems(name: str, data_dir: str | None, options: str) -> Loaded:
    return benchmark(name).load(data_dir, **json.loads(options))
