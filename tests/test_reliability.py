"""docs/reliability.md: every row of its table has its test, every such test has its row, and none has failed."""

from __future__ import annotations

import importlib
from pathlib import Path

from tests.faults.table import HEAD, NOT_YET, OPEN, PAGE, Fault, Outcome, of_page, replace, written

TESTS = Path(__file__).parent


def rows_of_marks(marks):
    for mark in marks:
        if mark.name == "fault":
            yield mark.args[0]
        elif mark.name == "parametrize":
            for case in mark.args[1]:
                yield from rows_of_marks(getattr(case, "marks", ()))


def rows_tested():
    """The rows that the marks in the test files stand for, by key."""
    found = []
    for path in sorted(TESTS.rglob("test_*.py")):
        if "faults.table" in path.read_text() and path != Path(__file__):
            module = importlib.import_module(".".join(path.relative_to(TESTS.parent).with_suffix("").parts))
            for test in vars(module).values():
                found += rows_of_marks(getattr(test, "pytestmark", ()))
    assert len({row.key for row in found}) == len(found), "two tests stand for one row"
    return {row.key: row for row in found}


def test_every_row_has_its_test_and_every_test_its_row():
    cells = of_page(PAGE.read_text())
    known = rows_tested()
    assert {row[:2] for row in cells} == set(known)
    assert [row[:4] for row in cells if row[2:4] != (known[row[:2]].done, known[row[:2]].holds)] == []


def test_the_page_shows_runs_in_which_nothing_failed():
    cells = of_page(PAGE.read_text())
    assert [
        row for row in cells if (row[5], int(row[4]) > 0) not in (("held", True), (NOT_YET, False), (OPEN, False))
    ] == []
    assert {row[1] for row in cells if row[0] == "kill -9"} == {"eval", "compare", "settle", "train", "serve"}


def test_the_table_is_read_back_as_it_was_written():
    row = Fault("a", "eval", "this", "that")
    page = replace(PAGE.read_text(), written({row.key: row}, {row.key: Outcome(3, "held")}))
    assert of_page(page) == [("a", "eval", "this", "that", "3", "held")]
    assert HEAD in page
