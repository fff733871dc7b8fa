"""From the columns of each data set, as its Hub copy and its mirror write them, to one normal form.

The raw gold is kept as the data set writes it (a string, or the columns that together declare the answer); what it
means to a grader is `entmin.grading`'s business. Ids are stable across copies: taken from the contest's url where a
copy numbers its rows its own way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from entmin.errors import EntminError
from entmin.problem import Problem, letter

Record = Mapping[str, Any]

GROUPS = ("level", "subject", "year", "language", "domain")
"""Sample metadata that results are broken down by, where a benchmark has it."""


def _first(record: Record, *names: str) -> Any:
    for name in names:
        if record.get(name) is not None:
            return record[name]
    raise EntminError(f"a record has none of the columns {', '.join(names)}; it has {', '.join(record)}")


def _text(record: Record, *names: str) -> str:
    return str(_first(record, *names)).strip()


def _problem(record: Record, *names: str) -> str:
    """The problem's text verbatim: the published harness sends it unstripped."""
    return str(_first(record, *names))


_DEGREES = re.compile(r"(\^\s*\{?\s*\\circ\s*\}?|\\degree|°)\s*$")


def plain_integer(value: Any) -> str:
    r"""A contest answer as an integer in digits: ``142.0`` is 142, ``033`` is 33, ``$468^\circ$`` is 468.

    Raises:
        EntminError: the value is no integer.
    """
    text = _DEGREES.sub("", str(value).strip().strip("$").strip()).strip().replace(",", "")
    # Only digits and a zero fraction: float() would take "nan", "1e3" and long integers that it rounds.
    found = re.fullmatch(r"([+-]?\d+)(?:\.0*)?", text)
    if found is None:
        raise EntminError(f"the answer {value!r} is no integer; is this the right data set?")
    return str(int(found[1]))


_CONTEST = re.compile(r"(\d{4})_(AMC|AIME)_(\w+?)(?:_Problems)?/Problem_(\d+)")


def _contest(record: Record) -> tuple[str, str, str] | None:
    """(id, year, exam) out of a problem's url; the row numbers restart within one AMC file."""
    found = _CONTEST.search(str(record.get("url") or ""))
    if found is None:
        return None
    year, kind, exam, number = found.groups()
    return f"{year}-{exam}-{number}", year, f"{kind} {exam}"


def _math500(record: Record, number: int) -> Problem:
    return Problem(
        id=_text(record, "unique_id", "id"),
        question=_problem(record, "problem"),
        gold=_text(record, "answer", "expected_answer"),
        level=_text(record, "level").removeprefix("Level").strip(),
        subject=_text(record, "subject", "type"),
    )


def _competition(record: Record, number: int) -> Problem:
    contest = _contest(record)
    if contest is None:
        raise EntminError(f"row {number} has no contest url to name it by; is this the right data set?")
    name, year, exam = contest
    gold = plain_integer(_first(record, "answer"))
    return Problem(name, _problem(record, "problem", "question"), gold, subject=exam, year=year)


def _aime25(record: Record, number: int) -> Problem:
    gold = plain_integer(_first(record, "answer"))
    # All three Hub copies keep the contests' order, 15 problems of AIME I and then 15 of AIME II.
    exam = "I" if number < 15 else "II"
    name = f"2025-{exam}-{number % 15 + 1}"
    return Problem(name, _problem(record, "problem", "question"), gold, subject=f"AIME {exam}", year="2025")


def last_box(solution: str) -> str:
    r"""Content of the last ``\boxed{...}`` with balanced braces.

    Raises:
        EntminError: there is none.
    """
    start = solution.rfind("\\boxed{")
    depth = 0
    for position in range(start + len("\\boxed"), len(solution)) if start >= 0 else ():
        depth += {"{": 1, "}": -1}.get(solution[position], 0)
        if depth == 0:
            return solution[start + len("\\boxed{") : position].strip()
    raise EntminError("a solution has no closed \\boxed{...} to take the answer from; is this the right data set?")


def _minerva(record: Record, number: int) -> Problem:
    answer = record.get("answer")
    return Problem(
        id=str(record.get("idx", number)),
        question=_problem(record, "question", "problem"),
        gold=str(answer).strip() if answer is not None else last_box(str(record["solution"])),
        subject=record.get("type"),
    )


