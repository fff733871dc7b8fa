"""Every implementation against float64 autograd, bisection and sums: no worse than float32 torch but for rounding.

A new implementation adds its name to NAMES. One that cannot run on this machine's CPU is skipped, with its own reason.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.reference import Settings, adam_rows, bisect_row, entropy_of, probability_error, total_variation
from tests.core.rows import KINDS, real_rows, rows_of_kind

from entmin.core import adaptive_temperature, em_inf, em_inf_measured, entropy, solve_temperature
from entmin.core.impl import IMPLEMENTATIONS

NAMES = ["torch", "numba", "triton"]
INTERPRETED = {"triton"}  # hundreds of times slower than compiled: small sizes, and only where the interpreter is on
CORNERS = [
    Settings(),
    Settings(n_grad_steps=0),
    Settings(n_grad_steps=20),
    Settings(kl_weight=0.0),
    Settings(kl_weight=1.0),
    Settings(learning_rate=0.0),
    Settings(learning_rate=1.0),
    Settings(threshold=0.0, n_grad_steps=20),
    Settings(kl_weight=1.0, learning_rate=1.0, threshold=0.0, n_grad_steps=20),
]


@pytest.fixture(params=NAMES)
def impl(request):
    name = request.param
    why = IMPLEMENTATIONS[name].missing() or IMPLEMENTATIONS[name].refuses(torch.zeros(1, 2))
    if why:
        pytest.skip(f"{name}: {why}")
    return name


def sizes(impl, *vocabularies):
    return [v for v in vocabularies if impl not in INTERPRETED or v <= 5000]


KNOWN = {}


def by_autograd(logits, wanted):
    """Autograd's rows in float64 and in float32: most of the time of these tests, so once for all implementations."""
    key = wanted, logits.dtype, logits.shape, sha256(logits.contiguous().view(torch.uint8).numpy()).digest()
    if key not in KNOWN:
        KNOWN[key] = adam_rows(logits, wanted), adam_rows(logits, wanted, torch.float32)
    return KNOWN[key] if logits.numel() < 20_000 else KNOWN.pop(key)


def assert_agrees(impl, logits, wanted):
    """Not worse than autograd in float32 by more than rounding, masked entries and dtype kept."""
    ours = em_inf(logits, **wanted._asdict(), impl=impl)
    truth, plain = by_autograd(logits, wanted)
    assert ours.dtype == torch.float32
    assert torch.equal(ours == -torch.inf, logits == -torch.inf)
    assert probability_error(ours, truth) <= probability_error(plain, truth) + 1e-6
    assert total_variation(ours, truth) <= total_variation(plain, truth) + 1e-6


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("vocabulary", [2, 3, 255, 1025, 5003])
def test_em_inf_agrees_with_autograd_in_every_corner(impl, vocabulary, dtype):
    for number, kind in enumerate(KINDS):
        logits = rows_of_kind(kind, vocabulary, count=2).to(dtype)
        corners = CORNERS if impl not in INTERPRETED else CORNERS[number % 3 :: 3]
        for corner in corners:
            assert_agrees(impl, logits, corner)


@pytest.mark.parametrize("vocabulary", [49_153, 151_936, 262_144])
def test_em_inf_agrees_with_autograd_on_large_vocabularies(impl, vocabulary):
    if not sizes(impl, vocabulary):
        pytest.skip("too large for an interpreter")
    logits = torch.cat([rows_of_kind(kind, vocabulary, count=1) for kind in ("random", "realistic", "masked", "flat")])
    assert_agrees(impl, logits, Settings(threshold=0.0))
    assert_agrees(impl, logits.bfloat16(), Settings())
    assert_agrees(impl, logits.bfloat16().float(), Settings(n_grad_steps=5))


@pytest.mark.parametrize("corner", CORNERS, ids=str)
def test_em_inf_agrees_with_autograd_on_real_logits(impl, corner):
    if impl in INTERPRETED:
        pytest.skip("too large for an interpreter")
    noise = torch.randn(real_rows().shape, generator=torch.Generator().manual_seed(5))
    assert_agrees(impl, real_rows(), corner)
    assert_agrees(impl, real_rows().float() + 1e-3 * noise, corner)


def test_em_inf_survives_steps_far_larger_than_the_logits(impl):
    logits = rows_of_kind("random", 1500)
    for wanted in (Settings(0.0, 0.05, 100.0, 5), Settings(0.0, 1.0, 30.0, 20)):
        assert_agrees(impl, logits, wanted)
        assert_agrees(impl, logits.bfloat16(), wanted)


