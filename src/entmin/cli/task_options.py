"""Options of verbs that name benchmarks, and of those that run programs a model wrote."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from entmin.terminal import say

if TYPE_CHECKING:
    from entmin.tasks.registry import Named

JUDGE = "Who judges answers to a file of problems: math, choice, exact, physics or program."


def judge_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--judge``."""
    return click.option("--judge", help=JUDGE)(function)


def take_tasks(names: str, judge: str | None) -> list[Named]:
    """The benchmarks, groups and files that a comma list names; what the user should know of them is printed.

    Raises:
        UsageError: a name is unknown or a file cannot be read.
    """
    from entmin.tasks.registry import resolve

    found = resolve(names, judge)
    for notice in (notice for one in found for notice in one.notices):
        say(f"note: {notice}", err=True)
    return found
