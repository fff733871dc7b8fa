"""From the launcher's report on a case to an `Outcome`: a pure function, so that every verdict has a test."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from entmin.sandbox.limits import Ending, Limits, Outcome

_STAGES = {"compile": "before it ran", "setup": "in its imports", "program": "in the program", "tests": "in a test"}


def outcome_of(line: bytes, kind: str, limits: Limits) -> Outcome:
    """What one line of a report means; a line that is no report is a crash."""
    report = _report(line)
    if report is None:
        return Outcome("crash", "a report that is none")
    ending, detail = _ending(report, kind, limits)
    result = report["event"].get("result") if ending == "ok" else None
    return Outcome(ending, printable(detail), report["output"], result, report["cpu"], report["uncrossable"])


def printable(text: str) -> str:
    """The text in one line that any terminal and any file can hold: everything else by its escape."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


_FIELDS: dict[str, type | tuple[type, ...]] = {
    "passed": bool, "uncrossable": bool, "killed": (str, type(None)), "signal": int, "exit": int, "cpu": float,
    "output": str,
}  # fmt: skip


def json_value(text: str | bytes) -> Any:
    """The value of JSON text; integers of more digits than Python likes to read are decimals, which compare exactly.

    Raises:
        ValueError: it is not JSON.
    """
    return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) < 4000 else Decimal(digits))


def _report(line: bytes) -> dict[str, Any] | None:
    """The report, every field of its type; None for anything else."""
    try:
        report = json_value(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(report, dict) or not all(isinstance(report.get(name), kind) for name, kind in _FIELDS.items()):
        return None
    event = report.get("event")
    return {**report, "event": event if isinstance(event, dict) else {}}


def _ending(report: Mapping[str, Any], kind: str, limits: Limits) -> tuple[Ending, str]:
    spent, number = report["cpu"], report["signal"]
    if report["killed"] is not None:
        return _LIMITS[report["killed"]](limits) if report["killed"] in _LIMITS else ("crash", "killed")
    if report["passed"]:
        return "ok", ""
    event = report["event"]
    # An exception raised by the clock's signal, or a kill at the hard limit, is the processor limit all the same.
    if number == signal.SIGXCPU or (number == signal.SIGKILL and spent >= limits.cpu_seconds - 0.5):
        return "timeout", f"{limits.cpu_seconds} s of processor time"
    if number:
        known = {one.value: one.name for one in signal.Signals}
        return "crash", f"killed by {known.get(number, f'signal {number}')}"
    if "stage" in event:
        return _exception(event)
    if kind == "stdin" and not report["exit"]:
        return "ok", ""
    return "crash", f"ended with status {report['exit']} before its tests did"


_LIMITS: dict[str, Callable[[Limits], tuple[Ending, str]]] = {
    "wall": lambda limits: ("timeout", f"{limits.wall_seconds:g} s on the clock"),
    "output": lambda limits: ("crash", f"more than {limits.output_mib} MiB of output"),
    "files": lambda limits: ("memory", f"more than {limits.inodes} files"),
}


def _exception(event: Mapping[str, Any]) -> tuple[Ending, str]:
    kinds, stage = event.get("kinds"), str(event["stage"])
    kinds = kinds if isinstance(kinds, list) else []
    detail = f"{event.get('type')} {_STAGES.get(stage, '')}: {event.get('message')}".split("\n")[0][:300]
    if "MemoryError" in kinds:
        return "memory", detail
    if stage == "compile":
        return "compile", detail
    if "AssertionError" in kinds and stage == "tests":
        return "wrong", detail
    return "crash", detail
