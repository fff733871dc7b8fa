r"""LiveCodeBench, code generation: contest problems with a date, so that a model's training cut can be respected.

Release and date window are part of the result. The files are big (release v2: 2 GB), so they are read line by line
and only once: what stays in memory is the question and the place of the line, and the tests of a problem are decoded
when an answer to it is judged (`entmin.programs.livecodebench`).

A problem in the form of the set, as the ``clean`` prompt puts it, and one of its tests::

    Read two integers and print their sum.

    The program reads its input from standard input and writes the answer to standard output. Reason briefly if you need
    to, then give the complete program in one ```python block.

    gold: {"input": "1 2\n", "output": "3\n", "testtype": "stdin"}
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from entmin.errors import EntminError, UsageError, closest, first_line
from entmin.hub import reachable_or_offline, why_not_reached
from entmin.problem import Problem
from entmin.programs.contest import judge_livecodebench
from entmin.programs.livecodebench import record_of
from entmin.sandbox import Limits
from entmin.tasks.benchmark import Benchmark
from entmin.tasks.code_prompts import PAPER_ACTIONS, PAPER_TAIL
from entmin.tasks.data import ENVIRONMENT, Loaded
from entmin.tasks.prompts import Profile, Strings, Turns, fill

HUB = "livecodebench/code_generation_lite"
REVISION: str | None = None
"""No commit is known to us; the log says which files were read."""
FOLDER = "livecodebench"
FILES = ("test.jsonl", "test2.jsonl", "test3.jsonl", "test4.jsonl", "test5.jsonl", "test6.jsonl")
ROWS = {
    "release_v1": 400,
    "release_v2": 511,
    "release_v3": 612,
    "release_v4": 713,
    "release_v5": 880,
    "release_v6": 1055,
}
"""A release is the first files up to its number."""
PAPER_WINDOW = ("2023-05-01", "2024-05-31")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def load_release(
    benchmark: Benchmark,
    data_dir: str | None,
    release: str = "release_v2",
    start: str = PAPER_WINDOW[0],
    end: str = PAPER_WINDOW[1],
) -> Loaded:
    """The problems of `release` from contests in a window of dates, both ends included.

    Raises:
        UsageError: the release or a date is no such thing.
        EntminError: the files are missing or hold other rows.
    """
    if release not in ROWS:
        near = closest(release, list(ROWS))
        raise UsageError(f"livecodebench: unknown release {release!r}{near}; there are {', '.join(ROWS)}")
    for name, date in (("start", start), ("end", end)):
        if not _DATE.fullmatch(date):
            raise UsageError(f"livecodebench: {name} must be a date like 2024-05-31, not {date!r}")
    names = FILES[: list(ROWS).index(release) + 1]
    mirror = data_dir or os.environ.get(ENVIRONMENT)
    paths = _mirror_files(Path(mirror), names) if mirror else _hub_files(names)
    digest = hashlib.sha256()
    rows = [_row(record, path, place, digest) for path in paths for record, place in _lines(path)]
    origin = "mirror" if mirror else "hub"
    _check(rows, release, origin)
    chosen = [row for row in rows if start <= str(row.extra["date"]) <= end]
    if not chosen:
        raise UsageError(f"livecodebench: no problem of {release} is from {start} to {end}")
    record = {
        "name": "livecodebench",
        "hub": HUB,
        "revision": REVISION,
        "origin": origin,
        "release": release,
        "start": start,
        "end": end,
        "rows": len(chosen),
        "rows_of_release": len(rows),
        "sha256": digest.hexdigest(),
        "verified": "count" if len(rows) == ROWS[release] else "sample",
        "licence": "cc",
    }
    return Loaded(tuple(chosen), record, {"release": release, "window": [start, end]})


def _check(rows: list[Problem], release: str, origin: str) -> None:
    twice = len(rows) - len({row.id for row in rows})
    if twice:
        raise EntminError(f"livecodebench: {twice} problems occur more than once; are the files copies of each other?")
    # A mirror may hold a sample of a release; the log then says `verified: sample` and how many rows it has.
    if len(rows) > ROWS[release] or (origin == "hub" and len(rows) != ROWS[release]):
        raise EntminError(
            f"livecodebench: {release} has {ROWS[release]} problems, these files have {len(rows)}; fetch them again"
        )


def _lines(path: Path) -> Iterator[tuple[dict[str, Any], int]]:
    with path.open("rb") as lines:
        place = 0
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield record_of(line, f"{path}, line {number}"), place
            place += len(line)


def _row(record: Mapping[str, Any], path: Path, place: int, digest: Any) -> Problem:
    try:
        name, question = str(record["question_id"]), str(record["question_content"])
        starter, metadata = str(record["starter_code"]), json.loads(record["metadata"] or "{}")
        for text in (name, question, starter, record["public_test_cases"], record["private_test_cases"]):
            digest.update(hashlib.sha256(str(text).encode()).digest())
        return Problem(
            id=name,
            question=question,
            gold={
                "starter": starter,
                "function": metadata.get("func_name") or "",
                "path": str(path),
                "place": place,
                "reference": None,
            },
            level=str(record["difficulty"]),
            subject=str(record["platform"]),
            extra={"date": str(record["contest_date"])[:10]},
        )
    except (KeyError, ValueError, AttributeError) as error:
        raise EntminError(f"livecodebench: {path} does not have the expected columns ({error})") from error


def _mirror_files(mirror: Path, names: tuple[str, ...]) -> list[Path]:
    paths = [mirror / FOLDER / name for name in names]
    missing = [f"{FOLDER}/{path.name}" for path in paths if not path.is_file()]
    if missing:
        raise EntminError(
            f"livecodebench: the mirror folder {mirror} has no {', '.join(missing)}; copy them from {HUB} "
            f"(see docs/benchmarks.md), or leave out --data-dir and {ENVIRONMENT} to load from the Hub"
        )
    return paths


def _hub_files(names: tuple[str, ...]) -> list[Path]:
    # The set's own loading script no longer runs; the files it would read are fetched instead.
    from huggingface_hub import hf_hub_download

    try:
        with reachable_or_offline():
            return [Path(hf_hub_download(HUB, name, repo_type="dataset", revision=REVISION)) for name in names]
    except Exception as error:  # the Hub's border: network, cache and disk errors share no base class
        why = why_not_reached() or f"{type(error).__name__}: {first_line(error)}"
        raise EntminError(
            f"livecodebench: {', '.join(names)} of {HUB} could not be fetched: {why}; "
            f"fetch them where the Hub can be reached and give the folder above {FOLDER}/ with --data-dir"
        ) from error


_CLEAN_ENDS = "Reason briefly if you need to, then give the complete"
_CLEAN = {
    "starter": (
        "{question}\n\nUse this starter code:\n\n```python\n{starter}\n```\n\n"
        f"{_CLEAN_ENDS} class in one ```python block."
    ),
    "stdin": (
        "{question}\n\nThe program reads its input from standard input and writes the answer to standard output. "
        f"{_CLEAN_ENDS} program in one ```python block."
    ),
}
_PAPER = {
    "system": PAPER_ACTIONS.replace("\n", "\\n"),
    "question": "### Question:\n{question}\n\n",
    "starter": (
        "### Format: You will use the following starter code to write the solution to the problem and enclose your "
        "code within delimiters.\n```python\n{starter}\n```\n\n"
    ),
    "stdin": (
        "### Format: Read the inputs from stdin solve the problem and write the answer to stdout (do not directly test "
        "on the sample inputs). Enclose your code within delimiters as follows.\n```python\n# YOUR CODE HERE\n```\n\n"
    ),
    "answer": "### Answer: (use the provided format with backticks)\n\n",
    "tail": PAPER_TAIL,
}


def _form(problem: Problem, strings: Strings) -> tuple[str, str]:
    assert isinstance(problem.gold, dict)
    starter = str(problem.gold["starter"])
    return strings["starter" if starter else "stdin"], starter


def _clean(problem: Problem, strings: Strings) -> Turns:
    template, starter = _form(problem, strings)
    return [("user", fill(template, question=problem.question.strip(), starter=starter))]


def _published(problem: Problem, strings: Strings) -> Turns:
    template, starter = _form(problem, strings)
    form = fill(template, starter=starter) if starter else template
    text = fill(strings["question"], question=problem.question) + form + strings["answer"] + strings["tail"]
    return [("system", strings["system"]), ("user", text)]


LIVECODEBENCH = Benchmark(
    name="livecodebench",
    summary="LiveCodeBench by release and date window, run in a sandbox",
    groups=("code", "all"),
    place=230,
    loader=load_release,
    prompts={"clean": Profile(2, _CLEAN, _clean), "paper": Profile(2, _PAPER, _published)},
    judge="program",
    judging=judge_livecodebench,
    limits=Limits(cpu_seconds=6, wall_seconds=40),
)
