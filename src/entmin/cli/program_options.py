"""Options of verbs that run programs a model wrote."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from entmin.cli.options import pairs, unsafe_option


def program_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Where the problems come from and what runs the programs."""
    for decorate in (
        unsafe_option,
        click.option("-T", "task_args", multiple=True, metavar="KEY=VALUE", help="Code: option of the task."),
        click.option("--data-dir", envvar="ENTMIN_DATA", help="Code: mirror folder of the data sets."),
    ):
        function = decorate(function)
    return function


def take_program_options(options: dict[str, Any]) -> dict[str, Any]:
    """The options given, as the task's factory calls them."""
    given: dict[str, Any] = dict(pairs(options["task_args"], "-T"))
    if options["data_dir"]:
        given["data_dir"] = options["data_dir"]
    if options["unsafe_no_sandbox"]:
        given["sandbox"] = "unsafe-none"
    return given
