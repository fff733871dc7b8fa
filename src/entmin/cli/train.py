"""``entmin train``: one training run."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from entmin.cli.grouped import Word
from entmin.terminal import say
from entmin.train.config import METHODS, TrainConfig
from entmin.train.reading import parse_settings
from entmin.train.rewards import reward_summaries

OFFERED = (
    "engine", "data", "output", "max_steps", "reward", "advantage", "reduction", "learning_rate", "batch_size", "n",
    "max_tokens", "static", "lora", "seed", "save_every", "eval_every", "eval_limit", "eval_samples", "rollouts",
    "vllm_url", "report", "push_to_hub",
)  # fmt: skip
"""Settings with an option of their own; `--set` takes all of them."""


def _offered(function: Callable[..., None]) -> Callable[..., None]:
    for name in reversed(OFFERED):
        names = [f"--{name.replace('_', '-')}", *(["--lr"] if name == "learning_rate" else []), name]
        function = click.option(*names, **_option(name, TrainConfig.model_fields[name]))(function)
    return function


def _option(name: str, field: FieldInfo) -> dict[str, Any]:
    """What click needs to know of a setting; its value is read as that of `--set` and checked by `TrainConfig`."""
    text = " ".join((field.description or "").replace("`", "").split())
    if field.annotation is bool:
        return {"is_flag": True, "default": None, "help": text}
    shown = ",".join(field.default) if isinstance(field.default, tuple) else field.default
    given = field.default is None or field.default_factory is not None
    options: dict[str, Any] = {"help": text if given else f"{text} [default: {shown}]"}
    parts = get_args(field.annotation) or (field.annotation,)
    if name == "reward" or get_origin(field.annotation) is Literal:
        return options | {"type": Word(list(reward_summaries()) if name == "reward" else parts)}
    first = getattr(parts[0], "__origin__", parts[0])  # without its range
    return options | {"metavar": {int: "INTEGER", float: "FLOAT"}.get(first, "TEXT")}


@click.command("train")
@click.argument("method", type=Word(list(METHODS)))
@click.argument("model")
@_offered
@click.option("--config", "file", type=click.Path(dir_okay=False), help="YAML, TOML or JSON file of settings.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any setting, repeatable; wins over all.")
@click.option("--dry-run", is_flag=True, help="Show settings, memory and work, and the command; train nothing.")
@click.option(
    "--gpus",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="GPUs that --dry-run plans for; with --engine verl, those of each machine.",
)
@click.option("--nodes", type=click.IntRange(min=1), default=1, show_default=True, help="Machines, with --engine verl.")
@click.option("--resume", is_flag=True, help="Go on from the newest checkpoint in the output folder.")
def command(
    method: str, model: str, file: str | None, settings: tuple[str, ...], resume: bool, dry_run: bool, gpus: int,
    nodes: int, **given: Any,
) -> None:  # fmt: skip
    """Train MODEL with METHOD.

    METHOD is em-ft (minimise token entropy on the model's own samples), em-rl (reinforce its own certainty), or a
    baseline with labels: sft, rloo, grpo. MODEL is an alias (`entmin list models`), a local folder or a Hub id.

    Settings come from --config, then from options, then from --set. docs/training.md lists all of them.
    """
    chosen = {name: value for name, value in given.items() if value is not None} | parse_settings(settings)
    from entmin.api.train import train

    if dry_run:
        say(train(method, model, config=file, dry_run=True, gpus=gpus, nodes=nodes, **chosen))
        return
    done = train(method, model, config=file, resume=resume, gpus=gpus, nodes=nodes, **chosen)
    if not int(os.environ.get("RANK", "0")):
        report = done.folder / "report.html"
        shown = "card and report.html" if report.exists() else f"(`entmin report {done.folder}` shows them)"
        say(f"trained model, curves{',' if report.exists() else ''} {shown}: {done.folder}")
