"""Help in groups, each hyper-parameter under its method; and words that name the nearest where one is misspelt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from entmin.errors import closest
from entmin.hyperparameters import Hyperparameters

GROUPS = {
    "What is run": (
        "task", "tasks", "judge", "mode", "methods", "rivals", "mde", "pilot", "frontier", "voting", "no_controls",
        "against", "with_base", "model", "published_model", "rows", "columns", "checkpoints", "limit", "epochs",
        "prompt", "data_dir", "grader", "task_args", "unsafe_no_sandbox",
        "shots", "system", "chat_template_kwargs", "reasoning_effort",
    ),
    "Sampling": ("temperature", "top_p", "top_k", "min_p", "seed", "max_tokens"),
    "Engine": (
        "engine", "base_url", "api_key", "vllm_args", "device", "dtype", "revision", "batch_size", "threads", "workers",
    ),
}  # fmt: skip
"""The options of each group, in the order of help; others come behind them."""
OTHER = "Output and others"


class Setting(click.Option):
    """A hyper-parameter, with the methods and strategies that have it."""

    def __init__(self, *names: Any, owners: Iterable[type[Hyperparameters]], **given: Any) -> None:
        """As click's, with the classes whose field it is."""
        super().__init__(*names, **given)
        self.owners = tuple(owners)

    def shown(self, ctx: click.Context) -> str:
        """Its name and what it takes; the spelling with underscores is not shown."""
        if self.secondary_opts:
            return f"{self.opts[0]} / {self.secondary_opts[0]}"
        return f"{self.opts[0]} {self.make_metavar(ctx)}"

    def meaning(self, owner: type[Hyperparameters]) -> str:
        """What it means in one of its classes."""
        words = " ".join(owner.meanings()[str(self.name)].replace("`", "").split())
        return f"{words}  [default: {owner.defaults()[str(self.name)]}]"


class Word(click.Choice[str]):
    """One of a few words; the error about a misspelt one names the nearest."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As click does, and the nearest word in its error."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            said = error.message.rstrip(".") + closest(str(value), map(str, self.choices))
            raise click.BadParameter(said, ctx, param) from None


class Verb(click.Command):
    """A verb whose help is in groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Groups in the order in which their first options are declared; settings of modes at the end."""
        owned: dict[type[Hyperparameters], list[tuple[str, str]]] = {}
        groups: dict[str, list[tuple[str, str]]] = {title: [] for title in (*GROUPS, OTHER)}
        for one in self.get_params(ctx):
            if isinstance(one, Setting):
                for owner in one.owners:
                    owned.setdefault(owner, []).append((one.shown(ctx), one.meaning(owner)))
            elif isinstance(one, click.Option) and (record := one.get_help_record(ctx)):
                groups[next((title for title in GROUPS if one.name in GROUPS[title]), OTHER)].append(record)
        for title, records in groups.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
        for owner, records in owned.items():
            with formatter.section(f"{owner.name} (or in --mode {owner.name}:{next(iter(owner.options()))}=...)"):
                formatter.write_text(owner.summary)
                formatter.write_dl(records)
