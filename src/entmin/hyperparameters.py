"""Frozen settings that come as text or numbers: parsed, checked, described. The base of methods and of strategies."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self, cast, get_type_hints

from entmin.errors import UsageError, closest

Scalar = str | int | float | bool


@dataclasses.dataclass(frozen=True)
class Hyperparameters:
    """A named set of scalars; a subclass's fields are checked against their types and bounds when it is built."""

    name: ClassVar[str]
    """The mode name, such as ``em_inf``."""
    summary: ClassVar[str]
    """One line for ``entmin list``."""
    presets: ClassVar[dict[str, dict[str, Any]]] = {}
    """Named settings: preset name to the fields it sets."""
    bounds: ClassVar[dict[str, tuple[float, float]]] = {}
    """Field name to the inclusive range of allowed values."""
    choices: ClassVar[dict[str, tuple[str, ...]]] = {}
    """Field name to the words it may be; hyphens count as underscores."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, self.checked(field.name, getattr(self, field.name)))

    @classmethod
    def checked(cls, name: str, value: Any) -> Scalar:
        """A value for the field `name`, from text or a scalar.

        Raises:
            UsageError: of the wrong kind, or out of range.
        """
        kind = _kinds(cls)[name]
        try:
            parsed: Scalar = _parse(kind, value)
        except (TypeError, ValueError, OverflowError):
            raise UsageError(f"{cls.name}: {name} must be {kind.__name__}, not {value!r}") from None
        if name in cls.choices:
            parsed = str(parsed).strip().lower().replace("-", "_")
            if parsed not in cls.choices[name]:
                raise UsageError(f"{cls.name}: {name} must be {' or '.join(cls.choices[name])}, not {value!r}")
        low, high = cls.bounds.get(name, (-math.inf, math.inf))
        if not isinstance(parsed, str) and not low <= parsed <= high:
            raise UsageError(f"{cls.name}: {name} must be between {low:g} and {high:g}, not {parsed!r}")
        return parsed

    @classmethod
    def options(cls) -> dict[str, type]:
        """Hyper-parameter names and their scalar types, in order."""
        return dict(_kinds(cls))

    @classmethod
    def meanings(cls) -> dict[str, str]:
        """What each option means: the text under its field, empty where there is none or the source is not at hand."""
        found: dict[str, str] = {}
        for base in reversed(cls.__mro__):
            try:
                [tree] = ast.parse(textwrap.dedent(inspect.getsource(base))).body
            except (OSError, TypeError, SyntaxError):
                continue
            for field, below in itertools.pairwise(getattr(tree, "body", [])):
                text = getattr(getattr(below, "value", None), "value", None)
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, str):
                    found[field.target.id] = inspect.cleandoc(text)
        return {name: found.get(name, "") for name in cls.options()}

    @classmethod
    def defaults(cls) -> dict[str, Scalar]:
        """Hyper-parameter names and their defaults, in order."""
        return {field.name: cast(Scalar, field.default) for field in dataclasses.fields(cls)}

    @classmethod
    def preset(cls, name: str, **overrides: Any) -> Self:
        """The settings of a preset.

        Raises:
            UsageError: no such preset; the message lists the ones there are.
        """
        if name not in cls.presets:
            presets = ", ".join(cls.presets) or "none"
            raise UsageError(f"{cls.name} has no preset {name!r}; presets: {presets}{closest(name, cls.presets)}")
        return cls(**{**cls.presets[name], **overrides})

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], also: Sequence[str] = ()) -> Self:
        """Build from names and values; missing ones take their defaults, ``preset`` its values.

        Args:
            settings: values as text or scalars, by name.
            also: names that belong to somebody else but may have been meant by a misspelt one.

        Raises:
            UsageError: an unknown option (the message lists the right names), or a value out of range.
        """
        given = dict(settings)
        preset = given.pop("preset", None)
        known = list(cls.options())
        for key in given:
            if key not in known:
                near, options = closest(key, [*known, "preset", *also]), ", ".join(known) or "none"
                raise UsageError(f"{cls.name} has no option {key!r}{near}; options: {options}")
        return cls(**given) if preset is None else cls.preset(str(preset), **given)

    def describe(self) -> str:
        """A short form for tables: ``em_inf(threshold=0.3, ...)``."""
        shown = (f"{k}={v}" if isinstance(v, str) else f"{k}={v:g}" for k, v in dataclasses.asdict(self).items())
        return f"{self.name}({', '.join(shown)})"


_KINDS: dict[type, dict[str, type]] = {}


def _kinds(cls: type[Hyperparameters]) -> dict[str, type]:
    """Kept, because reading annotations takes half a millisecond and servers build a method for every request."""
    if cls not in _KINDS:
        hints = get_type_hints(cls)
        _KINDS[cls] = {field.name: hints[field.name] for field in dataclasses.fields(cls)}
    return _KINDS[cls]


def _parse(kind: type, value: Any) -> Any:
    if kind is bool:
        if isinstance(value, str) and value.lower() in ("true", "false", "0", "1"):
            return value.lower() in ("true", "1")
        if isinstance(value, (bool, int)) and value in (0, 1):
            return bool(value)
        raise ValueError
    if isinstance(value, bool):
        raise TypeError
    if kind is int:
        if float(value) != int(float(value)):
            raise ValueError
        return int(float(value))
    parsed = kind(value)
    if kind is float and not math.isfinite(parsed):
        raise ValueError
    return parsed
