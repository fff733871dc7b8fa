"""Adaptive temperature against a float64 bisection."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.reference import bisect_row, entropy_of
from tests.core.rows import KINDS, real_rows, rows_of_kind

from entmin.core import adaptive_temperature, entropy, solve_temperature

DEFAULTS = {"tmax": 1.0, "tmin": 0.01, "max_iter": 100, "target_ratio": 0.85, "threshold": 1e-5}
PAPER = {"tol": 0.1, "absolute_tol": True}


def reference_tau(logits, tol, **changed):
    return torch.tensor([bisect_row(row, tol=tol, **DEFAULTS | changed) for row in logits], dtype=torch.float64)


def reference_entropies(logits):
    return torch.stack([entropy_of(row[row != -torch.inf].double()) for row in logits])


@pytest.mark.parametrize("ratio", [0.3, 0.85])
@pytest.mark.parametrize("bf16_valued", [False, True])
@pytest.mark.parametrize("vocabulary", [2, 17, 1000, 4096, 49_152])
@pytest.mark.parametrize("kind", sorted({*KINDS} - {"flat", "near_tied"}))
def test_temperature_agrees_with_float64_bisection(kind, vocabulary, bf16_valued, ratio):
    logits = rows_of_kind(kind, vocabulary, count=2)
    logits = logits.bfloat16() if bf16_valued else logits
    ours = solve_temperature(logits, target_ratio=ratio)
    torch.testing.assert_close(ours.double(), reference_tau(logits, 1e-12, target_ratio=ratio), rtol=1e-4, atol=1e-6)


def test_temperature_agrees_on_logits_of_a_real_model():
    ours = solve_temperature(real_rows())
    torch.testing.assert_close(ours.double(), reference_tau(real_rows(), 1e-12), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("vocabulary", [50, 5000, 151_936])
@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.85])
def test_entropy_meets_the_target(dtype, vocabulary, ratio):
    logits = rows_of_kind("masked", vocabulary, count=2).to(dtype)
    out = adaptive_temperature(logits, target_ratio=ratio)
    assert out.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert torch.equal(out == -torch.inf, logits == -torch.inf)
    torch.testing.assert_close(reference_entropies(out), ratio * reference_entropies(logits), rtol=1e-5, atol=0)


@pytest.mark.parametrize(("ratio", "reachable"), [(0.1, 10), (0.5, 10), (0.85, 11)])
def test_entropy_of_real_rows_meets_the_target_unless_exact_ties_forbid_it(ratio, reachable):
    logits = real_rows()
    target = (ratio * reference_entropies(logits)).clamp(min=1e-5)
    lowest = reference_entropies(logits.double() / 0.01)  # two top tokens with the same bf16 logit: never under log 2
    tried = (lowest < target) & (reference_entropies(logits) > 1e-5)
    assert tried.sum() == reachable
    out = adaptive_temperature(logits, target_ratio=ratio)
    # float32 holds z / tau to 1e-5 or so where tau is small
    torch.testing.assert_close(reference_entropies(out)[tried], target[tried], rtol=5e-5, atol=0)
    torch.testing.assert_close(reference_entropies(out)[lowest > target], lowest[lowest > target])


@given(st.integers(0, 10_000), st.integers(2, 200), st.floats(0.1, 10), st.floats(0.05, 0.95))
@settings(deadline=None)
def test_target_temperature_range_and_order_hold_on_any_row(seed, vocabulary, scale, ratio):
    logits = torch.randn(3, vocabulary, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * scale
    tau = solve_temperature(logits, target_ratio=ratio)
    assert ((tau >= 0.01) & (tau <= 1)).all()
    out = adaptive_temperature(logits, target_ratio=ratio)
    assert torch.equal(out.argsort(dim=-1, stable=True), logits.argsort(dim=-1, stable=True))
    before, after = entropy(logits), entropy(out)
    target = (ratio * before).clamp(min=1e-5)
    reachable = (before > 1e-5) & (entropy(logits / 0.01) < target)
    assert ((after - target).abs()[reachable] <= 1e-6 * target[reachable]).all()
    assert torch.equal(out[before <= 1e-5], logits[before <= 1e-5])


@given(st.integers(0, 10_000), st.floats(0.05, 0.9), st.floats(0.01, 0.1))
@settings(deadline=None)
def test_a_lower_target_never_gives_a_higher_temperature(seed, ratio, more):
    logits = torch.randn(4, 64, generator=torch.Generator().manual_seed(seed)) * 2
    assert (solve_temperature(logits, target_ratio=ratio) <= solve_temperature(logits, target_ratio=ratio + more)).all()


def test_paper_preset_takes_the_first_midpoint_on_every_easy_token():
    easy = torch.zeros(3, 5000)
    easy[:, 3] = torch.tensor([15.0, 16.0, 20.0])
    assert ((entropy(easy) > 1e-5) & (entropy(easy) < 0.1)).all()
    assert solve_temperature(easy, **PAPER).tolist() == pytest.approx([0.505] * 3)
    assert (solve_temperature(easy) > 0.9).all()  # a relative tolerance hardly cools them: 15 % of next to nothing


@pytest.mark.parametrize("ratio", [0.5, 0.85])
def test_absolute_tolerance_is_the_published_search(ratio):
    logits = torch.cat([real_rows().double(), rows_of_kind("random", 49_152).double()])
    ours = solve_temperature(logits, target_ratio=ratio, **PAPER)
    torch.testing.assert_close(ours, reference_tau(logits, 0.1, target_ratio=ratio), rtol=0, atol=1e-12)


def test_limits_of_the_search_are_respected():
    logits = rows_of_kind("random", 100)
    narrow = solve_temperature(logits, tmin=0.95, target_ratio=0.1)
    torch.testing.assert_close(narrow, torch.full_like(narrow, 0.95))
    published = {"absolute_tol": True, "tol": 1e-9, "target_ratio": 0.1}
    assert solve_temperature(logits, max_iter=1, **published).tolist() == pytest.approx([0.505] * 3)
    assert torch.equal(solve_temperature(logits, max_iter=0), torch.ones(3))


def test_exact_ties_end_at_the_lowest_temperature_without_changing_the_distribution():
    out = adaptive_temperature(rows_of_kind("flat", 30))
    torch.testing.assert_close(out.softmax(-1), torch.full_like(out, 1 / 30))


@pytest.mark.parametrize("vocabulary", [40, 6000])
def test_rows_at_or_under_the_threshold_come_back_bit_for_bit(vocabulary):
    logits = torch.cat([rows_of_kind("peaked", vocabulary), rows_of_kind("random", vocabulary)])
    low = entropy(logits) <= 0.5
    assert 0 < low.sum() < len(logits)
    out = adaptive_temperature(logits, threshold=0.5)
    assert torch.equal(out[low], logits[low])
    assert (entropy(out)[~low] < entropy(logits)[~low]).all()
    assert (entropy(out)[~low] >= 0.5 * (1 - 1e-5)).all()


@pytest.mark.parametrize("vocabulary", [30, 5000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("broken", ["nan", "+inf", "all_masked"])
def test_broken_rows_become_nan_and_leave_the_others_alone(broken, vocabulary, dtype):
    logits = rows_of_kind("random", vocabulary, count=4).to(dtype)
    healthy = adaptive_temperature(logits)
    damaged = logits.clone()
    if broken == "all_masked":
        damaged[2] = -torch.inf
    else:
        damaged[2, 0] = torch.nan if broken == "nan" else torch.inf
    out = adaptive_temperature(damaged)
    assert out[2].isnan().all()
    assert torch.equal(out[[0, 1, 3]], healthy[[0, 1, 3]])


def test_wrong_shapes_and_dtypes_are_refused():
    with pytest.raises(ValueError, match="batch, vocabulary"):
        adaptive_temperature(torch.zeros(5))
    with pytest.raises(TypeError, match="floating"):
        adaptive_temperature(torch.zeros(2, 5, dtype=torch.int64))
