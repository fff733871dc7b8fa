"""The `Method` base class, its flat-scalar wire format, and the registry of methods by name.

The wire format is the same everywhere (command line, config files, ``vllm_xargs``, logs):
``{"entmin_method": "em_inf", "entmin_threshold": 0.3, ...}``.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, get_type_hints

from entmin.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from entmin.core import Adjusted

Scalar = str | int | float | bool

PREFIX = "entmin_"
METHOD_KEY = PREFIX + "method"


@dataclasses.dataclass(frozen=True)
class Method:
    """Base of all decoding methods: hyper-parameters in, adjusted logits out, each row on its own."""

    name: ClassVar[str]
    """The mode name, such as ``em_inf``."""
    summary: ClassVar[str]
    """One line for ``entmin list methods``."""
    presets: ClassVar[dict[str, dict[str, Any]]] = {}
    """Named settings: preset name to the fields it sets."""
    bounds: ClassVar[dict[str, tuple[float, float]]] = {}
    """Field name to the inclusive range of allowed values."""

    def adjust(self, logits: Tensor) -> Tensor:
        """Map raw logits ``[B, V]`` to adjusted ones; float32 (float64 for float64), ``-inf`` entries kept."""
        raise NotImplementedError

    def adjust_measured(self, logits: Tensor, out: Tensor | None = None) -> Adjusted:
        """Like `adjust`, with each row's entropy before and after; what a method knows already is not computed again.

        Args:
            logits: ``[B, V]``.
            out: ``[B, V]`` float32 that may be written over, `logits` itself allowed; the result may or may not be in
                it.
        """
        from entmin.core import Adjusted, entropy

        source = logits.float() if out is None else out.copy_(logits)
        adjusted = self.adjust(source)
        before = entropy(source)
        return Adjusted(adjusted, before, before if adjusted is source else entropy(adjusted))

    def adjust_in_place(self, logits: Tensor) -> Tensor:
        """Like `adjust`, into float32 ``[B, V]`` logits themselves, which are returned."""
        adjusted = self.adjust(logits)
        return adjusted if adjusted is logits else logits.copy_(adjusted)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, self._checked(field.name, getattr(self, field.name)))

    @classmethod
    def _checked(cls, name: str, value: Any) -> Scalar:
        kind = cls.options()[name]
        try:
            parsed: Scalar = _parse(kind, value)
        except (TypeError, ValueError, OverflowError):
            raise UsageError(f"{cls.name}: {name} must be {kind.__name__}, not {value!r}") from None
        low, high = cls.bounds.get(name, (-math.inf, math.inf))
        if not isinstance(parsed, str) and not low <= parsed <= high:
            raise UsageError(f"{cls.name}: {name} must be between {low:g} and {high:g}, not {parsed!r}")
        return parsed

    @classmethod
    def options(cls) -> dict[str, type]:
        """Hyper-parameter names and their scalar types, in order."""
        hints = get_type_hints(cls)
        return {field.name: hints[field.name] for field in dataclasses.fields(cls)}

    @classmethod
    def preset(cls, name: str, **overrides: Any) -> Self:
        """The method with a preset's values.

        Raises:
            UsageError: no such preset; the message lists the ones there are.
        """
        if name not in cls.presets:
            raise UsageError(f"{cls.name} has no preset {name!r}; presets: {', '.join(cls.presets) or 'none'}")
        return cls(**{**cls.presets[name], **overrides})

    def to_args(self) -> dict[str, Scalar]:
        """The flat form, complete: the method's name and every hyper-parameter."""
        return {METHOD_KEY: self.name} | {PREFIX + key: value for key, value in dataclasses.asdict(self).items()}

    def describe(self) -> str:
        """A short form for tables: ``em_inf(threshold=0.3, ...)``."""
        return f"{self.name}({', '.join(f'{k}={v:g}' for k, v in dataclasses.asdict(self).items())})"


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


METHODS: dict[str, type[Method]] = {}


def register_method(cls: type[Method]) -> type[Method]:
    """Make a method known by its name; usable as a decorator."""
    METHODS[cls.name] = cls
    return cls


def method_names() -> list[str]:
    """Names of all methods, plugins included."""
    from entmin.plugins import load_plugins

    load_plugins()
    return list(METHODS)


def method_class(name: str) -> type[Method]:
    """Look a method up by name; hyphens count as underscores.

    Raises:
        UsageError: unknown name; the message lists the right ones.
    """
    names = method_names()
    key = name.strip().replace("-", "_")
    if key not in METHODS:
        raise UsageError(f"unknown method {name!r}{_closest(key, names)}; methods: {', '.join(names)}")
    return METHODS[key]


def from_args(args: Mapping[str, Any]) -> Method:
    """Inverse of `Method.to_args`; missing hyper-parameters take their defaults, ``entmin_preset`` its values.

    Keys may carry the ``entmin_`` prefix or not; all must be known.

    Raises:
        UsageError: an unknown method or option (the message lists the right names), or a value out of range.
    """
    plain = {key.removeprefix(PREFIX): value for key, value in args.items()}
    cls = method_class(str(plain.pop("method", "normal")))
    preset = plain.pop("preset", None)
    known = list(cls.options())
    for key in plain:
        if key not in known:
            raise UsageError(
                f"{cls.name} has no option {key!r}{_closest(key, known)}; options: {', '.join(known) or 'none'}"
            )
    return cls(**plain) if preset is None else cls.preset(str(preset), **plain)


def _closest(word: str, names: list[str]) -> str:
    close = difflib.get_close_matches(word, names, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
