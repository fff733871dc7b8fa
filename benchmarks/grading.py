"""Rows graded per second: our pool against math-verify called in process, on the same ordinary answers, in one run.

python benchmarks/grading.py [--rows 10000] [--workers 2]
"""

from __future__ import annotations

import argparse
import logging
import random
import time
from collections.abc import Callable

import entmin.grading as grading
from entmin.grading import Gold

Row = tuple[str, str, Gold]


def _makers(random_: random.Random) -> list[Callable[[], tuple[str, str]]]:
    """(answer, gold) of the kinds that benchmarks have, about half of them right."""

    def number() -> int:
        return random_.randint(2, 999)

    def near(value: int) -> int:
        return value + random_.choice((0, 0, 1))

    def integer() -> tuple[str, str]:
        n = number()
        return str(near(n)), str(n)

    def fraction() -> tuple[str, str]:
        a, b = number(), number()
        return rf"\dfrac{{{2 * near(a)}}}{{{2 * b}}}", rf"\frac{{{a}}}{{{b}}}"

    def root() -> tuple[str, str]:
        a, b = random_.randint(2, 9), random_.randint(2, 40)
        return rf"\sqrt{{{a * a * near(b)}}}", rf"{a}\sqrt{{{b}}}"

    def pair() -> tuple[str, str]:
        a, b = number(), number()
        return rf"\left({near(a)}, {b}\right)", f"({a},{b})"

    def interval() -> tuple[str, str]:
        a = number()
        return rf"[{near(a)}, \infty)", rf"[{a},\infty)"

    def solutions() -> tuple[str, str]:
        a, b = number(), -number()
        return f"x = {b}, x = {near(a)}", f"{a},{b}"

    def polynomial() -> tuple[str, str]:
        a, b = number(), number()
        return f"(x+{near(a)})(x+{b})", f"x^2+{a + b}x+{a * b}"

    def measured() -> tuple[str, str]:
        a = number()
        return rf"{near(a)}\text{{ cm}}", str(a)

    return [integer] * 6 + [fraction] * 3 + [root, pair, interval, solutions, polynomial, measured]


def ordinary(count: int, seed: int = 0) -> list[Row]:
    """Rows as a benchmark run produces them."""
    random_ = random.Random(seed)
    makers = _makers(random_)
    rows = []
    for index in range(count):
        answer, gold = makers[index % len(makers)]()
        rows.append(("math500", f"Step 1: we compute.\nStep 2: so $\\boxed{{{answer}}}$.", Gold("math", (gold,))))
    return rows


def ours(rows: list[Row], workers: int) -> tuple[float, list[bool | None]]:
    """Seconds and verdicts of our pool, workers warm."""
    list(grading.grade_many(rows[:workers], workers=workers))
    started = time.perf_counter()
    verdicts = [verdict.correct for verdict in grading.grade_many(rows, workers=workers)]
    return time.perf_counter() - started, verdicts


def theirs(rows: list[Row]) -> tuple[float, list[bool | None]]:
    """Seconds and verdicts of math-verify in this process, its clocks off."""
    from math_verify import parse, verify

    logging.disable(logging.WARNING)
    started = time.perf_counter()
    verdicts: list[bool | None] = []
    for _, prediction, gold in rows:
        target = parse(f"${gold.answers[0]}$", parsing_timeout=None)
        verdicts.append(verify(target, parse(prediction, parsing_timeout=None), timeout_seconds=None))
    return time.perf_counter() - started, verdicts


def main() -> None:
    """Run both and print the rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--their-rows", type=int, default=1_000, help="math-verify judges this many of the same rows")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    rows = ordinary(options.rows)
    seconds, verdicts = ours(rows, options.workers)
    shared = rows[: options.their_rows]
    their_seconds, their_verdicts = theirs(shared)
    rate, their_rate = len(rows) / seconds, len(shared) / their_seconds
    same = sum(a == b for a, b in zip(verdicts, their_verdicts, strict=False))
    print(f"entmin, pool of {options.workers}: {len(rows)} rows in {seconds:.1f} s, {rate:.0f} rows/s")
    print(f"math-verify in process: {len(shared)} rows in {their_seconds:.1f} s, {their_rate:.0f} rows/s")
    print(f"ratio {rate / their_rate:.1f}; same verdict on {same} of {len(shared)}; not judged {verdicts.count(None)}")


if __name__ == "__main__":
    main()
