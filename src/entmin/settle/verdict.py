"""The verdict: does the method beat every rival that has the same entropy?

An intersection-union test. The method must beat *each* matched rival at the full level, so no correction for their
number is needed and no rival can be chosen after the fact: the claim "better than all of them by at least x" is wrong
only if the comparison with the best of them is wrong. The opposite claim, "not more than d better than the best of
them", takes the smallest of several upper bounds, so those are corrected for their number (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from entmin.errors import UsageError
from entmin.stats import PairedDifference, paired_difference
from entmin.stats.estimates import Runs

LEVEL = 0.95
"""Two-sided level of an interval; each of the verdict's two claims is wrong in at most half of the rest."""

Kind = Literal["better", "not-better", "undecided"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a settled question came to. Differences are shares from -1 to 1, method minus rival."""

    kind: Kind
    at_least: float
    """The method beats every matched rival by at least this; negative or zero where it does not beat them all."""
    at_most: float
    """It is not more than this better than the best matched rival."""
    margin: float
    """The smallest difference that matters, as planned."""
    differences: Mapping[str, PairedDifference]
    """To each matched rival, at `LEVEL`."""
    n: int

    @property
    def seen(self) -> float:
        """The difference that this run would have seen with 80 % power, against the rival with the most flips."""
        return max(d.detectable for d in self.differences.values())

    def sentence(self, method: str, place: str) -> str:
        """The verdict in words."""
        rivals = "the matched rival" if len(self.differences) == 1 else "every matched rival"
        best = "the matched rival" if len(self.differences) == 1 else "the best matched rival"
        if self.kind == "better":
            return f"{method} beats {rivals} on {place} by at least {100 * self.at_least:.1f} points."
        if self.kind == "not-better" and self.at_most < 0:
            return f"{method} is worse than {best} on {place}, by at least {-100 * self.at_most:.1f} points."
        if self.kind == "not-better":
            return f"{method} is not more than {100 * self.at_most:.1f} points better than {best} on {place}."
        return (
            f"Undecided: on {place} this run could not see a difference of less than {100 * self.seen:.1f} points "
            f"between {method} and {best}."
        )


def settle(method: Runs, rivals: Mapping[str, Runs], margin: float) -> Verdict:
    """Judge a method against its matched rivals.

    Args:
        method: problem id to the verdicts of the method's samples.
        rivals: the same for each matched rival, by name.
        margin: the smallest difference that matters, as a share above 0.

    Raises:
        UsageError: there is no rival, or no problem is judged in all of them.
    """
    if not rivals:
        raise UsageError("no rival has the same entropy as the method, so there is nothing to settle; see the pilot")
    differences = {name: paired_difference(method, rival, level=LEVEL) for name, rival in rivals.items()}
    if any(d.n == 0 for d in differences.values()):
        raise UsageError("no problem is judged in all arms, so nothing can be said")
    corrected = 1 - (1 - LEVEL) / len(rivals)
    uppers = [paired_difference(method, rival, level=corrected).high for rival in rivals.values()]
    at_least, at_most = min(d.low for d in differences.values()), min(uppers)
    kind: Kind = "better" if at_least > 0 else "not-better" if at_most <= margin else "undecided"
    n = min(d.n for d in differences.values())
    return Verdict(kind, at_least, at_most, margin, differences, n)
