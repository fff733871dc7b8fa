r"""A benchmark without code: a file of problems, and the name of the judge of its answers.

    entmin compare MODEL --task problems.jsonl --judge math

Rows have ``question`` and ``answer``, and may have ``id``, ``system`` (a system turn) and ``subject`` (results are
broken down by it). What an answer is depends on the judge:

- ``math``: one answer in LaTeX or plain (``\frac{1}{2}``, ``3 apples``), as `entmin.grading` reads mathematics.
- ``choice``: the letter of the right option; the options stand in the question.
- ``exact``: a text; the stated answer must be it, word for word (`entmin.grading.exact`).
- ``physics``: one answer; numbers within 1 %.
- ``program``: Python tests, asserts or any program that fails for a wrong solution; they run after the model's
  program. The column ``function`` may name the function that the model is to write.

The prompt ``clean`` asks for a boxed answer (or one block of code), ``plain`` sends the question alone. Golds that the
judge cannot judge are refused before a model is asked.
"""

from __future__ import annotations

import ast
import hashlib
import math
import re
from collections.abc import Container
from functools import cache
from pathlib import Path
from typing import Any, get_args

from entmin.errors import UsageError, closest
from entmin.grading.gold import Gold
from entmin.problem import Problem
from entmin.tasks import tables
from entmin.tasks.benchmark import Benchmark, Judge
from entmin.tasks.data import Loaded, content_hash
from entmin.tasks.golds import READERS
from entmin.tasks.prompts import BOXED, LETTER, Profile, Strings, Turns, fill
from entmin.tasks.tables import SUFFIXES

JUDGES: tuple[Judge, ...] = tuple(name for name in get_args(Judge) if name != "integer")
_READ = ("question", "answer", "id", "system", "subject")
_SHOWN = 3
_CODE = "Reason briefly if you need to, then give the complete {what} in one ```python block."


def names_a_file(name: str) -> bool:
    """Whether the name of a task means a file: by its suffix, or because it is written as a path."""
    return Path(name).suffix.lower() in SUFFIXES or "/" in name or "\\" in name


def benchmark(path: Path, judge: str | None, taken: Container[str] = ()) -> Benchmark:
    """The benchmark of a file. Its name is the file's, with the folder's before it where that name is taken.

    Raises:
        UsageError: the judge is missing or unknown, the file cannot be read, or a row is malformed.
    """
    if not path.exists():
        raise UsageError(f"there is no file {path}")
    if judge is None:
        raise UsageError(f"{path}: say who judges the answers: --judge {'|'.join(JUDGES)}")
    if judge not in JUDGES:
        raise UsageError(f"unknown judge {judge!r}{closest(judge, JUDGES)}; there are {', '.join(JUDGES)}")
    placed = tables.rows(path)
    problems = _problems(path, placed, judge)
    record = {"name": path.name, "origin": "file", "rows": len(problems), "sha256": content_hash(problems)}
    columns, unread = _columns(placed, judge)
    loaded = Loaded(problems, {**record, "verified": "as given", "columns": columns, "columns_not_read": unread})
    return Benchmark(
        name=path.name if path.name not in taken else f"{path.resolve().parent.name}__{path.name}",
        summary=f"problems of {path}",
        loader=lambda benchmark, data_dir: loaded,
        prompts=_prompts(judge),
        judge=next(one for one in JUDGES if one == judge),
        gold=READERS.get(judge),
        rules=judge,
        refuse=_refuse,
        notices=(f"{path}: columns that are not read: {', '.join(unread)}",) if unread else (),
    )


def _columns(placed: list[tables.Placed], judge: str) -> tuple[list[str], list[str]]:
    """The columns that are read, and those that are not."""
    known = (*_READ, *(("function",) if judge == "program" else ()))
    there = {name for _, row in placed for name in row}
    return [name for name in known if name in there], sorted(there - {*known})


def _problems(path: Path, placed: list[tables.Placed], judge: str) -> tuple[Problem, ...]:
    first = placed[0][1]
    missing = [name for name in ("question", "answer") if not any(name in row for _, row in placed)]
    if missing:
        near = "".join(closest(name, list(first)) for name in missing)
        raise UsageError(f"{path} has no column {' and '.join(missing)}{near}; it has {', '.join(map(str, first))}")
    with_ids = any(row.get("id") not in (None, "") for _, row in placed)
    found: dict[str, Problem] = {}
    questions: dict[tuple[str | None, str], str] = {}
    places: dict[str, str] = {}
    for where, row in placed:
        problem = _problem(where, row, judge, with_ids)
        asked = (problem.system, " ".join(problem.question.split()))
        if asked in questions:
            raise UsageError(f"{where}: the same question as {questions[asked]}; a problem counts once")
        if problem.id in found:
            raise UsageError(f"{where}: the id {problem.id!r} stands at {places[problem.id]} too")
        questions[asked] = places[problem.id] = where
        found[problem.id] = problem
    return tuple(found.values())


