"""Puts measured tables into docs/performance.md, between markers, so that no number there is typed by hand."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "performance.md"


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
    page = PAGE.read_text()
    pattern = re.compile(rf"(<!-- {name} -->).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"{PAGE.name} has no section <!-- {name} --> ... <!-- /{name} -->")
    content = f"**{title}**\n\n{table}\n\n{caption}{picture}"
    PAGE.write_text(pattern.sub(lambda match: f"{match[1]}\n{content}\n{match[2]}", page))
