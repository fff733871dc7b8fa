"""What a notebook shows of a result: HTML without scripts or style sheets, every text escaped."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from html import escape

from entmin.report.page.document import Answer, Chart, Page, Token
from entmin.report.page.render import FULL_SHADE, own_ids
from entmin.report.table import Table
from entmin.terminal import printable

_FIGURE = "display:inline-block;vertical-align:top;width:30rem;max-width:100%;margin:0 1rem .5rem 0"
_SHADE = "rgba(222,135,35,{:.2f})"
_MOST_CHARTS = 2


def page_cell(page: Page) -> str:
    """The finding, its first figures and its first tables."""
    figures = "".join(map(chart_cell, page.charts[:_MOST_CHARTS]))
    return f"<div><p><strong>{_text(page.verdict)}</strong></p>{figures}{tables_cell(page.tables[:2])}</div>"


def tables_cell(tables: Sequence[Table]) -> str:
    """Tables, one below the other."""
    return "".join(map(_table, tables))


def chart_cell(chart: Chart) -> str:
    """A figure in the colour of the text around it."""
    mark = int(sha256(chart.svg.encode()).hexdigest()[:8], 16)
    drawn = (
        f'<div style="fill:currentColor" role="img" aria-label="{_text(chart.title)}">{own_ids(chart.svg, mark)}</div>'
    )
    caption = f"<figcaption><small><b>{_text(chart.title)}.</b> {_text(chart.caption)}</small></figcaption>"
    return f'<figure style="{_FIGURE}">{drawn}{caption}</figure>'


def answer_cell(answer: Answer, caption: str) -> str:
    """An answer whose tokens are shaded by the model's own entropy; what was likely there is under the pointer."""
    shown = "".join(map(_token, answer.tokens))
    return (
        f"<div><p><b>{_text(answer.arm)}</b> <small>{_text(caption)}</small></p>"
        f'<p dir="auto" style="white-space:pre-wrap;overflow-wrap:anywhere">{shown}</p></div>'
    )


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{_text(column)}</th>' for column in table.columns)
    rows = "".join(
        f'<tr><th scope="row" style="text-align:left">{_text(row[0])}</th>'
        + "".join(f"<td>{_text(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in table.rows
    )
    small = f"<br><small>{_text(table.caption)}</small>" if table.caption else ""
    caption = f'<caption style="text-align:left"><b>{_text(table.title)}</b>{small}</caption>'
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _token(token: Token) -> str:
    if token.before is None:
        return _text(token.text)
    told = [f"entropy {token.before:.2f} nats" + ("" if token.after is None else f", drawn at {token.after:.2f}")]
    told += [f"{100 * one.probability:5.1f} %  {one.text!r}" for one in token.alternatives]
    shade = _SHADE.format(0.6 * min(1.0, token.before / FULL_SHADE))
    return f'<span style="background:{shade}" title="{_text(chr(10).join(told))}">{_text(token.text)}</span>'


def _text(text: str) -> str:
    return escape(printable(text))
