import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from entmin.stats.paired import bonett_price, holm, mcnemar, paired_difference, sign_flip


def single(verdicts):
    return {str(i): [v] for i, v in enumerate(verdicts)}


def test_difference_and_flips_by_hand():
    d = paired_difference(single([True, True, False, True]), single([False, True, True, False]))
    assert (d.difference, d.gained, d.lost, d.n) == (0.25, 2, 1, 4)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_exact_binomial_test(gained, lost):
    expected = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert mcnemar(gained, lost) == pytest.approx(expected, abs=1e-12)


def test_bonett_price_matches_the_published_example():
    """Bonett and Price 2012, by their formula evaluated independently: n = 74, flips 30 and 8."""
    p12, p21, n = 31 / 76, 9 / 76, 76
    half = 1.959963984540054 * math.sqrt((p12 + p21 - (p12 - p21) ** 2) / n)
    assert bonett_price(30, 8, 74) == pytest.approx((p12 - p21 - half, p12 - p21 + half))


def test_no_flips_do_not_claim_certainty():
    d = paired_difference(single([True] * 20), single([True] * 20))
    assert d.difference == 0
    assert d.p_value == 1
    assert d.low < -0.05
    assert d.high > 0.05


def test_the_interval_covers_the_truth_as_often_as_it_says():
    chance, hits, trials = random.Random(0), 0, 2000
    for _ in range(trials):
        rows = [(chance.random() < 0.5, chance.random()) for _ in range(60)]
        base = [right for right, _ in rows]
        run = [right if u > 0.3 else u < 0.2 for right, u in rows]  # truth: 0.2 - 0.15
        d = paired_difference(single(run), single(base))
        hits += d.low <= 0.05 <= d.high
    assert hits / trials > 0.935


def test_samples_that_were_not_judged_are_left_out():
    d = paired_difference(
        {"a": [True, None], "b": [None, None], "c": [True, True]},
        {"a": [False, True], "b": [True, True], "c": [True, None]},
    )
    assert (d.n, d.difference, d.gained) == (2, 0.5, 1)


def test_nothing_in_common_is_no_number():
    d = paired_difference({"a": [True]}, {"b": [True]})
    assert d.n == 0
    assert math.isnan(d.difference)


def test_several_samples_per_problem_use_problem_means():
    run = {str(i): [True, i % 2 == 0] for i in range(30)}
    base = {str(i): [False, False] for i in range(30)}
    d = paired_difference(run, base)
    assert d.difference == pytest.approx(0.75)
    assert d.low < 0.75 < d.high
    assert d.p_value < 0.001
    assert d == paired_difference(run, base)


def test_sign_flip_is_uniform_under_the_null():
    chance = random.Random(1)
    p_values = [sign_flip([chance.gauss(0, 1) for _ in range(12)], seed) for seed in range(60)]
    assert 0.3 < sum(p_values) / len(p_values) < 0.7
    assert sum(p < 0.05 for p in p_values) <= 8


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_monotone_and_never_smaller(p_values):
    adjusted = holm(p_values)
    assert all(a >= p for a, p in zip(adjusted, p_values, strict=True))
    assert [a for _, a in sorted(zip(p_values, adjusted, strict=True))] == sorted(adjusted)


def test_holm_by_hand():
    assert holm([0.01, math.nan, 0.04, 0.03])[0] == pytest.approx(0.03)
    assert holm([0.01, 0.04, 0.03])[1:] == pytest.approx([0.06, 0.06])
    assert math.isnan(holm([0.01, math.nan])[1])


def test_several_samples_without_any_difference_do_not_claim_certainty():
    same = {f"p{i}": [i % 2 == 0, False, None] for i in range(12)}
    found = paired_difference(same, same)
    assert (found.difference, found.p_value) == (0, 1)
    assert found.low < -0.1 < 0.1 < found.high


def test_equal_differences_of_several_samples_keep_the_estimate_inside_the_interval():
    run, base = ({f"p{i}": [right, False] for i in range(12)} for right in (True, False))
    found = paired_difference(run, base)
    assert 0 < found.low < found.difference == 0.5 <= found.high
