"""Collects what came of each row, prints the table, and writes it where `--reliability` says.

A plugin: ``pytest -p tests.faults.report -m fault --kills 50 --reliability docs/reliability.md``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.table import Fault, Outcome, of_page, replace, rows_of, written

TIMES = "times"
"""Name of the property in which a test says how often it did what its row says."""


def pytest_addoption(parser):
    group = parser.getgroup("faults")
    group.addoption("--kills", type=int, default=3, help="Kills of each verb.")
    group.addoption("--reliability", type=Path, help="Page whose table is replaced.")


class Collected:
    """The rows of this session."""

    def __init__(self) -> None:
        self.rows: dict = {}
        self.of_test: dict = {}
        self.found: dict[tuple[str, str], Outcome] = {}

    def pytest_collection_finish(self, session):
        self.rows = rows_of(session.items)
        self.of_test = {item.nodeid: list(rows_of([item])) for item in session.items}

    def pytest_runtest_logreport(self, report):
        if report.when != "call" and report.outcome == "passed":
            return
        for key in self.of_test.get(report.nodeid, []):
            times = dict(report.user_properties).get(TIMES, 1 if report.when == "call" else 0)
            result = {"passed": "held", "skipped": "not run here"}.get(report.outcome, "**failed**")
            before = self.found.get(key, Outcome(0, "held"))
            worst = result if before.result == "held" else before.result
            self.found[key] = Outcome(before.times + times, worst)

    def pytest_terminal_summary(self, terminalreporter, config):
        terminalreporter.write_line("")
        terminalreporter.write_line(written(self.rows, self.found))
        page = config.getoption("--reliability")
        if page is not None:
            page.write_text(replace(page.read_text(), self._with_others(page.read_text())))

    def _with_others(self, text: str) -> str:
        """The table with the rows of the page that this session did not choose to run."""
        for name, verb, done, holds, times, result in of_page(text):
            row = Fault(name, verb, done, holds)
            if row.key not in self.found:
                self.rows[row.key], self.found[row.key] = row, Outcome(int(times), result)
        return written(dict(sorted(self.rows.items())), self.found)


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    config.pluginmanager.register(Collected(), "collected-faults")
