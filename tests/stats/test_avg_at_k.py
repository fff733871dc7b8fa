"""The interval of avg@k against an independent computation, and how often it covers the truth."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln
from scipy.stats import betabinom

from entmin.stats import avg_at_k
from entmin.stats.beta_binomial import NOTICE, interval, log_rising
from entmin.stats.estimates import estimate


def runs(counts, k):
    return {str(i): [j < right for j in range(k)] for i, right in enumerate(counts)}


def test_the_posterior_by_brute_force_with_scipys_beta_binomial():
    counts, k = [0, 0, 0, 1, 3, 4, 2, 0, 1, 4, 4, 0], 4
    means = (np.arange(400) + 0.5) / 400
    log_strength = np.linspace(-4.6, 9.2, 140)
    mean, strength = np.meshgrid(means, np.exp(log_strength), indexing="ij")
    fit = sum(betabinom.logpmf(right, k, mean * strength, (1 - mean) * strength) for right in counts)
    mass = np.exp(fit - fit.max()).sum(axis=1)
    below = np.cumsum(mass) / mass.sum()
    expected = [means[np.searchsorted(below, share)] for share in (0.025, 0.975)]
    assert interval([(k, right) for right in counts]) == pytest.approx(expected, abs=0.004)


@given(st.lists(st.integers(0, 60), max_size=20), st.floats(1e-9, 1e4))
def test_rising_factorials_against_scipys_gamma_function(lengths, x):
    expected = sum(gammaln(x + n) - gammaln(x) for n in lengths)
    assert log_rising(np.array([x]), Counter(lengths))[0] == pytest.approx(expected, rel=1e-9, abs=1e-7)


def test_alike_problems_do_not_claim_certainty():
    found = avg_at_k(runs([2] * 12, 4))
    assert (found.value, found.interval) == (0.5, "beta-binomial")
    assert 0.3 < found.low < 0.45
    assert 0.55 < found.high < 0.7
    spread = estimate([0.5] * 12)
    assert spread.low < 0.4 < 0.6 < spread.high


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=30))
def test_the_interval_is_inside_the_scale_has_a_width_and_holds_the_estimate(counts):
    found = avg_at_k(runs(counts, 3))
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high


def test_few_intermediate_problems_are_said():
    assert avg_at_k(runs([0] * 20 + [4] * 20, 4)).notice == NOTICE
    assert avg_at_k(runs([1, 2, 3, 2, 1, 0], 4)).notice is None
    assert avg_at_k({"a": [True], "b": [False]}).notice is None


@pytest.mark.slow
@pytest.mark.parametrize("mean", [0.02, 0.1, 0.5, 0.95])
@pytest.mark.parametrize(("n", "k"), [(30, 4), (30, 32), (128, 8)])
def test_it_covers_the_truth_as_often_as_it_says(n, k, mean):
    """400 replicates: a coverage of 95 % is found below 91.5 % in one of a thousand."""
    chance, covered = np.random.default_rng(n + k), 0
    for _ in range(400):
        counts = chance.binomial(k, chance.beta(mean, 1 - mean, n))
        found = avg_at_k(runs(counts, k))
        covered += found.low <= mean <= found.high
    assert covered / 400 > 0.915
