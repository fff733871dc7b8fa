"""One or several training runs as a report page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from entmin.report.page.charts import curves
from entmin.report.page.document import MOST_PROBLEMS, Answer, Chart, Flip, Page, Token, Tone
from entmin.report.training import HeldOutStep, answers, held_out_steps, held_out_table, record_of, training_finding
from entmin.report.training_figure import WATCH, alarm_words, alarms, panels


def training_page(runs: Mapping[str, Path]) -> Page:
    """The page of training runs.

    Args:
        runs: title to output folder, as `entmin train` leaves it.
    """
    found = held_out_steps(runs)
    said = [training_finding(title, folder, found) for title, folder in runs.items()]
    last = found[-1] if len(runs) == 1 and len(found) > 1 else None
    return Page(
        f"Training: {', '.join(runs)}",
        said[0] if len(said) == 1 else f"{len(said)} training runs. {said[0]}",
        _tone(last),
        tuple([*said[1:], *_warnings(runs)]),
        tuple(_charts(runs)),
        (held_out_table(found),) if found else (),
        _changed(last) if last else (),
        tuple(_facts(runs)),
    )


def _tone(last: HeldOutStep | None) -> Tone:
    if last is None or last.difference is None or not last.p_holm < 0.05:
        return "plain"
    return "better" if last.difference.difference > 0 else "not-better"


def _warnings(runs: Mapping[str, Path]) -> list[str]:
    said = []
    for title, folder in runs.items():
        if (folder / WATCH).exists():
            for alarm in json.loads((folder / WATCH).read_text())["alarms"]:
                said.append(f"{title}, step {alarm['step']}: {alarm['message']}.")
    return said


def _charts(runs: Mapping[str, Path]) -> list[Chart]:
    fired = {title: alarms(folder) for title, folder in runs.items()}
    steps = [step for one in fired.values() for step, _ in one]
    words = alarm_words(fired)
    charts = []
    for panel in panels(runs):
        title = panel.name[:1].upper() + panel.name[1:]
        unit = panel.name.rpartition(", ")[2]
        charts.append(curves(panel.series, title, ("step", unit), words, panel.floor, steps))
    return charts


def _changed(last: HeldOutStep) -> tuple[Flip, ...]:
    """Held-out problems whose greedy answer became right, or ceased to be."""
    before, after = (
        {row["id"]: row for row in answers(last.folder, step) if row["sample"] == "greedy"} for step in (0, last.step)
    )
    changed = [one for one in before if one in after and before[one]["correct"] != after[one]["correct"]]
    names = ("greedy, untrained", f"greedy, step {last.step}")
    return tuple(
        Flip(
            str(one), "", "",
            tuple(
                Answer(name, rows[one]["correct"], (Token(rows[one]["text"], None, None),))
                for name, rows in zip(names, (before, after), strict=True)
            ),
        )
        for one in changed[:MOST_PROBLEMS]
    )  # fmt: skip


def _facts(runs: Mapping[str, Path]) -> Sequence[tuple[str, str]]:
    records = {title: record_of(folder) for title, folder in runs.items()}
    found = []
    for name in dict.fromkeys(name for record in records.values() for name in record):
        values = {title: str(record.get(name)) for title, record in records.items()}
        if len(set(values.values())) == 1:
            found.append((name, next(iter(values.values()))))
        else:
            found += [(f"{name} of {title}", value) for title, value in values.items()]
    return found
