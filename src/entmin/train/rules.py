"""When a run is past its best: rules over the stream of its metrics, none of which needs a label.

Training on a model's own certainty sharpens what it already believes. Accuracy rises for some tens of steps and then
falls, often below where it began (No Free Lunch, arXiv:2506.17219: peak near step 20; the published runs stop at 40 and
100 steps). Signs of it can be seen without labels: entropy goes to 0, answers lengthen, shorten or repeat, samples
agree on everything, rewards no longer differ.

1. A metric is smoothed by the median of its last `window` steps; a rule speaks only when the window is full.
2. A level rule fires when the smoothed metric crosses its limit. A run that starts beyond a limit is judged by half of
   what was left to it instead, so that the rule does not fire for how the model began.
3. A checkpoint is safe from a level rule while the metric has gone less than half of the way from its first value to
   the limit (in logarithms for entropy, length and gradient).
   From a plateau it is safe within a window of the best step.
4. Two rules count steps: agreement without a rise, after it had risen; and rewards without variance.
5. A rule fires once in a run.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from entmin.errors import UsageError
from entmin.train.fields import Action, Amount, Factor, Free, NonNegative, Positive, Settings, Share

METRICS = ("entropy", "length", "repetition", "kl", "distinct", "agreement", "reward_std", "grad_norm")
ALIASES = {"completions/mean_length": "length", "completions/clipped_ratio": "clipped"}
"""TRL's own names of the same metrics."""


class WatchSettings(Settings):
    """The part of a run's settings that the watch reads; null as threshold switches a rule off."""

    watch: Free[Action] = "warn"
    """What the collapse watch does when a rule fires: say so, also end the training, or nothing."""
    entropy_floor: Free[Amount | None] = 0.05
    """Collapse rule: mean token entropy, nats. Reward is bought with entropy, R = b - a exp(H) (arXiv:2505.22617): at
    0.05 all is spent."""
    kl_cap: Free[Amount | None] = 0.5
    """Collapse rule: KL to the initial model, nats per token: at 0.5 each token of what is now said has lost two fifths
    of its probability."""
    length_factor: Free[Factor | None] = 3.0
    """Collapse rule: mean length relative to the first step, longer or shorter."""
    repetition_cap: Free[Share | None] = 0.3
    """Collapse rule: share of 4-grams that repeat; worked mathematics stays near 0.1."""
    distinct_factor: Free[Annotated[float, Field(ge=1)] | None] = 1.2
    """Collapse rule: distinct answers per prompt, where 1 means that all n samples say the same."""
    agreement_plateau: Free[Positive | None] = 20
    """Collapse rule: steps without a rise in the share of the majority answer."""
    signal_steps: Free[Positive | None] = 10
    """Collapse rule: steps in a row in which no prompt's samples differed in reward."""
    gradient_factor: Free[Factor | None] = 100.0
    """Collapse rule: gradient norm relative to the first step; one that is not finite fires at once."""
    watch_window: Free[Positive] = 5
    """Steps in the median that smooths the watched curves."""
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
class Alarm:
    """A rule that fired."""

    rule: str
    step: int
    value: float
    limit: float
    message: str
    """What happened and what it means, in words."""


@dataclass(frozen=True, slots=True)
class Level:
    """A limit that a smoothed metric must not cross."""

    name: str
    metric: str
    sign: Literal[1, -1]
    """1: the limit is above; -1: below."""
    limit: Callable[[WatchSettings, float, int], float | None]
    """From the settings, the metric's first value and the samples per prompt."""
    words: str
    """Template of the message: start, now, limit, steps."""
    logarithmic: bool = False

    def bound(self, settings: WatchSettings, start: float, n: int = 4) -> float | None:
        """The limit of a run with n samples per prompt; None where the rule is off."""
        limit = self.limit(settings, start, n)
        if limit is None or self.sign * (limit - start) > 0:
            return limit
        return start / 2 if self.sign < 0 else (start + 1) / 2 if start < 1 else 2 * start

    def halfway(self, start: float, limit: float) -> float:
        """The point beyond which a checkpoint is no longer safe."""
        return math.sqrt(start * limit) if self.logarithmic and start > 0 < limit else (start + limit) / 2


def _times(factor: float | None, start: float, power: int = 1) -> float | None:
    return None if factor is None else start * factor**power


