import math
import random
import time
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, permutation_test

from entmin.stats import holm, mcnemar, paired_difference, wilson, worst_case
from entmin.stats.melded import melded
from entmin.stats.sign_flip import lattice, sign_flip


def single(verdicts):
    return {str(i): [v] for i, v in enumerate(verdicts)}


def test_difference_and_flips_by_hand():
    d = paired_difference(single([True, True, False, True]), single([False, True, True, False]))
    assert (d.difference, d.gained, d.lost, d.n) == (0.25, 2, 1, 4)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_exact_binomial_test(gained, lost):
    expected = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert mcnemar(gained, lost) == pytest.approx(expected, abs=1e-12)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 60))
def test_the_interval_of_single_samples_never_contradicts_the_test(gained, lost, same):
    n = gained + lost + same
    if n == 0:
        return
    low, high = melded(gained, lost, n)
    estimate = (gained - lost) / n
    assert -1 <= low <= estimate <= high <= 1
    assert high > estimate or estimate == 1
    assert low < estimate or estimate == -1
    assert (low > 0 or high < 0) == (mcnemar(gained, lost) < 0.05)
    assert melded(lost, gained, n) == pytest.approx((-high, -low), abs=1e-9)


def test_the_melded_interval_against_its_definition_by_drawing():
    """Quantiles of psi (2 theta - 1) from a million draws of the two confidence distributions."""
    chance = np.random.default_rng(0)
    gained, lost, n, draws = 30, 8, 74, 1_000_000
    tilt = 2 * chance.beta(gained, lost + 1, draws) - 1
    rate = np.where(tilt > 0, chance.beta(38, 37, draws), chance.beta(39, 36, draws))
    assert melded(gained, lost, n)[0] == pytest.approx(np.quantile(tilt * rate, 0.025), abs=2e-3)
    tilt = 2 * chance.beta(lost, gained + 1, draws) - 1
    rate = np.where(tilt > 0, chance.beta(38, 37, draws), chance.beta(39, 36, draws))
    assert melded(gained, lost, n)[1] == pytest.approx(-np.quantile(tilt * rate, 0.025), abs=2e-3)


def test_another_level_is_another_width():
    narrow, usual, wide = (melded(20, 7, 128, level) for level in (0.8, 0.95, 0.99))
    assert wide[0] < usual[0] < narrow[0] < narrow[1] < usual[1] < wide[1]


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
    p_values = [sign_flip([round(1000 * chance.gauss(0, 1)) for _ in range(12)]) for _ in range(60)]
    assert 0.3 < sum(p_values) / len(p_values) < 0.7
    assert sum(p < 0.05 for p in p_values) <= 8


@given(st.lists(st.integers(-6, 6), min_size=1, max_size=11))
def test_sign_flip_is_the_share_of_all_flips_that_are_as_extreme(units):
    sums = [abs(sum(s * u for s, u in zip(signs, units, strict=True))) for signs in product((1, -1), repeat=len(units))]
    assert sign_flip(units) == pytest.approx(sum(total >= abs(sum(units)) for total in sums) / len(sums))


def test_sign_flip_agrees_with_scipys_permutation_test():
    units = [3, -1, 4, 1, -5, 9, 2, -6, 5, 3]
    found = permutation_test((units, [0] * 10), lambda a, b: sum(a) - sum(b), permutation_type="samples")
    assert sign_flip(units) == pytest.approx(found.pvalue)


def test_sign_flip_has_no_floor_and_is_fast():
    started = time.perf_counter()
    assert 0 < sign_flip([5, 7, 3, 1] * 200) < 1e-100
    assert sign_flip([random.Random(i).randint(-32, 32) for i in range(1319)]) > 0
    assert time.perf_counter() - started < 3


def test_unequal_numbers_of_judged_samples_share_one_step():
    assert lattice([(1, 2), (-1, 3), (0, 4)]) == [6, -4, 0]
    assert lattice([(1, 31), (-1, 31), (2, 29), (-3, 30)] * 400)[:2] == [4, -4]  # rounded, both signs alike


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=25))
def test_the_interval_of_several_samples_never_contradicts_the_test(problems):
    run, base = ({str(i): [j < both[side] for j in range(4)] for i, both in enumerate(problems)} for side in (0, 1))
    found = paired_difference(run, base)
    assert -1 <= found.low <= found.difference <= found.high <= 1
    assert found.low < found.high
    assert (found.low > 0 or found.high < 0) == (found.p_value < 0.05)
    turned = paired_difference(base, run)
    assert (turned.p_value, turned.difference) == (found.p_value, -found.difference)


def test_answers_not_judged_bound_the_difference_from_both_sides():
    run = single([True, None, False, True])
    base = single([False, False, None, True])
    against, favour = worst_case(run, base)
    assert (against.difference, favour.difference) == (0.0, 0.5)
    assert against.n == favour.n == 4
    assert paired_difference(run, base).n == 2
    several = worst_case({"a": [True, None]}, {"a": [False, False], "b": [None]})
    assert [one.difference for one in several] == [0.5, 1.0]


def test_statsmodels_finds_the_same():
    pytest.importorskip("statsmodels")
    from statsmodels.stats.contingency_tables import mcnemar as other_mcnemar
    from statsmodels.stats.multitest import multipletests
    from statsmodels.stats.proportion import proportion_confint

    for gained, lost in ((0, 1), (3, 9), (12, 12), (40, 17)):
        table = [[50, lost], [gained, 50]]
        assert mcnemar(gained, lost) == pytest.approx(other_mcnemar(table, exact=True).pvalue)
    p_values = [0.001, 0.2, 0.03, 0.03, 0.8]
    assert holm(p_values) == pytest.approx(list(multipletests(p_values, method="holm")[1]))
    assert wilson(7, 30) == pytest.approx(proportion_confint(7, 30, method="wilson"))


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


VERDICTS = st.lists(st.sampled_from([True, False, None]), max_size=6)


@given(st.lists(st.tuples(VERDICTS, VERDICTS).filter(lambda both: len(both[0]) != len(both[1])), max_size=8))
def test_runs_of_different_numbers_of_samples_are_compared_by_all_of_them(pairs):
    def share(judged):
        return np.mean([one for one in judged if one is not None])

    run, baseline = ({str(i): pair[side] for i, pair in enumerate(pairs)} for side in (0, 1))
    found = paired_difference(run, baseline)
    both = [pair for pair in pairs if all(any(one is not None for one in side) for side in pair)]
    assert found.n == len(both)
    if both:
        expected = np.mean([share(ours) - share(theirs) for ours, theirs in both])
        assert found.difference == pytest.approx(expected)
        assert found.low <= found.difference <= found.high
