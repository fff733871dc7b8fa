"""What the page's controls are made of: every method, its settings, their meanings and their ranges."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from entmin.methods import METHODS, Method, method_names

SAMPLING: list[dict[str, Any]] = [
    {
        "name": "temperature",
        "default": 1.0,
        "low": 0,
        "high": 100,
        "upto": 2,
        "meaning": "Divides the logits after the method; 0 takes the likeliest token.",
    },
    {"name": "top_p", "default": 1.0, "low": 0, "high": 1, "upto": 1, "meaning": "Nucleus mass kept; 1 keeps all."},
    {
        "name": "top_k",
        "default": 0,
        "low": 0,
        "high": 1 << 30,
        "upto": 100,
        "meaning": "Likeliest tokens kept; 0 keeps all.",
    },
    {
        "name": "min_p",
        "default": 0.0,
        "low": 0,
        "high": 1,
        "upto": 1,
        "meaning": "Least probability kept, as a share of the largest; 0 keeps all.",
    },
]
"""How a token is drawn; the ranges are those of `entmin.mode.Sampling`."""


def catalogue() -> list[dict[str, Any]]:
    """Every method, plugins' included."""
    return [_described(METHODS[name]) for name in method_names()]


def _described(cls: type[Method]) -> dict[str, Any]:
    meanings = cls.meanings()
    return {
        "name": cls.name,
        "summary": cls.summary,
        "presets": cls.presets,
        "settings": [_setting(cls, field, meanings[field.name]) for field in dataclasses.fields(cls)],
    }


def _setting(cls: type[Method], field: dataclasses.Field[Any], meaning: str) -> dict[str, Any]:
    kind, default = cls.options()[field.name], field.default
    found = {"name": field.name, "kind": kind.__name__, "default": default, "meaning": meaning}
    if field.name in cls.choices:
        found["choices"] = cls.choices[field.name]
    if kind in (int, float) and isinstance(default, (int, float)):
        low, high = cls.bounds.get(field.name, (-math.inf, math.inf))
        high = min(high, max(cls.request_limits.get(field.name, high), default))
        # A slider over the whole range would move the default by a hair; the number beside it takes all of it.
        upto = min(high, max(1.0 if kind is float else 10, 4 * abs(default)))
        bounds = {"low": low, "high": high, "upto": upto}
        found |= {name: value if math.isfinite(value) else None for name, value in bounds.items()}
    return found
