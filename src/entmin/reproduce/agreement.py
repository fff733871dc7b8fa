"""Does a published number agree with ours? Both are shares of finite samples, so both are uncertain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from entmin.stats import Estimate, PairedDifference

_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of a table, published and ours. Shares from 0 to 1."""

    row: str
    task: str
    published: float
    published_n: int
    ours: Estimate | None
    """None where it was not run."""
    published_gain: float | None = None
    """Published difference to the table's plain row."""
    gain: PairedDifference | None = None
    """Ours, paired."""
    why_not: str = ""
    """Why it was not run."""

    def agreement(self, same_model: bool) -> Literal["agrees", "differs", "not run", "not compared"]:
        """Levels are compared for the published model, gains over the plain row for any other."""
        if self.ours is None or not self.ours.n:
            return "not run"
        if same_model:
            p = levels_differ(self.published, self.published_n, self.ours.value, self.ours.n)
            return "agrees" if p >= _LEVEL else "differs"
        if self.gain is None or self.published_gain is None:
            return "not compared"  # the plain row itself: another model has another level
        return "agrees" if self.gain.low <= self.published_gain <= self.gain.high else "differs"


def levels_differ(share: float, n: int, other: float, other_n: int) -> float:
    """Two-sided p-value of Fisher's exact test on two shares of samples of these sizes."""
    from scipy.stats import fisher_exact

    right, right_other = round(share * n), round(other * other_n)
    return float(fisher_exact([[right, n - right], [right_other, other_n - right_other]]).pvalue)