@given(seed=st.integers(0, 10_000), vocabulary=st.integers(2, 6000), scale=st.floats(0.01, 8), bf16=st.booleans())
@settings(deadline=None, max_examples=25)
def test_em_inf_agrees_with_autograd_on_any_row(seed, vocabulary, scale, bf16):
    logits = torch.randn(1, vocabulary, generator=torch.Generator().manual_seed(seed)) * scale
    assert_agrees("numba", logits.bfloat16() if bf16 else logits, Settings(threshold=0.0, n_grad_steps=6))


@pytest.mark.parametrize("batch", [1, 2, 7, 33, 512])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_rows_are_independent_bit_for_bit(impl, batch, dtype):
    if impl in INTERPRETED and batch > 33:
        pytest.skip("too large for an interpreter")
    vocabulary = 300 if batch > 33 else 1500
    kinds = [rows_of_kind(kind, vocabulary, count=-(-batch // len(KINDS))) for kind in KINDS]
    logits = torch.cat(kinds)[torch.randperm(batch * 7 // 7, generator=torch.Generator().manual_seed(batch))].to(dtype)
    together = em_inf(logits, impl=impl), solve_temperature(logits, impl=impl), entropy(logits, impl=impl)
    for i in {0, batch // 2, batch - 1}:
        row = logits[i : i + 1]
        assert torch.equal(em_inf(row, impl=impl), together[0][i : i + 1])
        assert torch.equal(solve_temperature(row, impl=impl), together[1][i : i + 1])
        assert torch.equal(entropy(row, impl=impl), together[2][i : i + 1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("vocabulary", [40, 5000])
def test_rows_under_the_threshold_come_back_bit_for_bit(impl, vocabulary, dtype):
    logits = torch.cat([rows_of_kind("peaked", vocabulary), rows_of_kind("random", vocabulary)]).to(dtype)
    low = entropy(logits, impl=impl) < 0.3
    assert 0 < low.sum() < len(logits)
    out = em_inf(logits, impl=impl)
    assert torch.equal(out[low], logits[low].float())
    assert not (out[~low] == logits[~low].float()).all(-1).any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("vocabulary", [3, 1030, 5000])
def test_broken_rows_become_nan_and_leave_the_others_alone(impl, vocabulary, dtype):
    logits = rows_of_kind("random", vocabulary, count=6).to(dtype)
    healthy = em_inf(logits, impl=impl)
    damaged = logits.clone()
    damaged[1, -1], damaged[2, 0], damaged[3], damaged[4, 0] = torch.nan, torch.inf, -torch.inf, -torch.nan
    broken = [1, 2, 3, 4]
    out = em_inf(damaged, impl=impl)
    assert out[broken].isnan().all()
    assert torch.equal(out[[0, 5]], healthy[[0, 5]])
    assert entropy(damaged, impl=impl).isnan().tolist() == [False, True, True, True, True, False]
    assert solve_temperature(damaged, impl=impl).isnan().tolist() == [False, True, True, True, True, False]
    assert adaptive_temperature(damaged, impl=impl)[broken].isnan().all()


@pytest.mark.parametrize("vocabulary", [10, 5000])
def test_input_is_untouched_and_need_not_be_contiguous(impl, vocabulary):
    logits = rows_of_kind("masked", vocabulary, count=4).bfloat16().float()
    before = logits.clone()
    for run in (em_inf, solve_temperature, entropy):
        expected = run(logits, impl=impl)
        wide = torch.cat([logits, logits], -1)
        for view in (logits.T.contiguous().T, torch.stack([logits, logits], -1)[..., 0], wide[:, :vocabulary]):
            assert torch.equal(run(view, impl=impl), expected)
        assert torch.equal(run(logits[1:2].expand(3, -1), impl=impl), expected[1:2].expand(3, *expected.shape[1:]))
        assert torch.equal(run(logits[::2], impl=impl), expected[::2])
    assert torch.equal(logits, before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("vocabulary", [20, 5000])
def test_results_written_to_given_memory_and_over_the_input_are_the_same(impl, vocabulary, dtype):
    logits = torch.cat([rows_of_kind(kind, vocabulary) for kind in ("peaked", "random", "masked")]).to(dtype)
    expected = em_inf(logits, impl=impl)
    room = torch.full((len(logits), vocabulary + 3), 7.0)
    out = em_inf(logits, impl=impl, out=room[:, :vocabulary])
    assert out.data_ptr() == room.data_ptr()
    assert torch.equal(out, expected)
    assert (room[:, vocabulary:] == 7).all()
    over = logits.float().clone()
    assert em_inf(over, impl=impl, out=over) is over
    assert torch.equal(over, expected)
    for wrong in (torch.zeros(len(logits), vocabulary + 1), torch.zeros(len(logits), vocabulary, dtype=torch.float16)):
        with pytest.raises(ValueError, match="out must be"):
            em_inf(logits, impl=impl, out=wrong)


@pytest.mark.parametrize("steps", [0, 1, 3])
@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("vocabulary", [20, 5000])
def test_entropies_met_on_the_way_are_those_of_the_rows(impl, vocabulary, bf16, steps):
    logits = torch.cat([rows_of_kind(kind, vocabulary) for kind in KINDS])
    logits[1] = torch.nan
    logits = logits.bfloat16() if bf16 else logits
    adjusted, before, after = em_inf_measured(logits, n_grad_steps=steps, impl=impl)
    assert torch.equal(adjusted.nan_to_num(), em_inf(logits, n_grad_steps=steps, impl=impl).nan_to_num())
    for found, rows in ((before, logits), (after, adjusted)):
        torch.testing.assert_close(found, entropy(rows.float(), impl="torch"), rtol=1e-5, atol=2e-6, equal_nan=True)


def test_an_empty_batch_stays_empty(impl):
    empty = torch.zeros(0, 300)
    assert em_inf(empty, impl=impl).shape == (0, 300)
    assert solve_temperature(empty, impl=impl).shape == (0,)
    assert entropy(empty, impl=impl).shape == (0,)


def test_calls_from_several_threads_do_not_disturb_each_other(impl):
    batches = [rows_of_kind(kind, 5000 if impl not in INTERPRETED else 60, count=3) for kind in KINDS]
    batches += [batch.bfloat16() for batch in batches]
    expected = [em_inf(batch, impl=impl) for batch in batches]
    if impl in INTERPRETED:
        pytest.skip("Triton's interpreter itself cannot run in two threads")
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            found = list(pool.map(lambda batch: em_inf(batch, impl=impl), batches))
            assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_more_threads_give_the_same_bits(impl):
    logits = torch.cat([rows_of_kind(kind, 5000 if impl not in INTERPRETED else 60, count=40) for kind in KINDS])
    alone = em_inf(logits, impl=impl), entropy(logits, impl=impl)
    torch.set_num_threads(3)
    try:
        assert torch.equal(em_inf(logits, impl=impl), alone[0])
        assert torch.equal(entropy(logits, impl=impl), alone[1])
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("vocabulary", [2, 255, 1025, 5003])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_entropy_agrees_with_float64(impl, vocabulary, dtype):
    for kind in KINDS:
        logits = rows_of_kind(kind, vocabulary, count=2).to(dtype)
        truth = torch.stack([entropy_of(row[row != -torch.inf].double()) for row in logits])
        plain = torch.stack([entropy_of(row[row != -torch.inf].float()) for row in logits])
        ours = entropy(logits, impl=impl)
        assert (ours - truth).abs().max() <= (plain - truth).abs().max() + 1e-6


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.85])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_temperature_agrees_with_float64_bisection(impl, ratio, dtype):
    search = {"tmin": 0.01, "tmax": 1.0, "max_iter": 100, "target_ratio": ratio, "threshold": 1e-5}
    for vocabulary in (2, 255, 5003):
        for kind in sorted({*KINDS} - {"flat", "near_tied"}):  # there the entropy hardly depends on the temperature
            logits = rows_of_kind(kind, vocabulary, count=2).to(dtype)
            truth = torch.tensor([bisect_row(row, tol=1e-12, **search) for row in logits], dtype=torch.float64)
            ours = solve_temperature(logits, target_ratio=ratio, impl=impl)
            torch.testing.assert_close(ours.double(), truth, rtol=1e-4, atol=1e-6)


@given(st.integers(0, 10_000), st.integers(2, 3000), st.floats(0.05, 30), st.floats(0.05, 0.95), st.booleans())
@settings(deadline=None, max_examples=50)
def test_compiled_temperature_search_meets_the_target_in_eight_steps(seed, vocabulary, scale, ratio, bf16):
    logits = torch.randn(2, vocabulary, generator=torch.Generator().manual_seed(seed)) * scale
    logits = logits.bfloat16() if bf16 else logits
    tau = solve_temperature(logits, target_ratio=ratio, max_iter=8, impl="numba").double()
    before = entropy(logits.double())
    target = (ratio * before).clamp(min=1e-5)
    after = entropy(logits.double() / tau[:, None])
    tried = (before > 1e-5) & (entropy(logits.double() / 0.01) < target)
    assert ((tau >= 0.01) & (tau <= 1)).all()
    assert ((after - target).abs()[tried] <= 1.2e-6 * target[tried]).all()


def test_published_search_is_the_same_everywhere(impl):
    logits = torch.cat([rows_of_kind(kind, 300) for kind in KINDS])
    ours = solve_temperature(logits, tol=0.1, absolute_tol=True, impl=impl)
    torch.testing.assert_close(ours, solve_temperature(logits, tol=0.1, absolute_tol=True, impl="torch"))
