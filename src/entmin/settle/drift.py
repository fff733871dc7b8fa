"""What became of the match on the run's own problems, and the plain model at the method's own entropy there.

Rivals are matched on the pilot. On other problems their entropies drift apart, and part of a difference may be
sharpening after all. So the method is also held against the plain model at exactly the method's entropy of
the run: the mean, problem by problem, of the two temperatures that enclose it, weighted so that their mean entropy is
the method's. Each problem has one number for each side, so the paired test holds as for any other arm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from entmin.report.words import difference_cells
from entmin.stats import PairedDifference, paired_difference
from entmin.stats.estimates import Judged, Runs

if TYPE_CHECKING:
    from entmin.settle.settling import Settlement


@dataclass(frozen=True)
class OnFrontier:
    """The plain model at some entropy, between two temperatures."""

    below: str
    """The arm of the next lower entropy."""
    above: str
    """And of the next higher; the same arm where its entropy is just the one wanted."""
    share: float
    """Weight of `above`, from 0 to 1."""
    verdicts: Runs
    """Problem id to the weighted verdicts of its samples, in [0, 1]; None where one of the two is not judged."""

    @property
    def name(self) -> str:
        """As tables show it."""
        return self.below if self.share == 0 else f"{self.below} and {self.above}, weighted"


def on_frontier(entropy: float, arms: Sequence[tuple[str, float, Runs]]) -> OnFrontier | None:
    """The plain model at an entropy; None where no two arms enclose it.

    Args:
        entropy: mean over tokens, nats.
        arms: name, mean entropy and verdicts of the plain model at each temperature, all on the same problems.
    """
    below = max((arm for arm in arms if arm[1] <= entropy), key=lambda arm: arm[1], default=None)
    above = min((arm for arm in arms if arm[1] >= entropy), key=lambda arm: arm[1], default=None)
    if below is None or above is None:
        return None
    gap = above[1] - below[1]
    share = (entropy - below[1]) / gap if gap > 0 else 0.0
    mixed = {problem: _mixed(judged, above[2].get(problem, ()), share) for problem, judged in below[2].items()}
    return OnFrontier(below[0], above[0], share, mixed)


def _mixed(low: Judged, high: Judged, share: float) -> list[bool | float | None]:
    pairs = zip(low, high, strict=False)
    return [None if a is None or b is None else (1 - share) * a + share * b for a, b in pairs]


def at_own_entropy(done: Settlement) -> tuple[OnFrontier, PairedDifference] | None:
    """The plain model at the method's entropy of the run, and the method minus it; None where nothing encloses it."""
    [method] = done.plan.of("method")
    entropy = done.rows[method.name].entropy_after
    if entropy is None:
        return None
    plain = [
        (arm.name, row.entropy_after, done.judged[arm.name])
        for arm in done.plan.of("matched", "frontier")
        if (row := done.rows[arm.name]).plain and row.entropy_after is not None
    ]
    found = on_frontier(entropy, plain)
    if found is None:
        return None
    return found, paired_difference(done.judged[method.name], found.verdicts)


def drifts(done: Settlement) -> Mapping[str, float]:
    """Entropy of each matched arm minus the method's on the run's own problems, nats, by the name of the arm."""
    [method] = done.plan.of("method")
    own = done.rows[method.name].entropy_after
    if own is None:
        return {}
    found = {arm.name: done.rows[arm.name].entropy_after for arm in done.plan.of("matched")}
    return {name: entropy - own for name, entropy in found.items() if entropy is not None}


def drift_words(done: Settlement) -> list[str]:
    """Both in words; nothing where the engine reports no entropies."""
    apart = drifts(done)
    if not apart:
        return []
    [method] = done.plan.of("method")
    own = done.rows[method.name].entropy_after
    each = ", ".join(f"{name} {drift:+.2f}" for name, drift in apart.items())
    said = [f"On the run's own problems {method.name} has {own:.2f} nats per token; matched arms differ by: {each}."]
    found = at_own_entropy(done)
    if found is None:
        return [*said, "No two temperatures of the plain model in this run enclose this entropy."]
    plain, d = found
    return [
        *said,
        f"At just this entropy, {method.name} minus the plain model ({plain.name}) is "
        f"{difference_cells(d, d.p_value)[0]} points (n = {d.n}); exploratory.",
    ]
