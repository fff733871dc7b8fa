"""What to do with several answers to one question: self-consistency, self-refinement, best of n.

A strategy asks the model several times; a method (`entmin.methods`) changes how each of those answers is decoded. They
are independent, so a *mode* names one of each, joined by ``+``: ``em_inf+self_consistency``. A server knows methods
only. The asking itself is in `entmin.evals.several`. Importable without torch.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from entmin.errors import UsageError
from entmin.hyperparameters import Hyperparameters, Scalar, closest
from entmin.methods import METHODS, Method, from_args, method_names

Confidence = Literal["entropy", "logprob", "self_certainty"]
"""How sure the model was of an answer: mean entropy, mean log-probability, or mean KL(uniform || p), per token."""


@dataclass(frozen=True)
class Strategy(Hyperparameters):
    """Base of all strategies."""

    sampled: ClassVar[bool] = False
    """Whether it is pointless at temperature 0, where all answers are equal."""
    compares: ClassVar[bool] = False
    """Whether it needs to know when two answers are the same."""

    @property
    def confidence(self) -> Confidence | None:
        """What the engine has to measure for it."""
        return None

    def to_args(self) -> dict[str, Scalar]:
        """The flat form, complete: the strategy's name and every setting."""
        return {"strategy": self.name} | dataclasses.asdict(self)

    def check_temperature(self, temperature: float) -> None:
        """Refuse what would ask for the same answer several times.

        Raises:
            UsageError: the strategy needs different answers and the temperature is 0.
        """
        if self.sampled and temperature == 0 and getattr(self, "n", 1) > 1:
            raise UsageError(
                f"{self.name} at temperature 0 is the same answer several times; sample with --temp above 0"
            )


@dataclass(frozen=True)
class SelfConsistency(Strategy):
    """Sample n answers, group the equal ones, return the group with the most votes (Wang et al. 2023)."""

    name: ClassVar[str] = "self_consistency"
    summary: ClassVar[str] = "n sampled answers, and a vote over those that are the same answer"
    bounds: ClassVar[dict[str, tuple[float, float]]] = {"n": (1, 1024)}
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"vote": ("majority", "logprob", "self_certainty")}
    sampled: ClassVar[bool] = True
    compares: ClassVar[bool] = True

    n: int = 4
    """Answers sampled for each problem; the paper's number."""
    vote: str = "majority"
    """What an answer's vote counts: 1, or exp(mean log-probability), or self-certainty."""

    @property
    def confidence(self) -> Confidence | None:
        """None for the plain majority."""
        return None if self.vote == "majority" else self.vote  # type: ignore[return-value]


@dataclass(frozen=True)
class SelfRefinement(Strategy):
    """Answer n times in sequence, each time with the earlier answers in view; the last one counts."""

    name: ClassVar[str] = "self_refinement"
    summary: ClassVar[str] = "n answers in sequence, each with the earlier ones in view; the last one counts"
    bounds: ClassVar[dict[str, tuple[float, float]]] = {"n": (1, 64)}
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"style": ("published", "clean")}

    n: int = 3
    """Rounds; the first is the plain answer. The paper's number for mathematics."""
    style: str = "published"
    """``published``: previous prompt, previous answer, blank line, the whole formatted question again, and no word
    about revising. ``clean``: a chat in which the user asks for a revision."""


@dataclass(frozen=True)
class BestOfN(Strategy):
    """Sample n answers and return the one the model was most sure of."""

    name: ClassVar[str] = "best_of_n"
    summary: ClassVar[str] = "n sampled answers, and the one the model was most sure of"
    bounds: ClassVar[dict[str, tuple[float, float]]] = {"n": (1, 1024)}
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"by": ("entropy", "logprob", "self_certainty")}
    sampled: ClassVar[bool] = True

    n: int = 4
    """Answers sampled for each problem."""
    by: str = "entropy"
    """Lowest mean entropy, or highest mean log-probability or self-certainty."""

    @property
    def confidence(self) -> Confidence | None:
        """Always something."""
        return self.by  # type: ignore[return-value]


STRATEGIES: dict[str, type[Strategy]] = {cls.name: cls for cls in (SelfConsistency, SelfRefinement, BestOfN)}


@dataclass(frozen=True)
class Mode:
    """One method, and perhaps a strategy."""

    method: Method
    strategy: Strategy | None = None
    greedy: bool = False
    """``greedy`` was named in place of a method: `normal` at temperature 0."""

    @property
    def name(self) -> str:
        """The name results are filed under: ``em_inf``, ``self_consistency``, ``em_inf+self_consistency``."""
        if self.strategy is None:
            return self.method.name
        return self.strategy.name if self.method.name == "normal" else f"{self.method.name}+{self.strategy.name}"

    def describe(self) -> str:
        """A short form for tables, with every setting."""
        if self.strategy is None:
            return self.method.describe()
        inner = "" if self.method.name == "normal" else f"{self.method.describe()} + "
        return inner + self.strategy.describe()


def parse_mode(text: str, settings: Mapping[str, Any] | None = None) -> Mode:
    """Read ``METHOD``, ``STRATEGY`` or ``METHOD+STRATEGY``, each with settings after colons.

    Args:
        text: such as ``em_inf:threshold=0.1+self_consistency:n=8``; hyphens count as underscores.
        settings: more settings by name, for whichever of the two has them.

    Raises:
        UsageError: an unknown name or setting, a value out of range, or two of a kind.
    """
    methods: dict[str, dict[str, Any]] = {}
    chosen: dict[str, dict[str, Any]] = {}
    # 1e+3 holds a plus sign too; a name starts with a letter.
    for part in re.split(r"\+(?=\s*[A-Za-z])", text):
        name, pairs = _read_part(part, text)
        (chosen if name in STRATEGIES else methods)[name] = pairs
    if len(methods) > 1 or len(chosen) > 1:
        raise UsageError(f"{text!r}: a mode is at most one method and one strategy ({', '.join(STRATEGIES)})")
    name, method_settings = next(iter(methods.items()), ("normal", {}))
    strategy = None
    extra = dict(settings or {})
    if chosen:
        kind, strategy_settings = next(iter(chosen.items()))
        cls = STRATEGIES[kind]
        strategy = cls.from_settings(strategy_settings | _take(extra, cls))
    greedy = name == "greedy"
    known = method_names()
    if not greedy and name.replace("-", "_") not in known:
        near = closest(name.replace("-", "_"), [*known, *STRATEGIES])
        raise UsageError(
            f"unknown method {name!r}{near}; methods: {', '.join(known)}; strategies: {', '.join(STRATEGIES)}"
        )
    if greedy and method_settings:
        raise UsageError(f"{text!r}: greedy takes no settings; it is normal@0")
    return Mode(from_args({"method": "normal" if greedy else name, **method_settings, **extra}), strategy, greedy)


def _take(settings: dict[str, Any], cls: type[Strategy]) -> dict[str, Any]:
    """The settings that a strategy has, removed from `settings`."""
    return {key: settings.pop(key) for key in list(settings) if key in cls.options()}


def _read_part(part: str, text: str) -> tuple[str, dict[str, Any]]:
    name, *settings = part.strip().split(":")
    pairs = {key.strip().replace("-", "_"): value for key, _, value in (pair.partition("=") for pair in settings)}
    if not all(pairs.values()):
        raise UsageError(f"{text!r}: write settings as name=value, as in em_inf:threshold=0.1@0.5")
    key = name.strip().replace("-", "_")
    return (key if key in STRATEGIES or key in METHODS else name.strip()), pairs
