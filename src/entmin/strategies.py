"""What to do with several answers to one question: self-consistency, self-refinement, best of n.

A strategy asks the model several times; a method (`entmin.methods`) changes how each of those answers is decoded. They
are independent, and a mode (`entmin.mode`) names one of each. The asking itself is in `entmin.evals.several`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Literal

from entmin.errors import UsageError
from entmin.hyperparameters import Hyperparameters, Scalar

Confidence = Literal["entropy", "logprob", "self_certainty"]
"""How sure the model was of an answer: mean entropy, mean log-probability, or mean KL(uniform || p), per token."""


@dataclass(frozen=True)
class Strategy(Hyperparameters):
    """Base of all strategies."""

    sampled: ClassVar[bool] = False
    """Whether it is pointless at temperature 0, where all answers are equal."""

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
