"""Entropy minimization for language-model reasoning.

The names below are imported on first use, so that ``import entmin`` and ``entmin --help`` stay fast and need no torch.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
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
    "Mode": "entmin.mode",
    "evaluate": "entmin.api.evaluate",
    "compare": "entmin.api.compare",
    "settle": "entmin.api.settle",
    "train": "entmin.api.train",
    "ask": "entmin.api.ask",
    "adjust": "entmin.api.ask",
    "Evaluation": "entmin.api.results",
    "Comparison": "entmin.api.results",
    "Settlement": "entmin.settle.settling",
    "Training": "entmin.api.results",
}

if TYPE_CHECKING:
    from entmin.api.ask import adjust, ask
    from entmin.api.compare import compare
    from entmin.api.evaluate import evaluate
    from entmin.api.results import Comparison, Evaluation, Training
    from entmin.api.settle import settle
    from entmin.api.train import train
    from entmin.core import adaptive_temperature, em_inf, entropy
    from entmin.grading import grade
    from entmin.hosts.transformers import EntropyLogitsProcessor
    from entmin.methods import AdaptiveTemperature, EmInf, Method, Normal
    from entmin.mode import Mode
    from entmin.settle.settling import Settlement
    from entmin.verdict import Verdict

__all__ = [
    "AdaptiveTemperature",
    "Comparison",
    "EmInf",
    "EntropyLogitsProcessor",
    "Evaluation",
    "Method",
    "Mode",
    "Normal",
    "Settlement",
    "Training",
    "Verdict",
    "adaptive_temperature",
    "adjust",
    "ask",
    "compare",
    "em_inf",
    "entropy",
    "evaluate",
    "grade",
    "settle",
    "train",
]


_EXTRAS = {
    **dict.fromkeys(
        ("grade", "ask", "adjust", "evaluate", "compare", "settle", "Evaluation", "Comparison", "Settlement"), "eval"
    ),
    **dict.fromkeys(("train", "Training"), "train"),
}
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


class _Room(ModuleType):
    """A package with the name of a function, ``entmin.settle`` or ``entmin.train``, which can be called as it."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self._function(*args, **options)

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        return str(self._function.__doc__)

    @property
    def __signature__(self) -> Any:
        from inspect import signature

        return signature(self._function)

    @property
    def _function(self) -> Any:
        name = self.__name__.rpartition(".")[2]
        return getattr(importlib.import_module(_EXPORTS[name]), name)


class _Package(ModuleType):
    """This package. Python binds a package inside it to its name, and would hide the function of that name."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in _EXPORTS and isinstance(value, ModuleType):
            value.__class__ = _Room
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
