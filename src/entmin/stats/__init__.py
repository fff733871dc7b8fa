"""Estimates, intervals and paired tests: pure functions on verdicts, with no torch and no Inspect.

A run is problem id -> verdicts of its samples: True, False, or None for not judged. docs/statistics.md says what each
interval and p-value means and how their error rates are proven.
"""

from entmin.stats.estimates import Estimate, Runs, avg_at_k, pass_at_k, wilson
from entmin.stats.paired import PairedDifference, holm, mcnemar, paired_difference, worst_case
from entmin.stats.power import e_value, minimum_detectable, sample_size

__all__ = [
    "Estimate",
    "PairedDifference",
    "Runs",
    "avg_at_k",
    "e_value",
    "holm",
    "mcnemar",
    "minimum_detectable",
    "paired_difference",
    "pass_at_k",
    "sample_size",
    "wilson",
    "worst_case",
]
