"""A table of texts: what the terminal, the page and the exports show; and the two tables of a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from entmin.report.drawing import folded
from entmin.report.words import difference_cells, percent_cell
from entmin.terminal import console

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.table import Table as Shown

    from entmin.report.compare import ComparedArm

_GAP = 2
"""Columns between columns."""
_POINTS = "Differences in points of accuracy; intervals for each alone, p-values for all together."
_TOOK = (
    "Entropy in nats per token, of the model's own distribution and of the one drawn from. Cut: at the token limit. "
    "None: no answer was found."
)
_LABEL = 20
"""Columns that a long label keeps at least before other columns go into a block of their own."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose cells are texts; the first column names the row."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Shown | str]:
        """For the terminal: as many blocks as its width asks for, so that no number is ever cut."""
        label, blocks = _fit(self, options.max_width)
        for number, block in enumerate(blocks):
            if number:
                yield ""
            yield _block(self, label, block, "" if number else self.title)


def _fit(table: Table, width: int) -> tuple[int, list[list[int]]]:
    """The width of the labels, and the other columns of each block."""
    columns = list(zip(table.columns, *table.rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    widest = max(widths[1:], default=0) + _GAP
    room = width - sum(size + _GAP for size in widths[1:])
    label = widths[0] if widths[0] <= room else max(room, min(widths[0], _LABEL, max(6, width - widest)))
    blocks, used = [], width
    for i, size in enumerate(widths[1:], 1):
        if used + _GAP + size > width:
            blocks.append([0])
            used = label
        blocks[-1].append(i)
        used += _GAP + size
    return label, blocks or [[0]]


def _block(table: Table, label: int, columns: Sequence[int], title: str) -> Shown:
    from rich import box
    from rich.table import Table as Shown
    from rich.text import Text

    shown = Shown(
        title=Text(title) if title else None, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False,
        pad_edge=False, collapse_padding=True,
    )  # fmt: skip
    for i in columns:
        shown.add_column(Text(table.columns[i]), justify="right" if i else "left", no_wrap=True, overflow="fold")
    for row in table.rows:
        shown.add_row(*(Text(folded(row[i], label) if i == 0 else row[i]) for i in columns))
    return shown


def print_tables(tables: Sequence[Table]) -> None:
    """Print tables to standard output; elsewhere than on a terminal they are as wide as they need."""
    shown = console()
    for table in tables:
        (shown if shown.is_terminal else console(width=200)).print(table, "")


def render(rows: Sequence[ComparedArm], title: str) -> list[Table]:
    """The tables of a comparison, each at most 80 columns wide where labels are short.

    What was found comes first: accuracy, difference, p. What it took comes second: problems, tokens, entropy, speed.
    """
    labels = labels_of(rows)
    several = any(row.difference is not None for row in rows)
    found = ("accuracy % [95 %]", *(("difference [95 %]", "p (Holm)") if several else ("n",)))
    spent = _spent_columns(rows)
    took = (*(("n", "won/lost") if several else ()), *spent, "entropy", "tok/s", "cut %", "none %", *_doubt(rows))
    cells = [(label, *_found(row, several)) for label, row in zip(labels, rows, strict=True)]
    more = [(label, *_took(row, took)) for label, row in zip(labels, rows, strict=True)]
    return [
        Table(title, ("method", *found), tuple(cells), _POINTS if several else ""),
        Table("What it took", ("method", *took), tuple(more), _TOOK),
    ]


def labels_of(rows: Sequence[ComparedArm]) -> list[str]:
    """The arms' labels, with their tasks where there are several."""
    several = len({one.task for one in rows}) > 1
    return [f"{row.task}: {row.label}" if several else row.label for row in rows]


def _spent_columns(rows: Sequence[ComparedArm]) -> tuple[str, ...]:
    """What an answer cost. Where some take several calls: how many, and the tokens read, which then differ too."""
    several = any(row.cost.calls > 1 for row in rows)
    return ("calls", "tokens in", "tokens out") if several else ("tokens",)


def _doubt(rows: Sequence[ComparedArm]) -> tuple[str, ...]:
    return ("not judged",) if any(row.not_judged for row in rows) else ()


def size_cell(row: ComparedArm) -> str:
    """Problems judged, times samples of each."""
    return f"{row.accuracy.n}" if row.samples == row.problems else f"{row.accuracy.n}x{row.samples // row.problems}"


def _found(row: ComparedArm, several: bool) -> tuple[str, ...]:
    shown = percent_cell(row.accuracy)
    return (shown, *difference_cells(row.difference, row.p_holm)) if several else (shown, size_cell(row))


def _took(row: ComparedArm, columns: Sequence[str]) -> tuple[str, ...]:
    d, written = row.difference, f"{row.cost.output_tokens:.0f}"
    cells = {
        "n": size_cell(row),
        "won/lost": "" if d is None else f"{d.gained}/{d.lost}",
        "calls": f"{row.cost.calls:.3g}",
        "tokens in": f"{row.cost.input_tokens:.0f}",
        "tokens out": written,
        "tokens": written,
        "entropy": "–" if row.entropy_before is None else f"{row.entropy_before:.2f}→{row.entropy_after:.2f}",
        "tok/s": "" if row.tokens_per_second is None else f"{row.tokens_per_second:.0f}",
        "cut %": f"{100 * row.truncated:.0f}",
        "none %": f"{100 * row.unanswered:.0f}",
        "not judged": str(row.not_judged),
    }
    return tuple(cells[name] for name in columns)
