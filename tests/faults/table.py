"""One fault, one row: what is done to which verb and what must hold, beside the test that does it.

`make faults` runs all of them, prints the table and writes it into docs/reliability.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- written by `make faults` -->\n", "<!-- end -->\n"
HEAD = "| fault | verb | what is done | what must hold | times | result |\n|---|---|---|---|---|---|\n"

NOT_YET, OPEN = "not run yet", "open"
"""Results of a row whose test has not been run since it was added or mended, and of one that is known to fail; `make
faults` writes neither, a person does."""


@dataclass(frozen=True)
class Fault:
    """A row of the table, without what came of it."""

    name: str
    verb: str
    done: str
    holds: str

    @property
    def key(self) -> tuple[str, str]:
        """What tells rows apart."""
        return self.name, self.verb


def marks(row: Fault, *, quick: bool = False) -> list[pytest.MarkDecorator]:
    """The marks of a test, or of one of its parameters, that stands for a row.

    Args:
        row: which.
        quick: whether the test belongs to the default run too.
    """
    return [pytest.mark.fault(row), *([] if quick else [pytest.mark.faults])]


def fault(
    name: str, verb: str, done: str, holds: str, *, quick: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A test as a row of the table: what goes wrong, with which verb, what the test does, what must hold afterwards."""

    def marked(test: Callable[..., None]) -> Callable[..., None]:
        for mark in marks(Fault(name, verb, done, holds), quick=quick):
            test = mark(test)
        return test

    return marked


def rows_of(items: list[pytest.Item]) -> dict[tuple[str, str], Fault]:
    """The rows that collected tests stand for."""
    return {row.key: row for item in items for mark in item.iter_markers("fault") for row in mark.args}


@dataclass
class Outcome:
    """What came of a row."""

    times: int
    result: str


def written(rows: dict[tuple[str, str], Fault], found: dict[tuple[str, str], Outcome]) -> str:
    """The table as Markdown."""
    lines = [
        f"| {row.name} | {row.verb} | {row.done} | {row.holds} | {outcome.times} | {outcome.result} |\n"
        for key, row in rows.items()
        if (outcome := found.get(key))
    ]
    return HEAD + "".join(lines)


def replace(page: str, table: str) -> str:
    """The page with another table."""
    before, rest = page.split(BEGIN)
    return before + BEGIN + table + END + rest.split(END)[1]


def of_page(page: str) -> list[tuple[str, ...]]:
    """The cells of each row of the page's table."""
    table = page.split(BEGIN)[1].split(END)[0].removeprefix(HEAD)
    return [tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]) for line in table.splitlines()]
