"""From the launcher's report on a case to an `Outcome`: a pure function, so that every verdict has a test."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from entmin.sandbox.limits import Ending, Limits, Outcome

_STAGES = {"compile": "before it ran", "setup": "in its imports", "program": "in the program", "tests": "in a test"}


def outcome_of(report: Mapping[str, Any], kind: str, limits: Limits) -> Outcome:
    """What one report means."""
    ending, detail = _ending(report, kind, limits)
    event = report.get("event")
    result = event.get("result") if ending == "ok" and isinstance(event, dict) else None
    return Outcome(ending, detail, str(report.get("output") or ""), result, float(report.get("cpu") or 0.0))


def _ending(report: Mapping[str, Any], kind: str, limits: Limits) -> tuple[Ending, str]:
    spent = float(report.get("cpu") or 0.0)
    number = int(report.get("signal") or 0)
    if report.get("killed") == "wall":
        return "timeout", f"{limits.wall_seconds:g} s on the clock"
    if report.get("killed") == "output":
        return "crash", f"more than {limits.output_mib} MiB of output"
    event = report.get("event")
    if report.get("passed"):
        return "ok", ""
    # An exception raised by the clock's signal, or a kill at the hard limit, is the processor limit all the same.
    if number == signal.SIGXCPU or (number == signal.SIGKILL and spent >= limits.cpu_seconds - 0.5):
        return "timeout", f"{limits.cpu_seconds} s of processor time"
    if number:
        return "crash", f"killed by {signal.Signals(number).name}"
    if isinstance(event, dict) and "stage" in event:
        return _exception(event)
    if kind == "stdin" and not report.get("exit"):
        return "ok", ""
    return "crash", f"ended with status {report.get('exit')} before its tests did"


def _exception(event: Mapping[str, Any]) -> tuple[Ending, str]:
    kinds, stage = event.get("kinds") or [], str(event.get("stage"))
    detail = f"{event.get('type')} {_STAGES.get(stage, '')}: {event.get('message')}".split("\n")[0][:300]
    if "MemoryError" in kinds:
        return "memory", detail
    if stage == "compile":
        return "compile", detail
    if "AssertionError" in kinds and stage == "tests":
        return "wrong", detail
    return "crash", detail
