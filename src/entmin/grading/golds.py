r"""Golds as the data sets write them: which kind each benchmark has and how its answer field reads."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from entmin.errors import UsageError
from entmin.grading.extract import boxes
from entmin.grading.gold import Gold
from entmin.grading.physics import without_range
from entmin.grading.shapes import elements

Raw = str | int | float | list[Any] | dict[str, Any] | Gold

CHOICE_TASKS = ("gpqa_diamond", "mmlu_pro", "arc_challenge")
_TYPE = re.compile(r"NV|EX|EQ|IN|TF|MC|TUP")
_CHOICE_GOLD = re.compile(r"\\?(?:text|textbf)?\{?\(([A-J])\)\}?")
_APPROXIMATE = re.compile(r"-?(?:\d+\.\d*|\d*\.\d+|\d+(?:\.\d*)?[eE][-+]?\d+)")


def _field(raw: Raw, *names: str) -> Any:
    """The first of the named fields of a record; anything that is not a record is itself."""
    if not isinstance(raw, dict):
        return raw
    for name in names:
        if raw.get(name) is not None:
            return raw[name]
    raise UsageError(f"the record has none of the fields {', '.join(names)}; it has {', '.join(map(str, raw))}")


def _integer(raw: Raw) -> Gold:
    text = str(_field(raw, "answer", "expected_answer", "target")).strip()
    text = text.rpartition("####")[2].strip().strip("$").replace(",", "")
    if re.fullmatch(r"[-+]?\d+(?:\.0*)?", text):
        return Gold("integer", (str(int(text.partition(".")[0])),))
    return Gold("math", (text,))


def _math(raw: Raw) -> Gold:
    text = str(_field(raw, "expected_answer", "answer", "target")).strip()
    if _CHOICE_GOLD.fullmatch(text):
        return Gold("choice", (text.strip("()"),))
    return Gold("math", (text,))


def _minerva(raw: Raw) -> Gold:
    text = str(_field(raw, "solution", "answer"))
    found = boxes(text)
    answer = found[-1][0] if found else text.strip()
    return Gold("math", (answer,), rounded=bool(_APPROXIMATE.fullmatch(answer)))


def _olympiad(raw: Raw) -> Gold:
    answer = _field(raw, "final_answer", "answer")
    text = str(answer[0] if isinstance(answer, list) else answer).replace("$", "").strip()
    record = raw if isinstance(raw, dict) else {}
    unit = str(record.get("unit") or "")
    if unit == "%" and "%" not in text:
        text += r"\%"
    tolerance = float(record["error"]) if record.get("error") else None
    parts = (
        elements(text) if record.get("is_multiple_answer") and r"\text" not in text and "where" not in text else [text]
    )
    return Gold("math", tuple(parts), units=(unit,) * len(parts) if unit else (), tolerance=tolerance)


def _units(text: str, count: int) -> tuple[str, ...]:
    inside = re.sub(r"\\(?:text|mathrm)\s*\{\s*(None(?:\s*,\s*None)*)\s*\}", r"\1", text.strip())
    parts = [part.strip() for part in inside.split(",")]
    parts = ["" if part in ("None", r"\text{}", "") else part for part in parts]
    if len(parts) == 1:
        parts = parts * count
    return tuple(parts) if len(parts) == count and any(parts) else ()


def _physics(raw: Raw) -> Gold:
    record = raw if isinstance(raw, dict) else {}
    text = str(_field(raw, "answers", "answer"))
    found = boxes(text)
    answer = without_range(", ".join(box[0] for box in found) if found else text.strip())
    types = tuple(_TYPE.findall(str(record.get("answer_type") or "").split("\n\n")[0].split("Problem")[0])[:12])
    several = bool(record.get("is_multiple_answer")) or len(types) > 1
    parts = tuple(elements(answer)) if several else (answer,)
    if len(parts) > 1 and len(types) == 1:
        types = types * len(parts)
    types = types if len(types) == len(parts) else types[:1] if len(parts) == 1 else ()
    return Gold("physics", parts, types, _units(str(record.get("unit") or ""), len(parts)))


def _choice(raw: Raw) -> Gold:
    text = str(_field(raw, "answerKey", "answer", "target")).strip().strip("()")
    return Gold("choice", (text.upper(),))


_READERS: dict[str, Callable[[Raw], Gold]] = {
    **dict.fromkeys(("amc", "amc23", "aime", "aime24", "aime25", "gsm8k", "arithmetic"), _integer),
    "math500": _math, "math": _math, "minerva_math": _minerva, "olympiadbench": _olympiad, "ugphysics": _physics,
    **dict.fromkeys(CHOICE_TASKS, _choice),
}  # fmt: skip
TASKS = tuple(_READERS)


def gold_for(task: str, raw: Raw) -> Gold:
    """The gold of a benchmark's record, answer field, or an already made gold in any form.

    Raises:
        UsageError: the task is unknown, or the record lacks its answer.
    """
    if isinstance(raw, Gold):
        return raw
    if isinstance(raw, dict) and "kind" in raw and "answers" in raw:
        return Gold.from_dict(raw)
    if task not in _READERS:
        raise UsageError(f"no grader for task {task!r}; there is one for {', '.join(TASKS)}")
    return _READERS[task](raw)
