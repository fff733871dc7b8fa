"""A mode: how an answer is made. One frozen type and one grammar, wherever a mode is named.

    em_inf:threshold=0.1+self_consistency:n=8@0.7        normal:min_p=0.1:top_p=0.9:seed=3        greedy

A *method* (`entmin.methods`) changes the distribution of each token, a *strategy* (`entmin.strategies`) asks several
times, and sampling says how a token is drawn. A mode has at most one method and one strategy, joined by ``+``. Settings
follow a name after colons (or commas, where no list of modes is split on them); hyphens count as underscores; ``@0.7``
is ``:temperature=0.7``; ``greedy`` is ``normal@0``. A JSON object of names and values is read too. Needs no torch.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from entmin.errors import UsageError, closest
from entmin.hyperparameters import Hyperparameters, Scalar
from entmin.methods import METHODS, Method, Normal, method_names
from entmin.methods.base import PREFIX
from entmin.strategies import STRATEGIES, Strategy

_COLDEST = 1e-6
"""Logits divided by less may overflow float32."""
_RANGES = {"temperature": (0, 100), "top_p": (0, 1), "top_k": (0, 1 << 30), "min_p": (0, 1)}
_SEEDS = (-(1 << 63), (1 << 63) - 1)


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn from the adjusted distribution: temperature, then truncation. Nothing is implied."""

    temperature: float = 1.0
    """0 is greedy."""
    top_p: float = 1.0
    """Keep the smallest set of tokens with this much mass; 1 keeps all."""
    top_k: int = 0
    """Keep this many tokens; 0 keeps all."""
    min_p: float = 0.0
    """Keep tokens at least this likely relative to the likeliest; 0 keeps all."""

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise UsageError(f"{name} must be between {low} and {high}, not {getattr(self, name)!r}")
        if 0 < self.temperature < _COLDEST:
            raise UsageError(f"temperature must be 0 (greedy) or at least {_COLDEST}, not {self.temperature!r}")
        if self.top_p == 0:
            raise UsageError("top_p must be above 0 (1 keeps every token)")


DRAWING = (*_RANGES, "seed")
"""Settings of a mode that are neither its method's nor its strategy's."""


