"""Third-party extensions: the one entry-point group ``entmin.plugins``.

Each entry point names a module. Importing it calls `entmin.methods.register_method` or
`entmin.train.rewards.register_reward`, and every `Benchmark` in it is a task (`entmin.tasks.registry`).

A plugin that cannot be imported is reported as its author's fault and left out; the rest of entmin works.
"""

from __future__ import annotations

import traceback
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from entmin.errors import first_line
from entmin.terminal import say


@cache
def load_plugins() -> tuple[Any, ...]:
    """Import every installed plugin, once; a warning on standard error names each one that fails.

    Returns:
        What the entry points of the others name: modules, as a rule.
    """
    found = []
    for plugin in entry_points(group="entmin.plugins"):
        try:
            found.append(plugin.load())
        except (Exception, SystemExit) as error:
            say(f"warning: {_title(plugin)} could not be loaded and is left out: {_cause(error)}", err=True)
    return tuple(found)


def _title(plugin: EntryPoint) -> str:
    package = f"{plugin.dist.name} {plugin.dist.version}" if plugin.dist else "an unknown package"
    return f"plugin {plugin.name!r} of {package} ({plugin.value})"


def _cause(error: BaseException) -> str:
    """The error, and the line of the plugin that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    place = next((f", {f.filename}:{f.lineno}" for f in reversed(frames) if "importlib" not in f.filename), "")
    return f"{type(error).__name__}: {first_line(error)}{place}"
