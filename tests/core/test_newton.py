"""The Newton search: always on target, in few evaluations, on rows made to resist it; bisection is the reference."""

from __future__ import annotations

import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.rows import KINDS, real_rows, rows_of_kind

from entmin.core import newton
from entmin.core.adaptive_temperature import bisect

TMAX, TMIN, MOST = 1.0, 0.01, 10
"""MOST: rows made to resist it took 9 at worst (see benchmarks/solver.py); ordinary ones take 3 or 4."""


def searched(row, ratio, tmax=TMAX, tmin=TMIN):
    """Temperature, entropy over target, evaluations, bisection's temperature; None where the row is left alone."""
    rows, count = row.double()[None], 1

    def evaluate(b):
        nonlocal count
        count += 1
        return newton.statistics(rows, b)

    before = newton.statistics(rows)
    wanted, target = before.entropy > 1e-5, (before.entropy * ratio).clamp(min=1e-5)
    if not wanted:
        return None
    tau = newton.solve(evaluate, before, target, wanted, tmax=tmax, tmin=tmin, max_iter=100, tol=1e-6)
    reached = newton.statistics(rows, 1 / tau).entropy / target
    plain = functools.partial(newton.statistics, rows)
    slow = bisect(plain, before, target, wanted, tmax=tmax, tmin=tmin, max_iter=60, tol=0.0)
    return float(tau), float(reached), count, float(slow)


def assert_found(row, ratio, **limits):
    found = searched(row, ratio, **limits)
    if found is None:
        return
    tau, reached, count, slow = found
    tmax, tmin = limits.get("tmax", TMAX), limits.get("tmin", TMIN)
    ends = (tau == tmin and reached >= 1) or (tau == tmax and reached <= 1)
    assert ends or abs(reached - 1) <= 1.1e-6
    assert tau == pytest.approx(slow, rel=1e-3) or abs(reached - 1) <= 1.1e-6
    assert count <= MOST


RATIOS = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1e-6, 0.5, 0.85, 1 - 1e-9, 1.0]))


@given(
    values=st.lists(st.floats(-60, 60), min_size=2, max_size=40),
    scale=st.floats(-4, 1).map(lambda power: 10**power),
    ratio=RATIOS,
)
@settings(deadline=None, max_examples=60)
def test_any_few_logits(values, scale, ratio):
    assert_found(torch.tensor(values) * scale, ratio)


@given(
    tied=st.integers(1, 50),
    second=st.integers(0, 2000),
    rest=st.integers(1, 5000),
    gaps=st.tuples(st.floats(-3, 2), st.floats(-3, 2)),
    ratio=RATIOS,
)
@settings(deadline=None, max_examples=40)
def test_levels(tied, second, rest, gaps, ratio):
    upper, lower = (10**power for power in gaps)
    row = torch.cat([torch.full((tied,), upper + lower), torch.full((second,), lower), torch.zeros(rest)])
    assert_found(row, ratio)


@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.85, 0.99])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("vocabulary", [2, 17, 4096])
def test_rows_of_every_kind(kind, vocabulary, ratio):
    for row in rows_of_kind(kind, vocabulary):
        assert_found(row, ratio)


@pytest.mark.parametrize("limits", [{"tmax": 0.5}, {"tmin": 0.9}, {"tmax": 3.0}, {"tmin": 1.5, "tmax": 2.0}], ids=str)
def test_roots_outside_the_limits_end_at_the_limit(limits):
    for row in rows_of_kind("random", 300):
        assert_found(row, 0.85, **limits)
        assert_found(row, 0.5, **limits)


def test_real_rows_take_few_evaluations():
    counts = [found[2] for row in real_rows() for ratio in (0.3, 0.85) if (found := searched(row, ratio))]
    assert max(counts) <= 6
    assert sum(counts) / len(counts) <= 4.5


def test_rows_just_above_the_threshold():
    for gap in (13.8, 13.9, 14.0):
        assert_found(torch.tensor([gap, 0.0]), 0.85)
