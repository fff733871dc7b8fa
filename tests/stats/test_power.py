"""What a run could have seen, how large it must be, and the evidence that may be looked at any time."""

import math

import numpy as np
import pytest
from scipy.special import beta
from scipy.stats import binom

from entmin.stats import e_value, mcnemar, minimum_detectable, paired_difference, sample_size
from entmin.stats.power import power


@pytest.mark.parametrize(("n", "points"), [(30, 33.8), (128, 12.0), (500, 5.0), (1319, 2.8)])
def test_the_least_difference_that_a_run_sees_at_ten_percent_flips(n, points):
    assert 100 * minimum_detectable(n, 0.1) == pytest.approx(points, abs=0.05)


def test_power_is_that_of_the_exact_test_by_enumeration():
    n, gained, lost = 40, 0.3, 0.08
    found = sum(
        binom.pmf(m, n, gained + lost) * binom.pmf(won, m, gained / (gained + lost))
        for m in range(1, n + 1)
        for won in range(m + 1)
        if won > m / 2 and mcnemar(won, m - won) < 0.05
    )
    assert power(n, gained, lost) == pytest.approx(found, abs=1e-9)


def test_too_few_problems_see_nothing():
    assert math.isnan(minimum_detectable(5, 0.1))
    assert minimum_detectable(12, 0.0) < 1
    run, base = ({str(i): [right] for i in range(4)} for right in (True, False))
    assert math.isnan(paired_difference(run, base).detectable)


def test_a_run_of_several_samples_sees_what_its_interval_is_wide():
    run, base = ({str(i): [(i + j + side) % 3 == 0 for j in range(4)] for i in range(60)} for side in (0, 1))
    found = paired_difference(run, base)
    assert found.detectable == pytest.approx((1.96 + 0.84) / 1.96 * (found.high - found.low) / 2, rel=0.01)


def test_sample_size_is_the_normal_formula():
    assert sample_size(0.1, 0.03) == math.ceil(7.8489 * 0.1 / 0.0009)


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (5, 0), (12, 9), (90, 51)])
def test_the_e_value_by_its_formula(gained, lost):
    expected = 2.0 ** (gained + lost) * beta(gained + 0.5, lost + 0.5) / beta(0.5, 0.5)
    assert e_value(gained, lost) == pytest.approx(expected)


def test_looking_after_every_flip_keeps_five_percent():
    """Ville's inequality, simulated: a fair coin reaches 20 in at most 5 % of endless looks; McNemar fails."""
    chance = np.random.default_rng(0)
    flips = chance.integers(0, 2, size=(2000, 300))
    won = flips.cumsum(axis=1)
    e = np.array([[e_value(g, m - g) if g <= m else 0 for g in range(301)] for m in range(301)])
    p = np.array([[mcnemar(g, m - g) if g <= m else 1 for g in range(301)] for m in range(301)])
    looks = np.arange(1, 301)
    assert (e[looks, won] >= 20).any(axis=1).mean() < 0.05
    assert (p[looks, won] < 0.05).any(axis=1).mean() > 0.15
