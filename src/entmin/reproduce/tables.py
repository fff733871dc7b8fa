"""The published tables as data: table2.yaml and table3.yaml beside this file. Accuracies are in percent."""

from __future__ import annotations

from importlib.resources import files

import yaml  # type: ignore[import-untyped]
from pydantic import BaseModel, ConfigDict

from entmin.errors import UsageError, closest

TABLES = ("table2", "table3")


class Column(BaseModel):
    """A benchmark as the table reports it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int
    """Problems behind a published number."""
    max_tokens: int | None = None
    options: dict[str, str] = {}
    """Options of the task."""


class PublishedRow(BaseModel):
    """One row for one model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    name: str
    mode: str
    config: str | None = None
    """Training configuration that makes the row's checkpoint; None where the model itself is decoded."""
    published: dict[str, float]


class PublishedTable(BaseModel):
    """A table of the paper."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: str
    source: str
    max_tokens: int
    columns: dict[str, Column]
    rows: tuple[PublishedRow, ...]

    @property
    def models(self) -> list[str]:
        """The models of the table, in order."""
        return list(dict.fromkeys(row.model for row in self.rows))


def load_table(name: str) -> PublishedTable:
    """A published table.

    Raises:
        UsageError: there is no such table.
    """
    if name not in TABLES:
        raise UsageError(f"no published table {name!r}{closest(name, TABLES)}; tables: {', '.join(TABLES)}")
    return PublishedTable.model_validate(yaml.safe_load(files("entmin.reproduce").joinpath(f"{name}.yaml").read_text()))


def choose_rows(table: PublishedTable, model: str, names: list[str], columns: list[str]) -> list[PublishedRow]:
    """The rows of a model, only the named ones, with only the named columns; empty lists mean all.

    Raises:
        UsageError: a name is unknown.
    """
    rows = [row for row in table.rows if row.model == model]
    known = [row.name for row in rows]
    for one in names:
        if one not in known:
            raise UsageError(
                f"{table.table} has no row {one!r} for {model}{closest(one, known)}; rows: {', '.join(known)}"
            )
    for one in columns:
        if one not in table.columns:
            listed = ", ".join(table.columns)
            raise UsageError(
                f"{table.table} has no column {one!r}{closest(one, list(table.columns))}; columns: {listed}"
            )
    wanted = columns or list(table.columns)
    return [
        row.model_copy(update={"published": {c: v for c, v in row.published.items() if c in wanted}})
        for row in rows
        if not names or row.name in names
    ]