def _olympiadbench(record: Record, number: int) -> Problem:
    context = (record.get("context") or "").strip()
    question = _problem(record, "question")
    columns = ("final_answer", "is_multiple_answer", "unit", "answer_type", "error")
    return Problem(
        id=_text(record, "id"),
        question=f"{context}\n\n{question}" if context else question,
        gold={name: record.get(name) for name in columns},
        subject=record.get("subfield"),
        extra={"answer_type": record.get("answer_type")},
    )


def _gsm8k(record: Record, number: int) -> Problem:
    _, mark, gold = _text(record, "answer").rpartition("####")
    if not mark:
        raise EntminError(f"row {number} has no '#### answer'; is this the right data set?")
    return Problem(str(record.get("idx", number)), _problem(record, "question"), gold.strip().replace(",", ""))


_CODE = re.compile(r"\b(IN|TF|EX|EQ|MC|NV|TUP)\b")


def answer_types(dirty: str) -> tuple[str, ...]:
    """The declared type codes of a UGPhysics record.

    The column is dirty (a code fence, a stray sentence, a leading backslash line): the codes of the first line that
    has any are meant.
    """
    for line in dirty.splitlines():
        codes = tuple(_CODE.findall(line))
        if codes:
            return codes
    return ()


def _ugphysics(record: Record, number: int) -> Problem:
    language = _text(record, "language").lower()
    types = answer_types(str(record.get("answer_type") or ""))
    multiple = bool(record.get("is_multiple_answer"))
    columns = ("answers", "unit", "is_multiple_answer")
    return Problem(
        id=f"{language}/{_text(record, 'index')}",
        question=_problem(record, "problem"),
        gold={name: record.get(name) for name in columns} | {"answer_type": ", ".join(types)},
        level=record.get("level") or None,
        subject=_text(record, "subject"),
        extra={
            "language": language,
            "domain": record.get("domain"),
            "topic": record.get("topic"),
            "answer_types": list(types),
            "multiple": multiple,
        },
    )


def _gpqa(record: Record, number: int) -> Problem:
    names = ("Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")
    return Problem(
        id=_text(record, "Record ID"),
        question=_text(record, "Question"),
        gold="A",
        options=tuple(_text(record, name) for name in names),
        subject=record.get("High-level domain"),
        extra={"subdomain": record.get("Subdomain")},
    )


def _mmlu_pro(record: Record, number: int) -> Problem:
    options = tuple(str(option).strip() for option in record["options"])
    gold = _text(record, "answer")
    if letter(int(record["answer_index"])) != gold:
        raise EntminError(f"question {record['question_id']}: answer {gold} disagrees with answer_index")
    return Problem(
        id=_text(record, "question_id"),
        question=_problem(record, "question"),
        gold=gold,
        options=options,
        subject=record.get("category"),
        extra={"src": record.get("src")},
    )


def _arc(record: Record, number: int) -> Problem:
    # Some rows label their options 1..4 instead of A..D, so letters go by position.
    labels = [str(label) for label in record["choices"]["label"]]
    options = tuple(str(text).strip() for text in record["choices"]["text"])
    gold = letter(labels.index(_text(record, "answerKey")))
    return Problem(_text(record, "id"), _problem(record, "question"), gold, options=options)


_COLUMNS: dict[str, Callable[[Record, int], Problem]] = {
    "math500": _math500,
    "amc": _competition,
    "aime": _competition,
    "aime24": _competition,
    "aime25": _aime25,
    "minerva_math": _minerva,
    "olympiadbench": _olympiadbench,
    "gsm8k": _gsm8k,
    "ugphysics": _ugphysics,
    "gpqa_diamond": _gpqa,
    "mmlu_pro": _mmlu_pro,
    "arc_challenge": _arc,
}


def _code_rows() -> dict[str, Callable[[Record, int], Problem]]:
    # Imported here: the code benchmarks' readers build on this module.
    from entmin.programs.rows import ROWS

    return ROWS


def row_of(name: str, record: Record, number: int) -> Problem:
    """The normal form of record `number` (from 0) of the data set `name`.

    Raises:
        EntminError: a column is missing or holds what this set cannot hold.
    """
    try:
        return (_COLUMNS.get(name) or _code_rows()[name])(record, number)
    except (KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise EntminError(
            f"{name}: record {number} does not have the expected columns ({type(error).__name__}: {error}); "
            f"it has {', '.join(record)}"
        ) from error
