"""The report as one self-contained HTML file: no network, light and dark, phone and print.

    document.py  what a page shows, as plain values
    charts.py    matplotlib figures as inline SVG that follows the page's colours
    exports.py   a table as CSV, Markdown and LaTeX
    render.py    values to HTML: Jinja2 with autoescape, a strict Content-Security-Policy
    template.html.j2, style.css, script.js

Whatever a model wrote is hostile HTML here. It only ever reaches the page through autoescape, and the policy lets no
script run but the page's own, whose hash it names.
"""

from entmin.report.page.document import Alternative, Answer, Chart, Flip, Page, Token
from entmin.report.page.render import render, write
from entmin.report.table import Table

__all__ = ["Alternative", "Answer", "Chart", "Flip", "Page", "Table", "Token", "render", "write"]
