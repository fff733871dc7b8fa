"""Matching by entropy: the root of a noisy rising function, found in few evaluations."""

from __future__ import annotations

import math
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from entmin.settle.match import COLDEST, HOTTEST, TOLERANCE, match


@settings(max_examples=200, deadline=None)
@given(scale=st.floats(0.3, 4), bend=st.floats(0.3, 3), share=st.floats(0.05, 0.95), guess=st.floats(0.05, 3))
def test_a_rising_curve_is_met_within_the_tolerance(scale, bend, share, guess):
    def measure(knob: float) -> float:
        return scale * (1 - math.exp(-((knob / 1.2) ** bend)))

    target = measure(COLDEST) + share * (measure(HOTTEST) - measure(COLDEST))
    found = match(measure, target, guess=guess, most=20)
    assert found.matched()
    assert abs(measure(found.knob) - target) <= TOLERANCE
    assert COLDEST <= found.knob <= HOTTEST


def test_noise_of_a_pilot_does_not_lead_it_astray():
    chance = random.Random(0)
    misses = 0
    for _ in range(200):
        target = chance.uniform(0.3, 2.5)
        found = match(lambda knob: 2 * knob + chance.gauss(0, 0.02), target, guess=chance.uniform(0.3, 1.5))
        misses += not found.matched()
        assert len(found.evaluations) <= 8
        assert abs(2 * found.knob - target) < 0.15 or not found.matched()
    assert misses <= 4


def test_what_cannot_be_reached_is_said_and_the_nearest_is_kept():
    found = match(lambda knob: 0.5 + 0.01 * knob, 2.0, most=30)
    assert not found.matched()
    assert found.knob == HOTTEST
    cold = match(lambda knob: 1.0, 0.2, most=30)
    assert not cold.matched()
    assert cold.gap == 0.8
