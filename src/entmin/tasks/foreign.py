"""Any Inspect task, with its own prompts and scorer, to be run by its name.

A name is a place in a file, ``path/to/file.py@name``, a name of Inspect's registry, ``package/name``, or that of a
function, ``module:function``.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from pkgutil import resolve_name
from types import CodeType
from typing import TYPE_CHECKING, Any, cast

from entmin.blame import blamed
from entmin.errors import EntminError, UsageError, first_line
from entmin.tasks.benchmark import Options, parameters

if TYPE_CHECKING:
    from inspect_ai import Task

Factory = Callable[..., "Task"]


@dataclass(frozen=True, kw_only=True, eq=False)
class InspectTask:
    """Somebody else's Inspect task."""

    name: str
    factory: str
    """The name of the function that makes it, in one of the three forms."""
    summary: str = "an Inspect task"
    groups: tuple[str, ...] = ()
    place: int = 1000
    max_tokens: int = 4096
    notices: tuple[str, ...] = ()

    def options(self) -> Options:
        """The parameters of the function.

        Raises:
            UsageError: it cannot be imported.
        """
        return parameters(load(self.factory))

    def task(self, **options: Any) -> Task:
        """The Inspect task.

        Raises:
            EntminError: its function fails, or makes something else.
        """
        from inspect_ai import Task

        make = load(self.factory)
        try:
            made = make(**options)
        except EntminError:
            raise
        except Exception as error:  # the function of somebody else
            said = blamed(error) or f"{type(error).__name__}: {first_line(error)}"
            raise EntminError(f"task {self.name!r} cannot be made: {said}") from error
        if not isinstance(made, Task):
            raise UsageError(f"task {self.name!r}: {self.factory} makes a {type(made).__name__}, and no Inspect task")
        return made


def is_foreign(name: str) -> bool:
    """Whether a name is of one of the first two forms."""
    return name.partition("@")[0].endswith(".py") or bool(re.fullmatch(r"[\w.-]+/[\w.-]+", name))


def short(name: str) -> str:
    """A name for results and tables: ``file@name`` or ``package__name``."""
    place, at, task = name.partition("@")
    return Path(place).stem + at + task if place.endswith(".py") else name.replace("/", "__")


def load(name: str) -> Factory:
    """The function that makes the task. A file is run, as Inspect would run it.

    Raises:
        UsageError: there is no such file or task; the message lists those there are.
    """
    place, _, task = name.partition("@")
    if place.endswith(".py"):
        return _in_file(Path(place), task)
    if is_foreign(name):
        return _installed(name)
    try:
        return cast(Factory, resolve_name(name))
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"task {name!r} cannot be imported ({error})") from error


class _AsItIsNow(SourceFileLoader):
    """Compiles a file at every import: what Python keeps of one knows its age in whole seconds; an edit is quicker."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _in_file(path: Path, wanted: str) -> Factory:
    if not path.is_file():
        raise UsageError(f"task {str(path)!r}: there is no such file")
    name = f"entmin_task_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_AsItIsNow(name, str(path)))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the file of somebody else
        raise UsageError(f"task file {path} cannot be imported: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(path.parent.resolve()))
    found: dict[str, Factory] = {
        name: one for name, one in vars(module).items() if _is_task(one) and one.__module__ == spec.name
    }
    if not wanted and len(found) == 1:
        return next(iter(found.values()))
    if wanted not in found:
        said = f"has no task {wanted!r}" if wanted else "has several tasks; say which"
        raise UsageError(f"{path} {said}: {', '.join(f'{path}@{name}' for name in found) or 'it has no @task at all'}")
    return found[wanted]


def _is_task(one: object) -> bool:
    from inspect_ai._util.registry import is_registry_object, registry_info

    return callable(one) and is_registry_object(one) and registry_info(one).type == "task"


def _installed(name: str) -> Factory:
    from inspect_ai._util.entrypoints import ensure_entry_points
    from inspect_ai._util.registry import registry_find, registry_lookup

    ensure_entry_points(name.partition("/")[0])
    found = registry_lookup("task", name)
    if found is None:
        package = name.partition("/")[0]
        known = registry_find(lambda info: info.type == "task" and info.name.startswith(f"{package}/"))
        there = ", ".join(sorted(registry_name(one) for one in known)) or f"no package {package!r} with Inspect tasks"
        raise UsageError(f"unknown task {name!r}; installed: {there}")
    return cast(Factory, found)


def registry_name(one: object) -> str:
    """The name of an object in Inspect's registry."""
    from inspect_ai._util.registry import registry_info

    return str(registry_info(one).name)
