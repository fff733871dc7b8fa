"""Programs as answers: contest tests in the form of Eurus-2 and APPS, run in the sandbox.

    {"inputs": [...], "outputs": [...], "fn_name": "name of a function" or absent}

Without ``fn_name`` the program reads its input and prints; with it, each input is the list of arguments.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from entmin.errors import EntminError
from entmin.programs.contest import judge_tests
from entmin.programs.judge import Rules, guarded
from entmin.programs.livecodebench import Test
from entmin.tasks.registry import benchmark

RULES = "livecodebench"
"""The benchmark whose limits and comparison of outputs apply."""


def verdicts(texts: Sequence[str], tests: Sequence[str | None]) -> list[bool | None]:
    """Whether each program passes its tests; None where there are no tests that can be read.

    Raises:
        EntminError: there is no working sandbox.
    """
    rules = Rules(usual=benchmark(RULES).limits)
    rules.open()
    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        return list(pool.map(lambda pair: _verdict(pair[0], pair[1], rules), zip(texts, tests, strict=True)))


def _verdict(text: str, tests: str | None, rules: Rules) -> bool | None:
    try:
        cases, function = parse_tests(tests or "")
    except (ValueError, KeyError, TypeError):
        return None
    try:
        work = partial(judge_tests, cases, function, text, rules)
        return guarded(work, rules).verdict.correct if cases else None
    except EntminError:
        return None


def parse_tests(text: str) -> tuple[list[Test], str | None]:
    """Tests and the function they call, if any.

    Raises:
        ValueError: the text is not JSON.
        KeyError: inputs or outputs are missing.
        TypeError: they are no lists.
    """
    data: dict[str, Any] = json.loads(text)
    function = data.get("fn_name") or None
    pairs = list(zip(data["inputs"], data["outputs"], strict=False))
    if function is None:
        return [Test(_text(given), _text(wanted), False) for given, wanted in pairs], None
    return [
        Test("\n".join(json.dumps(argument) for argument in given), json.dumps(wanted), True) for given, wanted in pairs
    ], str(function)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "\n".join(map(str, value))
