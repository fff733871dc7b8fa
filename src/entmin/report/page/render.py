"""A page's values to HTML."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment
from markupsafe import Markup

from entmin.durable import make_folder, write_whole
from entmin.errors import EntminError
from entmin.report.page.document import Flip, Page, Token
from entmin.report.page.exports import as_csv, as_latex, as_markdown
from entmin.report.table import Table
from entmin.terminal import printable

SHADES = 10
"""Steps of shading; the last is for everything from `FULL_SHADE` on."""
FULL_SHADE = 3.0
"""Entropy in nats at which a token's shade is full."""
_FORMATS: tuple[tuple[str, str, Callable[[Table], str]], ...] = (
    ("CSV", "text/csv", as_csv),
    ("Markdown", "text/markdown", as_markdown),
    ("LaTeX", "application/x-tex", as_latex),
)


def render(*pages: Page) -> str:
    """The pages as one HTML document that asks for nothing outside itself."""
    style, script = _resource("style.css"), _resource("script.js")
    return (
        _environment()
        .from_string(_resource("template.html.j2"))
        .render(
            pages=pages,
            policy=policy(style, script),
            style=Markup(style),  # noqa: S704 - our own files
            script=Markup(script),  # noqa: S704 - our own files
        )
    )


def write(pages: Sequence[Page], path: Path) -> None:
    """Write pages to one file; an interrupted write leaves what was there.

    Raises:
        EntminError: the file cannot be written.
    """
    try:
        make_folder(path.parent)
        write_whole(path, render(*pages))
    except OSError as error:
        raise EntminError(f"cannot write the report to {path}: {error}; free space or name another file") from error


def _shown(value: object) -> object:
    """What would hide or reorder the text around it is shown by its escape."""
    return value if isinstance(value, Markup) else printable(str(value))


def policy(style: str, script: str) -> str:
    """The Content-Security-Policy: nothing from anywhere, and of inline code only these two."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_source_hash(style)}'",
            f"script-src '{_source_hash(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _source_hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _resource(name: str) -> str:
    return files("entmin.report.page").joinpath(name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, finalize=_shown)
    environment.filters.update(shade=_shade, downloads=_downloads, svg=own_ids, shaded=_shaded)
    return environment


def own_ids(text: str, *place: int) -> Markup:
    """The figure with ids of its own, so that one figure's clip paths do not cut another's lines."""
    mark = "c" + "-".join(map(str, place)) + "-"
    ours = re.sub(r'(\bid="|url\(#|xlink:href="#)', rf"\g<1>{mark}", text)
    return Markup(ours)  # noqa: S704 - made by charts.py, whose texts matplotlib escapes


def _shaded(flips: Sequence[Flip]) -> bool:
    """Whether any token's entropy is known."""
    return any(token.before is not None for flip in flips for answer in flip.answers for token in answer.tokens)


def _shade(token: Token) -> str:
    """CSS classes for the entropies before and after."""
    levels = ((kind, value) for kind, value in (("b", token.before), ("a", token.after)) if value is not None)
    return " ".join(f"{kind}{min(SHADES, int(SHADES * value / FULL_SHADE))}" for kind, value in levels)


def _downloads(table: Table) -> list[tuple[str, str, str]]:
    """(format, file name, data URL) of a table."""
    stem = "".join(c if c.isalnum() else "-" for c in table.title.lower()).strip("-") or "table"
    endings = {"CSV": "csv", "Markdown": "md", "LaTeX": "tex"}
    return [
        (name, f"{stem}.{endings[name]}", f"data:{kind};charset=utf-8,{quote(printable(make(table)), safe='')}")
        for name, kind, make in _FORMATS
    ]