def _problem(where: str, row: dict[str, Any], judge: str, with_ids: bool) -> Problem:
    question, answer = _text(where, row, "question"), _text(where, row, "answer")
    system, subject = (_text(where, row, name, needed=False) for name in ("system", "subject"))
    # Without ids, a problem is known by its question, so that its id does not depend on its place in the file.
    made = hashlib.sha256(f"{system or ''}\0{question}".encode()).hexdigest()[:12]
    name = _text(where, row, "id") if with_ids else made
    gold: str | dict[str, Any] = answer.strip()
    if judge == "choice" and not re.fullmatch(r"\(?[A-Za-z]\)?\.?", answer.strip()):
        raise UsageError(f"{where}: the answer {_short(answer)} is no letter; the options stand in the question")
    if judge == "choice":
        gold = answer.strip("(). \t\r\n").upper()
    if judge == "program":
        gold = {"test": answer, "entry": _function(where, row), "reference": None}
        _check_tests(where, answer)
    return Problem(name.strip(), question, gold, subject=subject, system=system)


def _text(where: str, row: dict[str, Any], name: str, needed: bool = True) -> Any:
    value = row.get(name)
    if isinstance(value, float) and math.isnan(value):
        raise UsageError(f"{where}: {name} is NaN")
    if isinstance(value, str) and re.search("[\ud800-\udfff]", value):
        raise UsageError(f"{where}: {name} has half of a surrogate pair (\\ud800 to \\udfff), which is no text")
    if value is None or (isinstance(value, str) and not value.strip()):
        if needed:
            raise UsageError(f"{where}: {name} is {'missing' if value is None else 'empty'}")
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise UsageError(f"{where}: {name} must be a text or a number, not {_short(value)}")
    return str(value)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _function(where: str, row: dict[str, Any]) -> str | None:
    name: str | None = _text(where, row, "function", needed=False)
    if name is not None and not name.strip().isidentifier():
        raise UsageError(f"{where}: function must be the name of a function, not {_short(name)}")
    return name.strip() if name else None


def _check_tests(where: str, tests: str) -> None:
    try:
        tree = ast.parse(tests)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UsageError(f"{where}: the tests in answer are no Python program ({error})") from None
    if not any(isinstance(node, ast.Assert | ast.Raise | ast.Call) for node in ast.walk(tree)):
        raise UsageError(f"{where}: the tests in answer assert nothing, so every program would pass")


def _asked(problem: Problem, strings: Strings) -> Turns:
    entry = problem.gold["entry"] if isinstance(problem.gold, dict) else None
    text = strings["function" if entry else "user"]
    turns: Turns = [("user", fill(text, question=problem.question.strip(), function=str(entry)))]
    return [("system", problem.system), *turns] if problem.system else turns


def _prompts(judge: str) -> dict[str, Profile]:
    end = {"choice": f"{{question}}\n\n{LETTER}", "program": "{question}\n\n" + fill(_CODE, what="program")}
    clean = {"user": end.get(judge, BOXED)}
    plain = {"user": "{question}"}
    if judge == "program":
        clean["function"] = "{question}\n\n" + fill(_CODE, what="function `{function}`")
        plain["function"] = "{question}"
    return {"clean": Profile(1, clean, _asked), "plain": Profile(1, plain, _asked)}


def _refuse(benchmark: Benchmark, loaded: Loaded, grader: str) -> None:
    if grader == "paper" and benchmark.judge in ("choice", "exact"):
        raise UsageError(
            f"{benchmark.name}: no rules were published for the {benchmark.judge} judge; use grader=entmin"
        )
    if benchmark.gold is not None:
        bad = _unjudged(benchmark.judge, tuple((one.id, benchmark.gold(one.gold)) for one in loaded.problems))
        if bad:
            shown = "; ".join(f"{name}: {answer}" for name, answer in bad[:_SHOWN])
            more = f" and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
            raise UsageError(
                f"{benchmark.name}: the {benchmark.judge} judge does not accept these answers even against themselves: "
                f"{shown}{more}; correct them, or use --judge exact (`entmin check` lists all)"
            )


@cache
def _unjudged(judge: str, golds: tuple[tuple[str, Gold], ...]) -> list[tuple[str, str]]:
    """(id, answer) of the golds that are not right when a model gives them word for word."""
    from entmin import grading
    from entmin.tasks.checks import written

    verdicts = grading.grade_many((judge, written(gold), gold) for _, gold in golds)
    pairs = zip(golds, verdicts, strict=True)
    return [(name, _short(gold.answers[0])) for (name, gold), verdict in pairs if verdict.correct is not True]
