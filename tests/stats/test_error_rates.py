"""The proof that a comparison errs as rarely as it says; `docs/statistics.md` quotes it.

One sample per problem: every possible table is enumerated, so the error rate is exact. Several samples: seeded
simulation, 5,000 replicates a cell; a cell fails when even the Clopper-Pearson lower bound of its error rate is above
5 %. Mutations of the statistics must fail the same proof.
"""

from functools import cache
from math import comb

import numpy as np
import pytest
from scipy.stats import beta, binomtest

from entmin.stats import holm, mcnemar, paired_difference
from entmin.stats.melded import melded
from entmin.stats.sign_flip import sign_flip, sign_flip_interval

REPLICATES = 5000
FLIP_RATES = np.linspace(0.01, 1.0, 100)


def chances(n, up, down):
    """P(gained, lost) of every table of n problems, as an array [n + 1, n + 1]."""
    g, l = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")  # noqa: E741
    rest = n - g - l
    ways = np.array([[comb(n, a) * comb(n - a, b) if a + b <= n else 0 for b in range(n + 1)] for a in range(n + 1)])
    with np.errstate(all="ignore"):
        logs = g * np.log(up) + l * np.log(down) + np.where(rest > 0, rest * np.log(max(1 - up - down, 1e-300)), 0)
        return np.where(rest >= 0, ways.astype(float) * np.exp(logs), 0.0)


@cache
def rejected(n, test=mcnemar):
    return np.array([[a + b <= n and test(a, b) < 0.05 for b in range(n + 1)] for a in range(n + 1)])


def worst_rate(n, test=mcnemar):
    return max(float((chances(n, rate / 2, rate / 2) * rejected(n, test)).sum()) for rate in FLIP_RATES)


@pytest.mark.parametrize("n", [5, 10, 20, 30, 45, 60])
def test_single_samples_err_in_at_most_five_percent_at_any_rate_of_flips(n):
    assert worst_rate(n) <= 0.05


@pytest.mark.parametrize("n", [8, 25, pytest.param(60, marks=pytest.mark.slow)])
def test_single_samples_the_interval_covers_every_truth(n):
    tables = [(a, b) for a in range(n + 1) for b in range(n + 1 - a)]
    bounds = np.full((n + 1, n + 1, 2), np.nan)
    for a, b in tables:
        bounds[a, b] = melded(a, b, n)
    for up in (0.02, 0.05, 0.15, 0.4):
        for down in (0.02, 0.1, 0.3, 0.55):
            inside = (bounds[..., 0] <= up - down) & (up - down <= bounds[..., 1])
            assert (chances(n, up, down) * inside).sum() >= 0.95, (up, down)


def test_the_test_without_continuity_would_be_noticed():
    """McNemar's chi-square without correction, as a mutation: the enumeration finds it too loose."""

    def loose(gained, lost):
        flips = gained + lost
        return 1.0 if flips == 0 or (gained - lost) ** 2 / flips < 3.841 else 0.01

    assert worst_rate(30, loose) > 0.05


def same_hard(chance, shape):
    """Most problems hopeless, both arms alike."""
    p = chance.beta(0.1, 0.9, shape)
    return p, p


def skewed(chance, shape):
    """One problem in five gains 20 points, the others lose 5."""
    p = 0.1 + 0.6 * chance.random(shape)
    return np.where(chance.random(shape) < 0.2, p + 0.2, p - 0.05), p


def mixture(chance, shape):
    """Two kinds of problem: nearly always and nearly never right."""
    p = np.where(chance.random(shape) < 0.3, 0.9, 0.02)
    return p, p


def unrelated(chance, shape):
    """Both arms solve as much, but not the same problems."""
    return chance.beta(0.3, 0.6, shape), chance.beta(0.3, 0.6, shape)


NULLS = (same_hard, skewed, mixture, unrelated)


def differences(null, n, k, seed):
    """[replicates, n]: samples won minus samples lost on each problem."""
    chance = np.random.default_rng(seed)
    run, base = null(chance, (REPLICATES, n))
    return chance.binomial(k, run).astype(int) - chance.binomial(k, base)


def passes(errors, replicates=REPLICATES, level=0.05):
    """The failure rule: the lower 95 % bound of the error rate must not be above `level`."""
    return binomtest(int(errors), replicates).proportion_ci(method="exact").low <= level


@pytest.mark.parametrize("null", NULLS, ids=lambda null: null.__name__)
@pytest.mark.parametrize(("n", "k"), [(20, 4), (60, 4), (60, 16)])
def test_several_samples_err_in_at_most_five_percent(null, n, k):
    assert passes(sum(sign_flip(row) < 0.05 for row in differences(null, n, k, n * k).tolist()))


def test_taking_samples_for_problems_would_be_noticed():
    """The mutation without clustering: every sample a problem of its own."""
    rates = np.random.default_rng(1).beta(0.3, 0.6, (2, 400, 30))
    run, base = np.random.default_rng(2).binomial(16, rates)
    won, lost = (np.maximum(d, 0).sum(axis=1).tolist() for d in (run - base, base - run))
    loose = [mcnemar(*flips) for flips in zip(won, lost, strict=True)]
    assert not passes(sum(p < 0.05 for p in loose), 400)


def families():
    """5,000 reports of four comparisons with one baseline, all of them null: p-values [reports, 4]."""
    chance = np.random.default_rng(3)
    right = chance.random((REPLICATES, 5, 60)) < 0.4
    won = (right[:, 1:] & ~right[:, :1]).sum(axis=2)
    lost = (~right[:, 1:] & right[:, :1]).sum(axis=2)
    table = np.array([[mcnemar(a, b) for b in range(61)] for a in range(61)])
    return table[won, lost]


def test_a_report_of_several_comparisons_errs_in_at_most_five_percent_and_without_holm_would_not():
    found = families()
    assert passes(sum(min(holm(row)) < 0.05 for row in found.tolist()))
    assert not passes((found.min(axis=1) < 0.05).sum())


@pytest.mark.slow
@pytest.mark.parametrize("null", [skewed, unrelated], ids=lambda null: null.__name__)
def test_several_samples_the_interval_covers_the_truth(null):
    rows = differences(null, 40, 8, 9)[:400]
    bounds = [sign_flip_interval([d / 8 for d in row], sign_flip(row)) for row in rows.tolist()]
    assert np.mean([low <= 0 <= high for low, high in bounds]) > 0.925


def test_the_public_function_decides_as_the_proof_does():
    for row in differences(skewed, 30, 4, 5)[:50].tolist():
        run = {str(i): [j < max(d, 0) for j in range(4)] for i, d in enumerate(row)}
        base = {str(i): [j < max(-d, 0) for j in range(4)] for i, d in enumerate(row)}
        assert paired_difference(run, base).p_value == sign_flip(row)


def test_the_failure_rule_is_the_clopper_pearson_bound():
    assert beta.ppf(0.025, 300, 4701) > 0.05
    assert not passes(300)
    assert passes(270)
