"""Reading the columns of a record, whose names differ between a set's Hub copy and its mirrors."""

from __future__ import annotations

import re
from typing import Any

from entmin.errors import EntminError
from entmin.problem import Problem
from entmin.tasks.data import Record


def first(record: Record, *names: str) -> Any:
    """The first of the named columns that holds something.

    Raises:
        EntminError: none does.
    """
    for name in names:
        if record.get(name) is not None:
            return record[name]
    raise EntminError(f"a record has none of the columns {', '.join(names)}; it has {', '.join(record)}")


def text(record: Record, *names: str) -> str:
    """The first of the named columns as text, stripped."""
    return str(first(record, *names)).strip()


def verbatim(record: Record, *names: str) -> str:
    """A problem's text as it is: the published harness sends it unstripped."""
    return str(first(record, *names))


_DEGREES = re.compile(r"(\^\s*\{?\s*\\circ\s*\}?|\\degree|°)\s*$")


def plain_integer(value: Any) -> str:
    r"""A contest answer as an integer in digits: ``142.0`` is 142, ``033`` is 33, ``$468^\circ$`` is 468.

    Raises:
        EntminError: the value is no integer.
    """
    bare = _DEGREES.sub("", str(value).strip().strip("$").strip()).strip().replace(",", "")
    # Only digits and a zero fraction: float() would take "nan", "1e3" and long integers that it rounds.
    found = re.fullmatch(r"([+-]?\d+)(?:\.0*)?", bare)
    if found is None:
        raise EntminError(f"the answer {value!r} is no integer; is this the right data set?")
    return str(int(found[1]))


_CONTEST = re.compile(r"(\d{4})_(AMC|AIME)_(\w+?)(?:_Problems)?/Problem_(\d+)")


def contest(record: Record) -> tuple[str, str, str]:
    """(id, year, exam) out of a problem's url; the row numbers restart within one AMC file.

    Raises:
        EntminError: it has no such url.
    """
    found = _CONTEST.search(str(record.get("url") or ""))
    if found is None:
        raise EntminError("a record has no contest url to name it by; is this the right data set?")
    year, kind, exam, number = found.groups()
    return f"{year}-{exam}-{number}", year, f"{kind} {exam}"


def contest_problem(record: Record, number: int) -> Problem:
    """A problem of AMC or AIME, named by its url, because copies number their rows in their own ways."""
    name, year, exam = contest(record)
    gold = plain_integer(first(record, "answer"))
    return Problem(name, verbatim(record, "problem", "question"), gold, subject=exam, year=year)


def last_box(solution: str) -> str:
    r"""The contents of the last ``\boxed{...}`` of a worked solution.

    Raises:
        EntminError: there is none, or it is not closed.
    """
    start = solution.rfind("\\boxed{")
    depth = 0
    for position in range(start + len("\\boxed"), len(solution)) if start >= 0 else ():
        depth += {"{": 1, "}": -1}.get(solution[position], 0)
        if depth == 0:
            return solution[start + len("\\boxed{") : position].strip()
    raise EntminError("a solution has no closed \\boxed{...} to take the answer from; is this the right data set?")
