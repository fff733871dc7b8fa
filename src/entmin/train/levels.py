"""What the collapse watch can be told, and the limits that a smoothed metric must not cross."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, field_validator

from entmin.errors import UsageError
from entmin.train.fields import Action, Amount, Factor, Free, NonNegative, Positive, Settings, Share


class WatchSettings(Settings):
    """The part of a run's settings that the watch reads; null as threshold switches a rule off."""

    watch: Free[Action] = "warn"
    """What the collapse watch does when a rule fires: say so, also end the training, or nothing."""
    entropy_floor: Free[Amount | None] = 0.05
    """Collapse rule: mean token entropy, nats. Reward is bought with entropy, R = b - a exp(H) (arXiv:2505.22617): at
    0.05 all is spent."""
    entropy_factor: Free[Factor | None] = 2.5
    """Collapse rule: mean token entropy relative to the start, and half a nat more than it: it should fall."""
    kl_cap: Free[Amount | None] = 0.5
    """Collapse rule: KL to the initial model, nats per token: at 0.5 each token of what is now said has lost two fifths
    of its probability."""
    length_factor: Free[Factor | None] = 3.0
    """Collapse rule: mean length relative to the start, longer or shorter."""
    clipped_cap: Free[Share | None] = 0.95
    """Collapse rule: share of answers that max_tokens cuts off; the model is then trained on beginnings."""
    collapse_factor: Free[Factor | None] = 3.0
    """Collapse rule: entropy or length divided by this from one handful of observations to the next two."""
    repetition_cap: Free[Share | None] = 0.3
    """Collapse rule: share of 4-grams that repeat; worked mathematics stays near 0.1."""
    distinct_factor: Free[Annotated[float, Field(ge=1)] | None] = 1.2
    """Collapse rule: distinct answers per prompt, where 1 means that all n samples say the same."""
    agreement_plateau: Free[Positive | None] = 20
    """Collapse rule: observations without a rise in the share of the majority answer."""
    signal_steps: Free[Positive | None] = 10
    """Collapse rule: observations in a row in which no prompt's samples differed in reward."""
    gradient_factor: Free[Factor | None] = 100.0
    """Collapse rule: gradient norm relative to the start; one that is not finite fires at once."""
    watch_window: Free[Positive] = 5
    """Observations in the median that smooths the watched curves."""
    watch_save_every: Free[NonNegative] = 5
    """Least steps between checkpoints made for the watch, so that one is from before a fall; 0: none."""
    watch_actions: Free[dict[str, Action]] = Field(default_factory=dict)
    """What single rules do, by name, such as {"kl-cap": "stop"}; `watch` is for all others."""

    @field_validator("watch_actions")
    @classmethod
    def _known_rules(cls, given: dict[str, Action]) -> dict[str, Action]:
        if unknown := sorted(set(given) - set(RULES)):
            raise UsageError(f"the watch has no rule {', '.join(unknown)}; rules: {', '.join(RULES)}")
        return given

    def action(self, rule: str) -> Action:
        """What is done when a rule fires."""
        return self.watch_actions.get(rule, self.watch)


@dataclass(frozen=True, slots=True)
class Level:
    """A limit that a smoothed metric must not cross."""

    name: str
    metric: str
    sign: Literal[1, -1]
    """1: the limit is above; -1: below."""
    limit: Callable[[WatchSettings, float, int], float | None]
    """From the settings, the metric's start and the samples per prompt."""
    words: str
    """Template of the message: start, now, limit, steps."""
    logarithmic: bool = False
    fixed: bool = False
    """Whether the limit holds for a run that starts beyond it, too."""

    def bound(self, settings: WatchSettings, start: float, n: int = 4) -> float | None:
        """The limit of a run with n samples per prompt; None where the rule is off."""
        limit = self.limit(settings, start, n)
        if limit is None or self.fixed or self.sign * (limit - start) > 0:
            return limit
        return start / 2 if self.sign < 0 else (start + 1) / 2 if start < 1 else 2 * start

    def halfway(self, start: float, limit: float) -> float:
        """The point beyond which a checkpoint is no longer safe."""
        return math.sqrt(start * limit) if self.logarithmic and start > 0 < limit else (start + limit) / 2


def _growth(settings: WatchSettings, start: float, _: int) -> float | None:
    return None if settings.entropy_factor is None else max(settings.entropy_factor * start, start + 0.5)


def _times(factor: float | None, start: float, power: int = 1) -> float | None:
    return None if factor is None else start * factor**power


LEVELS = (
    Level(
        "entropy-floor", "entropy", -1, lambda settings, *_: settings.entropy_floor,
        "entropy fell from {start:.2g} to {now:.2g} nats a token within {steps} steps: the model now gives nearly the "
        "same answer whatever is drawn", logarithmic=True,
    ),
    Level(
        "entropy-growth", "entropy", 1, _growth,
        "entropy rose from {start:.2g} to {now:.2g} nats a token within {steps} steps: the model is coming apart",
    ),
    Level(
        "all-cut", "clipped", 1, lambda settings, *_: settings.clipped_cap,
        "max_tokens cuts off {now:.0%} of the answers (at first {start:.0%}): the model is trained on beginnings; "
        "raise max_tokens", fixed=True,
    ),
    Level(
        "kl-cap", "kl", 1, lambda settings, *_: settings.kl_cap,
        "KL to the initial model rose to {now:.2g} nats a token (cap {limit:.2g}) within {steps} steps: the model has "
        "drifted far from what it could do before",
    ),
    Level(
        "length-growth", "length", 1, lambda settings, start, _: _times(settings.length_factor, start),
        "answers grew from {start:.0f} to {now:.0f} tokens within {steps} steps: confident filler is being written",
        logarithmic=True,
    ),
    Level(
        "length-collapse", "length", -1, lambda settings, start, _: _times(settings.length_factor, start, -1),
        "answers shrank from {start:.0f} to {now:.0f} tokens within {steps} steps: the reasoning is being left out",
        logarithmic=True,
    ),
    Level(
        "repetition", "repetition", 1, lambda settings, *_: settings.repetition_cap,
        "{now:.0%} of the 4-grams in an answer repeat (at first {start:.0%}): the model goes in circles",
    ),
    Level(
        "distinct-floor", "distinct", -1, lambda settings, _, n: _times(settings.distinct_factor, 1 / n),
        "distinct answers fell from {start:.0%} to {now:.0%} of the samples within {steps} steps: all samples of a "
        "prompt say the same, so pass@k can no longer exceed pass@1",
    ),
    Level(
        "gradient", "grad_norm", 1, lambda settings, start, _: _times(settings.gradient_factor, start),
        "the gradient norm went from {start:.2g} to {now:.2g} within {steps} steps: the run is unstable; lower the "
        "learning rate", logarithmic=True,
    ),
)  # fmt: skip
PLATEAU, SIGNAL, SUDDEN = "agreement-plateau", "no-signal", "sudden-collapse"
RULES = (*(level.name for level in LEVELS), PLATEAU, SIGNAL, SUDDEN)