LEVELS = (
    Level(
        "entropy-floor", "entropy", -1, lambda settings, *_: settings.entropy_floor,
        "entropy fell from {start:.2g} to {now:.2g} nats a token within {steps} steps: the model now gives nearly the "
        "same answer whatever is drawn", logarithmic=True,
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
_RISE = 0.01
"""What counts as a rise of the agreement."""
PLATEAU, SIGNAL = "agreement-plateau", "no-signal"
RULES = (*(level.name for level in LEVELS), PLATEAU, SIGNAL)


@dataclass(slots=True)
class _Series:
    """One metric so far."""

    window: int
    first: float = math.nan
    first_step: int = 0
    recent: deque[float] = field(default_factory=deque)

    def add(self, step: int, value: float) -> None:
        if not self.recent:
            self.first, self.first_step = value, step
        self.recent.append(value)
        if len(self.recent) > self.window:
            self.recent.popleft()

    @property
    def smooth(self) -> float | None:
        """None until the window is full."""
        return median(self.recent) if len(self.recent) == self.window else None


class RuleEngine:
    """Feeds on (step, metrics) and says which rules fire; knows nothing of trainers or files."""

    def __init__(self, settings: WatchSettings, n: int = 4) -> None:
        """Watch by the thresholds in `settings` a run of n samples per prompt."""
        self.settings, self._n = settings, n
        self.alarms: list[Alarm] = []
        self.best_agreement, self.best_step = math.nan, 0
        self._series = {metric: _Series(settings.watch_window) for metric in METRICS}
        self._silent = 0
        self._step = 0

    def update(self, step: int, metrics: Mapping[str, Any]) -> list[Alarm]:
        """Take in one step; metrics that are missing, None or unknown are left out.

        Returns:
            The alarms of rules that fire now.
        """
        self._step = step
        values = {
            name: float(value)
            for key, value in metrics.items()
            if (name := ALIASES.get(key, key)) in self._series and isinstance(value, int | float)
        }
        fired = [self._not_finite(step, values["grad_norm"])] if not math.isfinite(values.get("grad_norm", 0)) else []
        for name, value in values.items():
            # A step whose samples all had one reward has no gradient, which says nothing about its usual size.
            if math.isfinite(value) and not (name == "grad_norm" and value == 0):
                self._series[name].add(step, value)
        fired += [alarm for level in LEVELS if level.metric in values and (alarm := self._level(level, step))]
        fired += [self._plateau(step)] if "agreement" in values else []
        fired += [self._signal(step, values["reward_std"])] if "reward_std" in values else []
        known = {alarm.rule for alarm in self.alarms}
        new = [alarm for alarm in fired if alarm is not None and alarm.rule not in known]
        self.alarms += new
        return new

    def safe(self, rule: str) -> bool:
        """Whether a checkpoint of the step last seen is from before what the rule warns of."""
        if rule in {alarm.rule for alarm in self.alarms}:
            return False
        if rule == PLATEAU:
            return self._step - self.best_step < self.settings.watch_window or math.isnan(self.best_agreement)
        if rule == SIGNAL:
            return self._silent == 0
        level = next(level for level in LEVELS if level.name == rule)
        series = self._series[level.metric]
        limit = level.bound(self.settings, series.first, self._n)
        if not series.recent or limit is None:
            return True
        # The latest value as well: a sudden fall must not hide behind its own smoothing.
        worst = min if level.sign < 0 else max
        now = worst(median(series.recent), series.recent[-1])
        return level.sign * (level.halfway(series.first, limit) - now) >= 0

    def summary(self) -> dict[str, Any]:
        """First and current value of every metric, the best agreement, and the alarms."""
        seen = {name: series for name, series in self._series.items() if series.recent}
        return {
            "limits": self.settings.model_dump(include=set(WatchSettings.model_fields)),
            "last_step": self._step,
            "metrics": {name: {"first": s.first, "last": median(s.recent)} for name, s in seen.items()},
            "best_agreement": None if math.isnan(self.best_agreement) else self.best_agreement,
            "best_agreement_step": self.best_step or None,
            "alarms": [asdict(alarm) for alarm in self.alarms],
        }

    def _level(self, level: Level, step: int) -> Alarm | None:
        series = self._series[level.metric]
        now, limit = series.smooth, level.bound(self.settings, series.first, self._n)
        if now is None or limit is None or level.sign * (now - limit) < 0:
            return None
        steps = step - series.first_step
        return Alarm(
            level.name, step, now, limit, level.words.format(start=series.first, now=now, limit=limit, steps=steps)
        )

    def _not_finite(self, step: int, value: float) -> Alarm | None:
        if self.settings.gradient_factor is None:
            return None
        words = "the gradient is not finite: the weights are being destroyed; lower the learning rate"
        return Alarm("gradient", step, value, math.inf, words)

    def _plateau(self, step: int) -> Alarm | None:
        series, patience = self._series["agreement"], self.settings.agreement_plateau
        now = series.smooth
        if now is None:
            return None
        if math.isnan(self.best_agreement) or now >= self.best_agreement + _RISE:
            self.best_agreement, self.best_step = now, step
        risen = self.best_agreement >= series.first + _RISE
        if patience is None or not risen or step - self.best_step < patience:
            return None
        words = (
            f"samples of a prompt have not agreed more often for {patience} steps (best {self.best_agreement:.0%} at "
            f"step {self.best_step}): what can be gained from agreement is gained, and more steps only sharpen"
        )
        return Alarm(PLATEAU, step, now, self.best_agreement, words)

    def _signal(self, step: int, spread: float) -> Alarm | None:
        self._silent = self._silent + 1 if abs(spread) < 1e-8 else 0
        patience = self.settings.signal_steps
        if patience is None or self._silent < patience:
            return None
        words = (
            f"the samples of every prompt got the same reward for {patience} steps: nothing is left to learn from; "
            "only noise and the KL term still move the model"
        )
        return Alarm(SIGNAL, step, spread, 0.0, words)
