"""What `entmin grade` and `entmin check` do for code benchmarks."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from inspect import signature
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from entmin.errors import UsageError

if TYPE_CHECKING:
    from entmin.cli.grade import Tally
    from entmin.programs.checks import CodeReport
    from entmin.programs.judge import Rules

CODE_TASKS = ("humaneval", "mbpp", "leetcode", "livecodebench", "scicode")
_RULES = ("grader", "sandbox", "cpu_seconds")
_PROMPTS = ("prompt", "seed", "data_dir", "background")


def rules_of(task: str, options: Mapping[str, Any]) -> tuple[Rules, dict[str, Any]]:
    """The rules that options name, and what is left of them: the data's own options.

    Raises:
        UsageError: the benchmark has no such option.
    """
    from entmin.programs.judge import Rules
    from entmin.tasks.registry import tasks

    known = signature(tasks()[task].load()).parameters
    unknown = [name for name in options if name not in known]
    if unknown:
        raise UsageError(f"{task} has no option {', '.join(unknown)}; it has {', '.join(known)}")
    given = {name: options[name] for name in _RULES if options.get(name) is not None}
    if "cpu_seconds" in given:
        given["cpu_seconds"] = int(given["cpu_seconds"])
    source = {name: value for name, value in options.items() if name not in (*_RULES, *_PROMPTS)}
    return Rules(task, **given), source


def grade_programs(
    task: str, file: Path, out: IO[str], done: set[str], tally: Tally, workers: int | None, options: Mapping[str, Any]
) -> None:
    """Judge the rows that are not done yet and append each verdict as it comes."""
    from entmin.programs.files import judge_rows, predictions
    from entmin.programs.problems import problems

    rules, source = rules_of(task, options)
    rules.open()
    found = problems(task, options.get("data_dir"), source)
    rows = (row for row in predictions(file, found) if _fresh(row[0], done))
    for identifier, judged in judge_rows(rows, found, rules, workers or os.cpu_count() or 1):
        written = {"id": identifier, **judged.to_dict(), "ran": tally.grader}
        out.write(json.dumps(written, ensure_ascii=False) + "\n")
        out.flush()
        tally.add(written)
        tally.graded_now += 1


def _fresh(identifier: Any, done: set[str]) -> bool:
    key = json.dumps(identifier, sort_keys=True)
    if key in done:
        return False
    done.add(key)
    return True


def check_report(task: str, options: Mapping[str, Any], limit: int | None, workers: int | None) -> CodeReport:
    """Run every known program of a code benchmark."""
    from entmin.programs.checks import check_programs
    from entmin.programs.known import known
    from entmin.programs.problems import problems

    rules, source = rules_of(task, options)
    rules.open()
    rows = problems(task, options.get("data_dir"), source).rows.values()
    own = known(task)
    return check_programs(rules, islice(rows, limit), own, workers or os.cpu_count() or 1)