@dataclass(frozen=True)
class Mode:
    """A method, perhaps a strategy, and the sampling that was asked for; None leaves a setting open."""

    method: Method = field(default_factory=Normal)
    strategy: Strategy | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        for key, value in self.drawing.items():
            object.__setattr__(self, key, _number(key, value))
        if self.seed is not None and not _SEEDS[0] <= self.seed <= _SEEDS[1]:
            raise UsageError(f"seed must be between {_SEEDS[0]} and {_SEEDS[1]}, not {self.seed}")
        sampling = self.sampling
        if self.strategy is not None:
            self.strategy.check_temperature(sampling.temperature)
            self.strategy.check_method(self.method.name, self.method.memory)

    @classmethod
    def parse(cls, text: str, options: Mapping[str, Any] | None = None) -> Mode:
        """Read a mode.

        Args:
            text: in the grammar above, or a JSON object.
            options: settings given by options of the command line, each for the part of the mode that has it.

        Raises:
            UsageError: an unknown name or setting, a value out of range, two methods or two strategies, or one setting
                given twice with different values.
        """
        draft = _Draft(text)
        if text.lstrip().startswith("{"):
            draft.add_args(_json_object(text))
        else:
            # 1e+3 holds a plus sign too; a name starts with a letter.
            for part in re.split(r"\+(?=\s*[A-Za-z])", text):
                draft.add_part(part)
        draft.spread({key.replace("-", "_"): value for key, value in (options or {}).items()}, "by --")
        return draft.build()

    @classmethod
    def from_args(cls, args: Mapping[str, Any]) -> Mode:
        """Inverse of `to_args`; what is missing is the default, the method too. Keys may lack the prefix.

        Raises:
            UsageError: as for `parse`.
        """
        draft = _Draft("the request")
        draft.add_args(args)
        return draft.build()

    @property
    def sampling(self) -> Sampling:
        """What a token is drawn with; what is left open is neutral."""
        return Sampling(**{key: value for key, value in self.drawing.items() if key != "seed"})

    @property
    def drawing(self) -> dict[str, Any]:
        """Temperature, top-p, top-k, min-p and seed, as far as they were given."""
        return {key: value for key in DRAWING if (value := getattr(self, key)) is not None}

    def filled(self, **settings: Any) -> Mode:
        """The same mode with settings of `DRAWING` where it left them open."""
        return dataclasses.replace(self, **(settings | self.drawing))

    def complete(self) -> Mode:
        """The same mode with nothing left open: neutral sampling and seed 0. Equal runs have equal complete modes."""
        return self.filled(**dataclasses.asdict(Sampling()), seed=0)

    @property
    def name(self) -> str:
        """The name results are filed under: ``em_inf``, ``greedy``, ``em_inf+self_consistency``."""
        plain = self.method.name == "normal"
        if self.strategy is None:
            return "greedy" if plain and self.temperature == 0 else self.method.name
        return self.strategy.name if plain else f"{self.method.name}+{self.strategy.name}"

    def describe(self) -> str:
        """A form for titles, with every setting of method and strategy."""
        parts = [self.method] if self.strategy is None or self.method.name != "normal" else []
        return " + ".join(part.describe() for part in [*parts, *([self.strategy] if self.strategy else [])])

    def to_args(self) -> dict[str, Scalar]:
        """The flat form: everything about method and strategy, and the sampling that was given."""
        strategy = self.strategy.to_args() if self.strategy else {}
        return self.method.to_args() | {PREFIX + key: value for key, value in (strategy | self.drawing).items()}

    def __str__(self) -> str:
        """The shortest text that `parse` reads back as this mode."""
        if self == Mode(temperature=0):
            return "greedy"
        rest = self.drawing
        heat = f"@{_short(rest.pop('temperature'))}" if "temperature" in rest else ""
        parts = [self.method] if self.strategy is None or self.method != Normal() else []
        written = [_written(part) for part in [*parts, *([self.strategy] if self.strategy else [])]]
        if None in written:
            return json.dumps(self.to_args())
        return "+".join(map(str, written)) + "".join(f":{key}={_short(value)}" for key, value in rest.items()) + heat


def flat_names() -> set[str]:
    """Every name that the flat form of a mode may hold, for whatever method and strategy, plugins' included."""
    method_names()
    options = (option for one in (*METHODS.values(), *STRATEGIES.values()) for option in one.options())
    return {*options, *DRAWING, "method", "preset", "strategy"}


def _written(part: Hyperparameters) -> str | None:
    """Name and settings that are not the defaults; None where a setting is a text that the grammar cannot hold."""
    changed = {f.name: value for f in dataclasses.fields(part) if (value := getattr(part, f.name)) != f.default}
    if not all(re.fullmatch(r"[\w./+-]*\w", str(value)) for value in changed.values()):
        return None
    return ":".join([part.name, *(f"{key}={_short(value)}" for key, value in changed.items())])


def _short(value: Scalar) -> str:
    return str(value).removesuffix(".0")


def _number(key: str, value: Any) -> float | int:
    """A sampling setting or a seed from text or a number."""
    try:
        found = float(value)
        whole = key in ("top_k", "seed")
        if isinstance(value, bool) or (whole and math.isfinite(found) and found != int(found)):
            raise ValueError
        return int(value) if whole else found
    except (TypeError, ValueError, OverflowError):
        kind = "a whole number" if key in ("top_k", "seed") else "a number"
        raise UsageError(f"{key} must be {kind}, not {value!r}") from None


