"""A table as CSV, Markdown and LaTeX."""

from __future__ import annotations

import csv
import io

from entmin.report.table import Table

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "→": r"$\to$", "–": "--", "±": r"$\pm$",
}  # fmt: skip


def as_csv(table: Table) -> str:
    """RFC 4180; a cell that a spreadsheet would take for a formula is quoted with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(table.columns)
    writer.writerows([_no_formula(cell) for cell in row] for row in table.rows)
    return out.getvalue()


def _no_formula(cell: str) -> str:
    number = cell.strip().lstrip("+-").replace(".", "", 1).isdigit()
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") and not number else cell


def as_markdown(table: Table) -> str:
    """A pipe table."""
    rows = [table.columns, tuple("---" for _ in table.columns), *table.rows]
    escaped = [[cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in escaped)


def as_latex(table: Table) -> str:
    """A tabular with booktabs rules."""
    lines = [rf"\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}", r"\toprule"]
    lines += [_latex_row(table.columns), r"\midrule", *map(_latex_row, table.rows), r"\bottomrule", r"\end{tabular}"]
    return "\n".join(lines) + "\n"


def _latex_row(cells: tuple[str, ...]) -> str:
    return " & ".join("".join(_LATEX.get(c, c) for c in cell.replace("\n", " ")) for cell in cells) + r" \\"
