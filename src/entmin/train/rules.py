"""When a run is past its best: rules over the stream of its metrics, none of which needs a label.

Training on a model's own certainty sharpens what it already believes. Accuracy rises for some tens of steps and then
falls, often below where it began (No Free Lunch, arXiv:2506.17219: peak near step 20; the published runs stop at 40 and
100 steps). Signs of it can be seen without labels: entropy goes to 0, answers lengthen, shorten or repeat, samples
agree on everything, rewards no longer differ.

All rules count observations. Metrics of rollouts have one for each rollout, however many updates it is used for.

1. A level rule fires when the median of a metric's last `window` observations crosses its limit, and has moved by more
   than `trends.CLEAR` times the noise of one observation. A run that starts beyond a limit is judged by half of what
   was left to it instead, so that the rule does not fire for how the model began.
2. A checkpoint is safe from a level rule while the metric has gone less than half of the way from its start to the
   limit (in logarithms for entropy, length and gradient). From a plateau it is safe within a window of the best one.
3. Agreement has reached a plateau when it has risen and a line through its latest observations rules out that it still
   rises at a pace that matters. Rewards have no signal after so many observations without variance.
4. A sudden collapse is seen in two observations, before any median is.
5. A rule fires once in a run.

How often each fires in runs where nothing is wrong: docs/training.md, by benchmarks/watch_rules.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from entmin.train.levels import LEVELS, PLATEAU, SIGNAL, SUDDEN, Level, WatchSettings
from entmin.train.trends import CLEAR, Series, has_levelled, logarithm

METRICS = ("entropy", "length", "clipped", "repetition", "kl", "distinct", "agreement", "reward_std", "grad_norm")
ALIASES = {"completions/mean_length": "length", "completions/clipped_ratio": "clipped"}
"""TRL's own names of the same metrics."""
_SUDDENLY = ("entropy", "length")
_RISE = 0.01
"""What counts as a rise of the agreement."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A rule that fired."""

    rule: str
    step: int
    value: float
    limit: float
    message: str
    """What happened and what it means, in words."""


class RuleEngine:
    """Feeds on (step, metrics) and says which rules fire; knows nothing of trainers or files."""

    def __init__(self, settings: WatchSettings, n: int = 4) -> None:
        """Watch by the thresholds in `settings` a run of n samples per prompt."""
        self.settings, self._n = settings, n
        self.alarms: list[Alarm] = []
        self.best_agreement, self.best_step, self._since_best = math.nan, 0, 0
        self._series = {metric: Series(settings.watch_window) for metric in METRICS}
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
        fired += [self._sudden(name, step) for name in _SUDDENLY if name in values]
        known = {alarm.rule for alarm in self.alarms}
        new = [alarm for alarm in fired if alarm is not None and alarm.rule not in known]
        self.alarms += new
        return new

    def safe(self, rule: str) -> bool:
        """Whether a checkpoint of the step last seen is from before what the rule warns of."""
        if rule in {alarm.rule for alarm in self.alarms}:
            return False
        if rule == PLATEAU:
            return self._since_best < self.settings.watch_window or math.isnan(self.best_agreement)
        if rule == SIGNAL:
            return self._silent == 0
        if rule == SUDDEN:
            return all(
                self._series[name].fall() < math.log(self.settings.collapse_factor or math.inf) / 2
                for name in _SUDDENLY
            )
        level = next(level for level in LEVELS if level.name == rule)
        series = self._series[level.metric]
        limit = level.bound(self.settings, series.start, self._n)
        if not series.values or limit is None:
            return True
        # The latest value as well: a sudden fall must not hide behind its own smoothing.
        worst = min if level.sign < 0 else max
        now = worst(series.recent, series.values[-1])
        return level.sign * (level.halfway(series.start, limit) - now) >= 0

    def summary(self) -> dict[str, Any]:
        """First and current value of every metric, the best agreement, and the alarms."""
        seen = {name: series for name, series in self._series.items() if series.values}
        return {
            "limits": self.settings.model_dump(include=set(WatchSettings.model_fields)),
            "last_step": self._step,
            "metrics": {name: {"first": s.start, "last": s.recent} for name, s in seen.items()},
            "best_agreement": None if math.isnan(self.best_agreement) else self.best_agreement,
            "best_agreement_step": self.best_step or None,
            "alarms": [asdict(alarm) for alarm in self.alarms],
        }

    def _level(self, level: Level, step: int) -> Alarm | None:
        series = self._series[level.metric]
        start, now, limit = series.start, series.smooth, level.bound(self.settings, series.start, self._n)
        if now is None or limit is None or level.sign * (now - limit) < 0:
            return None
        scale = logarithm if level.logarithmic else float
        if not level.fixed and abs(scale(now) - scale(start)) < CLEAR * series.noise(scale):
            return None
        words = level.words.format(start=start, now=now, limit=limit, steps=step - series.first_step)
        return Alarm(level.name, step, now, limit, words)

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
        self._since_best += 1
        if math.isnan(self.best_agreement) or now >= self.best_agreement + _RISE:
            self.best_agreement, self.best_step, self._since_best = now, step, 0
        rise = self.best_agreement - series.start
        if patience is None or rise < _RISE or self._since_best < patience or not has_levelled(series, patience, rise):
            return None
        words = (
            f"samples of a prompt have not agreed more often for {patience} observations (best "
            f"{self.best_agreement:.0%} at step {self.best_step}): what can be gained from agreement is gained, and "
            "more steps only sharpen"
        )
        return Alarm(PLATEAU, step, now, self.best_agreement, words)

    def _sudden(self, name: str, step: int) -> Alarm | None:
        series, factor = self._series[name], self.settings.collapse_factor
        if factor is None or (fall := series.fall()) < math.log(factor):
            return None
        if fall < 1.5 * CLEAR * series.noise(logarithm):
            return None
        before, now = series.before_last_two, max(series.values[-2:])
        words = (
            f"{name} went from {before:.2g} to {now:.2g} at once, a fall by {math.exp(fall):.1f}: the run has collapsed"
        )
        return Alarm(SUDDEN, step, now, before / factor, words)

    def _signal(self, step: int, spread: float) -> Alarm | None:
        self._silent = self._silent + 1 if abs(spread) < 1e-8 else 0
        patience = self.settings.signal_steps
        if patience is None or self._silent < patience:
            return None
        words = (
            f"the samples of every prompt got the same reward {patience} times in a row: nothing is left to learn "
            "from; only noise and the KL term still move the model"
        )
        return Alarm(SIGNAL, step, spread, 0.0, words)
