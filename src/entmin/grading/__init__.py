"""Grading of mathematical, scientific and multiple-choice answers.

Importing this package costs nothing: the names below load what they need when first used, and the judging itself
happens in separate processes.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from entmin.grading.api import GRADERS, answer_in, equivalent, grade, grade_many
    from entmin.grading.gold import Gold

__all__ = ["GRADERS", "Gold", "answer_in", "equivalent", "grade", "grade_many"]

_HOMES = {"Gold": "entmin.grading.gold"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'entmin.grading' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES.get(name, "entmin.grading.api")), name)
