"""What DeepConf and the lowest centroid go by: against loops written again, and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entmin.evals.traces import entropy_centroid, most_confident, phases, trace_confidence
from entmin.strategies import DeepConf, LowestCentroid

LOGPROBS = st.lists(st.lists(st.floats(-20, 0), min_size=3, max_size=6), min_size=1, max_size=60)
ENTROPIES = st.lists(st.floats(0, 5), min_size=1, max_size=80)


def confidence(likeliest, trust, group, k):
    """The docstring's formulas, window by window."""
    tokens = [-math.fsum(one[:k]) / len(one[:k]) for one in likeliest]
    if trust == "mean":
        return math.fsum(tokens) / len(tokens)
    if trust == "tail":
        return math.fsum(tokens[-group:]) / len(tokens[-group:])
    size = min(group, len(tokens))
    groups = sorted(math.fsum(tokens[i : i + size]) / size for i in range(len(tokens) - size + 1))
    lowest = groups[: max(1, int(len(groups) * 0.1))] if trust == "bottom" else groups[:1]
    return math.fsum(lowest) / len(lowest)


@pytest.mark.parametrize("trust", ["tail", "bottom", "lowest", "mean"])
@settings(deadline=None)
@given(likeliest=LOGPROBS, group=st.integers(1, 30), k=st.integers(1, 8))
def test_trace_confidence_is_the_formula(trust, likeliest, group, k):
    strategy = DeepConf(trust=trust, group=group, likeliest=k)
    assert trace_confidence(likeliest, strategy) == pytest.approx(confidence(likeliest, trust, group, k), abs=1e-9)


def test_a_peaked_token_is_more_confident_than_a_flat_one():
    peaked, flat = [math.log(0.97), math.log(0.01), math.log(0.01)], [math.log(1 / 3)] * 3
    strategy = DeepConf(likeliest=3)
    assert trace_confidence([peaked], strategy) > trace_confidence([flat], strategy) == pytest.approx(math.log(3))
    assert trace_confidence([flat] * 4 + [peaked] * 2, DeepConf(likeliest=3, group=2)) == trace_confidence(
        [peaked], strategy
    )
    with pytest.raises(ValueError, match="likeliest"):
        trace_confidence([peaked, []], strategy)


def test_the_most_confident_share_votes():
    assert most_confident([1.0, 5.0, None, 3.0, 4.0], 0.5) == [False, True, False, False, True]
    assert most_confident([1.0, 5.0, None, 3.0, 4.0], 1.0) == [True, True, False, True, True]
    assert most_confident([1.0, 5.0, 3.0], 0.001) == [False, True, False]
    assert most_confident([2.0, 2.0], 0.1) == [True, True]
    assert most_confident([None, None], 0.9) == [False, False]


def centroid(entropies, high, low, calm):
    """Phases found by looking ahead for the calm run that ends them, instead of counting."""
    top, bottom = np.percentile(entropies, 100 - high), np.percentile(entropies, low)
    i, mass, moment = 0, 0, 0.0
    while i < len(entropies):
        if entropies[i] < top:
            i += 1
            continue
        ends = [j for j in range(i + 1, len(entropies) - calm + 1) if all(h <= bottom for h in entropies[j : j + calm])]
        end = ends[0] if ends else len(entropies)
        mass += end - i
        moment += (end - i) * (i + end) / 2
        i = end + calm
    return moment / mass / len(entropies)


@settings(deadline=None)
@given(entropies=ENTROPIES, high=st.floats(0, 60), low=st.floats(0, 100), calm=st.integers(1, 5))
def test_the_centroid_is_the_formula(entropies, high, low, calm):
    strategy = LowestCentroid(high=high, low=low, calm=calm)
    found = entropy_centroid(entropies, strategy)
    assert found == pytest.approx(centroid(entropies, high, low, calm))
    assert 0 < found < 1


def test_phases_by_hand():
    #            0    1    2    3    4    5    6    7    8    9
    entropies = [0.1, 3.0, 1.0, 0.1, 0.1, 0.1, 0.1, 0.1, 2.9, 0.2]
    strategy = LowestCentroid(high=20, low=60, calm=3)
    assert phases(entropies, strategy) == [(1, 2), (8, 2)]
    assert entropy_centroid(entropies, strategy) == pytest.approx((2 * 2 + 2 * 9) / 4 / 10)
    early, late = [3.0, 2.0] + [0.1] * 10, [0.1] * 10 + [2.0, 3.0]
    assert entropy_centroid(early, LowestCentroid()) < entropy_centroid(late, LowestCentroid())
    with pytest.raises(ValueError, match="without tokens"):
        entropy_centroid([], strategy)
