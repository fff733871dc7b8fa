"""``entmin list``: what can be named on the command line."""

from __future__ import annotations

import json
from typing import Any

import click


@click.command("list")
@click.argument("what", type=click.Choice(["tasks", "methods", "models"]))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(what: str, as_json: bool) -> None:
    """List tasks (benchmarks and groups), methods (with options and defaults), or model aliases."""
    rows: list[dict[str, Any]] = {"tasks": _tasks, "methods": _methods, "models": _models}[what]()
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        click.echo(f"{row['name']:<{width}}  {row['summary']}")
        for line in row.get("details", []):
            click.echo(f"{'':<{width}}  {line}")


def _tasks() -> list[dict[str, Any]]:
    from entmin.evals.registry import groups, tasks

    rows: list[dict[str, Any]] = [{"name": info.name, "summary": info.summary} for info in tasks().values()]
    return rows + [{"name": name, "summary": f"group: {', '.join(names)}"} for name, names in groups().items()]


def _methods() -> list[dict[str, Any]]:
    from entmin.methods import METHODS, method_names

    rows = []
    for name in method_names():
        cls = METHODS[name]
        defaults = {option: cls.__dataclass_fields__[option].default for option in cls.options()}
        details = [", ".join(f"{option}={value}" for option, value in defaults.items())] if defaults else []
        if cls.presets:
            details.append(f"presets: {', '.join(cls.presets)}")
        rows.append({"name": name, "summary": cls.summary, "options": defaults, "details": details})
    return rows


def _models() -> list[dict[str, Any]]:
    from entmin.engine.aliases import ALIASES

    return [{"name": name, "summary": alias.about} for name, alias in ALIASES.items()]
