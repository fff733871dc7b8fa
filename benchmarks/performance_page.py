"""Shows measured tables, and puts them into pages of docs/, between markers: no number there is typed by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "performance.md"


def print_table(header: Sequence[str], rows: list[list[str]], title: str, caption: str | None = None) -> None:
    """Show the figures on standard output."""
    shown = Table(*header, title=title, title_justify="left", caption=caption)
    for row in rows:
        shown.add_row(*row)
    Console(width=170).print(shown)


def write_section(
    name: str, title: str, header: list[str], body: list[list[str]], caption: str, figure: Path | None = None
) -> None:
    """Replace what stands between ``<!-- name -->`` and ``<!-- /name -->``.

    Raises:
        ValueError: the page has no such markers.
    """
    cells = [header, ["---"] * len(header), *body]
    table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells)
    picture = f"\n\n![{title}]({figure.relative_to(DOCS).as_posix()})" if figure else ""
    replace_section(PAGE, name, f"**{title}**\n\n{table}\n\n{caption}{picture}")


def replace_section(page: Path, name: str, content: str) -> None:
    """Put other lines between two markers.

    Raises:
        ValueError: the page has no such markers.
    """
    text = page.read_text()
    pattern = re.compile(rf"(<!-- {name} -->).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"{page.name} has no section <!-- {name} --> ... <!-- /{name} -->")
    page.write_text(pattern.sub(lambda match: f"{match[1]}\n{content}\n{match[2]}", text))
