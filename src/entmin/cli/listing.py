"""``entmin list``: what can be named on the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from entmin.cli.grouped import Word
from entmin.terminal import say, say_beside

if TYPE_CHECKING:
    from entmin.hyperparameters import Hyperparameters


@click.command("list")
@click.argument("what", type=Word(["tasks", "methods", "models"]))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(what: str, as_json: bool) -> None:
    """List tasks (benchmarks and groups), methods and strategies (with options and defaults), or models.

    Models are the aliases, which every verb takes, and those whose sizes `entmin estimate` knows without a network.
    """
    rows: list[dict[str, Any]] = {"tasks": _tasks, "methods": _methods, "models": _models}[what]()
    if as_json:
        say(json.dumps(rows, indent=2))
        return
    width = max(len(row["name"]) for row in rows) + 1
    for row in rows:
        say_beside(row["name"], row["summary"], width)
        for line in row.get("details", []):
            say_beside("", line, width)


def _tasks() -> list[dict[str, Any]]:
    from entmin.extras import require

    require("eval", "entmin list tasks")
    from entmin.tasks.registry import groups, tasks

    rows: list[dict[str, Any]] = [{"name": info.name, "summary": info.summary} for info in tasks().values()]
    return rows + [{"name": name, "summary": f"group: {', '.join(names)}"} for name, names in groups().items()]


def _methods() -> list[dict[str, Any]]:
    from entmin.methods import METHODS, method_names
    from entmin.strategies import STRATEGIES

    found = [_described(METHODS[name], "method") for name in method_names()]
    return found + [_described(cls, "strategy") for cls in STRATEGIES.values()]


def _described(cls: type[Hyperparameters], kind: str) -> dict[str, Any]:
    defaults, meanings = cls.defaults(), cls.meanings()
    details = [f"{option}={value}: {meanings.get(option, '')}" for option, value in defaults.items()]
    details += [f"{option}: {', '.join(words)}" for option, words in cls.choices.items()]
    if cls.presets:
        details.append(f"presets: {', '.join(cls.presets)}")
    if kind == "strategy":
        details.append(f"with a method: em_inf+{cls.name}")
    return {"name": cls.name, "kind": kind, "summary": cls.summary, "options": defaults, "details": details}


def _models() -> list[dict[str, Any]]:
    from entmin.engine.aliases import ALIASES
    from entmin.estimates.known import known_models

    aliases = [{"name": name, "kind": "alias", "summary": alias.about} for name, alias in ALIASES.items()]
    return aliases + [
        {"name": name, "kind": "known", "summary": f"{sizes.parameters / 1e9:.3g}B weights, known to entmin estimate"}
        for name, sizes in known_models().items()
        if name not in ALIASES
    ]