def _json_object(text: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise UsageError(f"a mode as JSON must be one object, not {text!r}: {error}") from None
    if not {"method", "strategy"} & {key.removeprefix(PREFIX) for key in found}:
        raise UsageError(f"a mode as JSON needs '{PREFIX}method', which is missing in {text!r}")
    return found


class _Draft:
    """A mode being read: which classes were named, and the settings of each."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._also: tuple[str, ...] = DRAWING
        """Names that a misspelt setting may have meant."""
        self.method: type[Method] | None = None
        self.strategy: type[Strategy] | None = None
        self._settings: dict[str, dict[str, Any]] = {"method": {}, "strategy": {}, "drawing": {}}

    def add_part(self, part: str) -> None:
        """Take ``name:key=value...``."""
        head, *settings = (piece.strip() for piece in re.split(r"[:,]", part.replace("@", ":temperature=")))
        kind = self._add_name(head)
        for setting in filter(None, settings):
            key, _, value = (piece.strip() for piece in setting.partition("="))
            if not key or not value:
                raise UsageError(f"{self.text!r}: write settings as name=value, as in em_inf:threshold=0.1@0.5")
            if head == "greedy":
                raise UsageError(f"{self.text!r}: greedy takes no settings; it is normal@0")
            key = key.replace("-", "_")
            self._put("drawing" if key in DRAWING else kind, key, value)
        if head == "greedy":
            self._put("drawing", "temperature", 0)

    def add_args(self, args: Mapping[str, Any]) -> None:
        """Take the flat form."""
        named = {key.removeprefix(PREFIX): value for key, value in args.items()}
        self._also = (*DRAWING, "method", "mode", "strategy")
        for key in ("method", "strategy"):
            if key in named:
                self._add_name(str(named.pop(key)))
        self.spread(named)

    def _add_name(self, said: str) -> str:
        """Take the name of a method or a strategy, and return which of the two it is."""
        name = said.strip().replace("-", "_")
        known = ["greedy", *method_names()]
        if name not in (*known, *STRATEGIES):
            near = closest(name, [*known, *STRATEGIES])
            listed = f"methods: {', '.join(known[1:])}; strategies: {', '.join(STRATEGIES)}"
            raise UsageError(f"unknown method {said!r}{near}; {listed}")
        kind = "strategy" if name in STRATEGIES else "method"
        if getattr(self, kind) is not None:
            raise UsageError(f"{self.text!r}: a mode is at most one method and one strategy ({', '.join(STRATEGIES)})")
        setattr(self, kind, STRATEGIES.get(name) or METHODS.get(name, Normal))
        return kind

    def spread(self, settings: Mapping[str, Any], where: str = "as ") -> None:
        """Give each setting to the part of the mode that has it."""
        for key, value in settings.items():
            ours = self.strategy is not None and key in self.strategy.options()
            if ours and self.method is not None and key in self.method.options():
                raise UsageError(f"{self.text!r}: method and strategy both have {key}; write it after one of the names")
            self._put("drawing" if key in DRAWING else "strategy" if ours else "method", key, value, where)

    def _put(self, kind: str, key: str, value: Any, where: str = "as ") -> None:
        into = self._settings[kind]
        if key in into and self._read(kind, key, into[key]) != self._read(kind, key, value):
            second = f"{value} {where}{key}"
            raise UsageError(f"{key} is given twice: {into[key]} in {self.text!r}, and {second}; give it once")
        into[key] = value

    def _read(self, kind: str, key: str, value: Any) -> Any:
        if kind == "drawing":
            return _number(key, value)
        cls = (self.strategy if kind == "strategy" else self.method) or Normal
        return cls.checked(key, value) if key in cls.options() else value

    def build(self) -> Mode:
        """The mode itself, checked."""
        method = (self.method or Normal).from_settings(self._settings["method"], also=self._also)
        chosen = self._settings["strategy"]
        strategy = None if self.strategy is None else self.strategy.from_settings(chosen, also=self._also)
        return Mode(method, strategy, **self._settings["drawing"])
