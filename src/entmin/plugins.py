"""Third-party extensions: the one entry-point group ``entmin.plugins``.

Each entry point names a module; importing it calls `entmin.methods.register_method`,
`entmin.tasks.registry.register_task` or `entmin.train.rewards.register_reward`.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points


@cache
def load_plugins() -> None:
    """Import every installed plugin, once."""
    for plugin in entry_points(group="entmin.plugins"):
        plugin.load()
