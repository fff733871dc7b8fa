"""What to do with several answers to one question: votes, refinement, choice of the best, sampling of whole answers.

A strategy asks the model several times; a method (`entmin.methods`) changes how each of those answers is decoded. They
are independent, and a mode (`entmin.mode`) names one of each. The asking itself is in `entmin.evals.several`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Literal

from entmin.errors import UsageError
from entmin.hyperparameters import Hyperparameters, Scalar

Confidence = Literal["entropy", "logprob", "self_certainty", "trace_confidence", "entropy_centroid", "power"]
"""What an engine has to measure of an answer: how sure the model was of it, per token (mean entropy, mean
log-probability, mean KL(uniform || p)); what `DeepConf` and `LowestCentroid` go by; or what `PowerSampling` needs."""


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

    def check_method(self, name: str, memory: bool) -> None:
        """Refuse a method that the strategy does not go with.

        Args:
            name: the method's.
            memory: whether it has memory.
        """


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


@dataclass(frozen=True)
class DeepConf(Strategy):
    """Sample n answers, keep the most confident share, and let each vote with its confidence (Fu et al. 2025).

        C_i = -(1/likeliest) sum_{j <= likeliest} log p_ij     of token i, over its likeliest tokens, most likely first
        G_i = mean of C over a window of `group` tokens

    The confidence of an answer is the mean C of its last `group` tokens (``tail``), the mean of the lowest tenth of
    its G (``bottom``), its lowest G (``lowest``), or its mean C (``mean``); a short answer is one group. Answers
    at or above the (1 - keep) quantile of those that answer anything stay, and vote with it as weight.

    arXiv 2508.15260, offline. p is the model's own distribution.
    """

    name: ClassVar[str] = "deepconf"
    summary: ClassVar[str] = "n sampled answers; the most confident share votes, each with its confidence as weight"
    bounds: ClassVar[dict[str, tuple[float, float]]] = {
        "n": (1, 1024), "keep": (0.001, 1), "group": (1, 1 << 20), "likeliest": (1, 20),
    }  # fmt: skip
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"trust": ("tail", "bottom", "lowest", "mean")}
    sampled: ClassVar[bool] = True

    n: int = 8
    """Answers sampled for each problem; the paper has up to 512."""
    keep: float = 0.9
    """Share of the answers that vote; the paper's two settings are 0.9 and 0.1."""
    trust: str = "tail"
    """Which tokens an answer's confidence is of."""
    group: int = 2048
    """Tokens of a group, and of the tail."""
    likeliest: int = 20
    """Likeliest tokens of each step; as many as the published code asks a server for."""

    @property
    def confidence(self) -> Confidence:
        """Needs the log-probabilities of the likeliest tokens."""
        return "trace_confidence"


@dataclass(frozen=True)
class LowestCentroid(Strategy):
    """Sample n answers and return the one whose uncertain passages come earliest (Zhao et al. 2026).

    A high-entropy phase begins at a token whose entropy is among the highest `high` per cent of the answer's, and ends
    before `calm` tokens in a row that are among the lowest `low` per cent. With the phases' starts s and durations d

        centroid = sum d (s + d/2) / sum d / T        T: tokens of the answer

    arXiv 2604.26173 and its published code. The limit on outliers there is left out: it is chosen by looking at labels.
    Entropies are of the whole distribution.
    """

    name: ClassVar[str] = "lowest_centroid"
    summary: ClassVar[str] = "n sampled answers, and the one whose high-entropy phases lie earliest"
    bounds: ClassVar[dict[str, tuple[float, float]]] = {
        "n": (1, 1024), "high": (0, 100), "low": (0, 100), "calm": (1, 1024),
    }  # fmt: skip
    sampled: ClassVar[bool] = True

    n: int = 4
    """Answers sampled for each problem."""
    high: float = 5.0
    """Per cent of the answer's tokens that can begin a phase."""
    low: float = 50.0
    """Per cent of the answer's tokens that count as calm."""
    calm: int = 3
    """Calm tokens in a row that end a phase."""

    @property
    def confidence(self) -> Confidence:
        """Needs the entropy of every token."""
        return "entropy_centroid"


@dataclass(frozen=True)
class PowerSampling(Strategy):
    """Draw one answer from p(answer)^power by Metropolis-Hastings steps on whole answers (Karan & Du 2025).

    arXiv 2510.14901; `entmin.engine.power` has the equations. The proposals are drawn as the mode says: the paper's are
    at the temperature 1/power, ``power_sampling@0.25``.
    """

    name: ClassVar[str] = "power_sampling"
    summary: ClassVar[str] = (
        "one answer from p(answer)^power, by Markov chain; the paper proposes at temperature 1/power"
    )
    bounds: ClassVar[dict[str, tuple[float, float]]] = {"power": (1, 1000), "steps": (0, 1000), "blocks": (1, 1000)}

    power: float = 4.0
    """Exponent of the target; the paper's number."""
    steps: int = 10
    """Metropolis-Hastings steps after each block; the published number."""
    blocks: int = 16
    """Into how many pieces an answer is divided; the published number."""

    @property
    def confidence(self) -> Confidence:
        """Needs log-probabilities under the model and under what tokens are drawn from, and tokens as prompts."""
        return "power"

    def check_temperature(self, temperature: float) -> None:
        """Refuse proposals that are all the same.

        Raises:
            UsageError: the temperature is 0.
        """
        if temperature == 0:
            raise UsageError(
                f"{self.name} at temperature 0 proposes the same answer for ever; the paper's is @{1 / self.power:g}"
            )

    def check_method(self, name: str, memory: bool) -> None:
        """Refuse methods with memory, whose proposals from the middle of an answer have another distribution.

        Raises:
            UsageError: the method has memory.
        """
        if memory:
            raise UsageError(
                f"{self.name} does not go with {name}: it begins again in the middle of an answer, which {name} "
                "remembers from its beginning"
            )


STRATEGIES: dict[str, type[Strategy]] = {
    cls.name: cls for cls in (SelfConsistency, SelfRefinement, BestOfN, DeepConf, LowestCentroid, PowerSampling)
}
