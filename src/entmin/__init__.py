"""Entropy minimization for language-model reasoning.

The names below are imported on first use, so that ``import entmin`` and ``entmin --help`` stay fast and need no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_EXPORTS = {
    "entropy": "entmin.core",
    "em_inf": "entmin.core",
    "adaptive_temperature": "entmin.core",
    "EmInf": "entmin.methods",
    "AdaptiveTemperature": "entmin.methods",
    "Normal": "entmin.methods",
    "Method": "entmin.methods",
    "EntropyLogitsProcessor": "entmin.hosts.transformers",
    "Verdict": "entmin.verdict",
    "grade": "entmin.grading",
}

if TYPE_CHECKING:
    from entmin.core import adaptive_temperature, em_inf, entropy
    from entmin.grading import grade
    from entmin.hosts.transformers import EntropyLogitsProcessor
    from entmin.methods import AdaptiveTemperature, EmInf, Method, Normal
    from entmin.verdict import Verdict

__all__ = [
    "AdaptiveTemperature",
    "EmInf",
    "EntropyLogitsProcessor",
    "Method",
    "Normal",
    "Verdict",
    "adaptive_temperature",
    "em_inf",
    "entropy",
    "grade",
]


_EXTRAS = {"grade": "eval"}
"""Names that work only with an extra of ``pip install 'entmin[...]'``."""


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'entmin' has no attribute {name!r}")
    if name in _EXTRAS:
        from entmin.extras import require

        require(_EXTRAS[name], f"entmin.{name}")
    # A submodule of the same name (entmin.core.em_inf) must not shadow the function: ask the package for it.
    return getattr(importlib.import_module(_EXPORTS[name]), name)


def __dir__() -> list[str]:
    return sorted({"__version__", *__all__})
