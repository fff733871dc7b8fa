"""The verdict claims too much no more often than it says, by simulation; and the check would notice if it did."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from entmin.errors import UsageError
from entmin.settle import verdict as module
from entmin.settle.verdict import settle

MARGIN = 0.05


def arm(values):
    return {str(i): [bool(value)] for i, value in enumerate(values)}


def draw(chance, n, accuracies, shared):
    """Arms with these accuracies on n problems; with `shared`, most problems come out alike in all arms."""
    common = chance.random(n)
    own = chance.random((len(accuracies), n))
    mixed = np.where(chance.random((len(accuracies), n)) < shared, common, own)
    return [arm(row < accuracy) for row, accuracy in zip(mixed, accuracies, strict=True)]


def wrong_share(accuracies, *, n=120, shared=0.6, runs=300, seed=0):
    """How often a claim is made that is not true: (beats all by at least x, not more than d better)."""
    chance = np.random.default_rng(seed)
    truth = accuracies[0] - max(accuracies[1:])
    over = under = 0
    for _ in range(runs):
        method, *rivals = draw(chance, n, accuracies, shared)
        found = settle(method, {str(i): rival for i, rival in enumerate(rivals)}, MARGIN)
        over += found.kind == "better" and found.at_least > truth + 1e-9
        under += found.at_most < truth - 1e-9
    return over, under, runs


def exceeds(wrong, runs, level=0.025):
    """Whether the true rate is above the level, beyond what chance explains (Clopper-Pearson, 99 %)."""
    return wrong > 0 and beta.ppf(0.005, wrong, runs - wrong + 1) > level


@pytest.mark.slow
@pytest.mark.parametrize("accuracies", [(0.3, 0.3, 0.3, 0.3), (0.35, 0.3, 0.35, 0.2), (0.1, 0.1), (0.5, 0.2, 0.5)])
def test_each_claim_is_wrong_in_at_most_its_share_of_runs(accuracies):
    over, under, runs = wrong_share(accuracies)
    assert not exceeds(over, runs), (over, runs)
    assert not exceeds(under, runs), (under, runs)


def test_the_check_notices_a_test_against_the_easiest_rival_only(monkeypatch):
    """A mutation: union instead of intersection."""

    def union(method, rivals, margin):
        each = [settle(method, {name: rival}, margin) for name, rival in rivals.items()]
        return max(each, key=lambda one: one.at_least)

    chance, wrong = np.random.default_rng(0), 0
    for _ in range(120):
        method, *rivals = draw(chance, 120, (0.3, 0.3, 0.1), 0.6)
        wrong += union(method, {str(i): rival for i, rival in enumerate(rivals)}, MARGIN).kind == "better"
    assert exceeds(wrong, 120)


def test_the_check_notices_upper_bounds_without_correction(monkeypatch):
    plain = module.paired_difference
    monkeypatch.setattr(module, "paired_difference", lambda run, rival, level: plain(run, rival, level=0.95))
    _, under, runs = wrong_share((0.3,) * 9, shared=0.2, runs=150)
    assert exceeds(under, runs)


def test_three_verdicts_in_words():
    n = 400
    right = arm([1] * 200 + [0] * 200)
    worse = arm([1] * 150 + [0] * 250)
    better = settle(right, {"T=0.9": worse, "min_p": worse}, MARGIN)
    assert better.kind == "better"
    assert better.at_least > 0.08
    assert better.sentence("em_inf", "toy").startswith("em_inf beats every matched rival on toy by at least ")
    same = settle(right, {"T=0.9": right}, MARGIN)
    assert same.kind == "not-better"
    assert "not more than" in same.sentence("em_inf", "toy")
    assert "the matched rival" in same.sentence("em_inf", "toy")
    worst = settle(worse, {"T=0.9": right, "x": worse}, MARGIN)
    assert "is worse than the best matched rival" in worst.sentence("em_inf", "toy")
    few = settle(arm([1, 0, 1, 0, 1, 1, 0, 0] * 4), {"T=0.9": arm([0, 1, 1, 0, 0, 1, 1, 0] * 4)}, MARGIN)
    assert few.kind == "undecided"
    assert "could not see a difference of less than" in few.sentence("em_inf", "toy")
    assert better.n == n


def test_nothing_to_settle_is_said():
    with pytest.raises(UsageError, match="no rival has the same entropy"):
        settle(arm([1, 0]), {}, MARGIN)
    with pytest.raises(UsageError, match="no problem is judged in all arms"):
        settle({"a": [None]}, {"x": {"a": [True]}}, MARGIN)
