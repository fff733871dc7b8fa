"""EM-INF against torch.optim.Adam under autograd: 1e-5 in probability, 1e-4 in total variation."""

from __future__ import annotations

import pytest
import torch
from tests.core.reference import Settings, adam_rows, entropy_of, probability_error, total_variation
from tests.core.rows import KINDS, real_rows, rows_of_kind

from entmin.core import em_inf, entropy

CORNERS = [
    Settings(),
    Settings(n_grad_steps=20),
    Settings(kl_weight=0.0),
    Settings(kl_weight=1.0),
    Settings(learning_rate=1.0),
    Settings(threshold=0.0, n_grad_steps=15),
    Settings(kl_weight=1.0, learning_rate=1.0, n_grad_steps=10),
    Settings(threshold=2.0, learning_rate=1.0, n_grad_steps=20),
]


def assert_agrees(logits, settings, factor=1.0):
    """The house tolerance, and not worse than autograd in float32 by more than rounding."""
    ours = em_inf(logits, **settings._asdict())
    truth = adam_rows(logits, settings)
    assert ours.dtype == (torch.float64 if logits.dtype == torch.float64 else torch.float32)
    assert torch.equal(ours == -torch.inf, logits == -torch.inf)
    assert probability_error(ours, truth) <= 1e-5 * factor
    assert total_variation(ours, truth) <= 1e-4 * factor
    autograd = adam_rows(logits, settings, torch.float32)
    assert probability_error(ours, truth) <= probability_error(autograd, truth) + 1e-6
    assert total_variation(ours, truth) <= total_variation(autograd, truth) + 1e-6


@pytest.mark.parametrize("bf16_valued", [False, True])
@pytest.mark.parametrize("vocabulary", [2, 3, 17, 1000, 4095, 4096])
@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_autograd_adam(kind, vocabulary, bf16_valued):
    logits = rows_of_kind(kind, vocabulary)
    for settings in CORNERS:
        assert_agrees(logits.bfloat16().float() if bf16_valued else logits, settings)


@pytest.mark.parametrize("vocabulary", [49_152, 151_936])
@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_autograd_adam_on_large_vocabularies(kind, vocabulary):
    logits = rows_of_kind(kind, vocabulary, count=1)
    assert_agrees(logits, Settings())
    assert_agrees(logits.bfloat16(), Settings())
    assert_agrees(logits.bfloat16(), Settings(n_grad_steps=15))


@pytest.mark.parametrize("settings", CORNERS, ids=str)
def test_agrees_with_autograd_adam_on_logits_of_a_real_model(settings):
    assert_agrees(real_rows(), settings)


@pytest.mark.parametrize("settings", CORNERS[:2], ids=str)
def test_agrees_on_real_logits_that_are_not_bf16_numbers(settings):
    noise = torch.randn(real_rows().shape, generator=torch.Generator().manual_seed(5))
    assert_agrees(real_rows().float() + 1e-3 * noise, settings)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("vocabulary", [50, 5000])
def test_agrees_for_every_input_dtype(dtype, vocabulary):
    assert_agrees(rows_of_kind("masked", vocabulary).to(dtype), Settings(n_grad_steps=5))


def test_float64_input_is_worked_on_in_float64():
    logits = rows_of_kind("random", 300).double() + 1e-12
    settings = Settings(n_grad_steps=5)
    assert probability_error(em_inf(logits, **settings._asdict()), adam_rows(logits, settings)) < 1e-13


@pytest.mark.parametrize("seed", range(6))
def test_agrees_when_thousands_of_tokens_share_the_mass(seed):
    # Between the float64 head and the float32 tail: many tokens close to p = 1e-4 and to p = e^-H at once.
    spread = 10 ** (-4 + 0.8 * seed)
    logits = torch.randn(1, 12_000, generator=torch.Generator().manual_seed(seed)) * min(spread, 3)
    assert_agrees(logits, Settings(n_grad_steps=10))
    assert_agrees(logits.bfloat16(), Settings(n_grad_steps=10))


@pytest.mark.parametrize("vocabulary", [40, 6000])
@pytest.mark.parametrize("bf16_valued", [False, True])
def test_rows_under_the_threshold_come_back_bit_for_bit(vocabulary, bf16_valued):
    logits = torch.cat([rows_of_kind("peaked", vocabulary), rows_of_kind("random", vocabulary)])
    logits = logits.bfloat16().float() if bf16_valued else logits
    low = entropy(logits) < 0.3
    assert 0 < low.sum() < len(logits)
    out = em_inf(logits)
    assert torch.equal(out[low], logits[low])
    assert not (out[~low] == logits[~low]).all(-1).any()


def test_real_rows_under_the_threshold_come_back_bit_for_bit():
    logits = real_rows()
    low = entropy(logits) < 0.3
    out = em_inf(logits)
    assert low.sum() == 2
    assert torch.equal(out[low], logits[low].float())
    assert not torch.equal(out[~low], logits[~low].float())


@pytest.mark.parametrize("unchanged", [{"n_grad_steps": 0}, {"learning_rate": 0.0}, {"threshold": 20.0}])
@pytest.mark.parametrize("vocabulary", [60, 5000])
def test_settings_that_ask_for_nothing_change_nothing(unchanged, vocabulary):
    logits = rows_of_kind("masked", vocabulary)
    assert torch.equal(em_inf(logits, **unchanged), logits)
    assert torch.equal(em_inf(logits.bfloat16(), **unchanged), logits.bfloat16().float())


def test_threshold_is_checked_before_every_update():
    row = torch.tensor([[2.0, 1.0, 0.0]], dtype=torch.float64)
    one_step = em_inf(row, threshold=0.0, n_grad_steps=1)
    between = (float(entropy_of(one_step[0])) + float(entropy_of(row[0]))) / 2
    assert torch.equal(em_inf(row, threshold=between, n_grad_steps=9), one_step)
    under = float(entropy_of(one_step[0])) - 1e-6
    assert not torch.equal(em_inf(row, threshold=under, n_grad_steps=9), one_step)


@pytest.mark.parametrize("broken", ["nan", "+inf", "all_masked"])
@pytest.mark.parametrize("vocabulary", [30, 5000])
@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_broken_rows_become_nan_and_leave_the_others_alone(broken, vocabulary, steps, dtype):
    logits = rows_of_kind("random", vocabulary, count=4).to(dtype)
    healthy = em_inf(logits, n_grad_steps=steps)
    damaged = logits.clone()
    damaged[2] = {"nan": torch.nan, "+inf": torch.inf, "all_masked": -torch.inf}[broken]
    if broken != "all_masked":
        damaged[2, 1:] = logits[2, 1:]
    out = em_inf(damaged, n_grad_steps=steps)
    assert out[2].isnan().all()
    assert torch.equal(out[[0, 1, 3]], healthy[[0, 1, 3]])


def test_the_only_token_left_by_a_mask_keeps_probability_one():
    logits = torch.full((1, 5000), -torch.inf)
    logits[0, 7] = -3.0
    assert torch.equal(em_inf(logits, threshold=0.0), logits)


@pytest.mark.parametrize("vocabulary", [10, 5000])
def test_input_is_not_modified_and_need_not_be_contiguous(vocabulary):
    logits = rows_of_kind("random", vocabulary, count=4)
    before = logits.clone()
    expected = em_inf(logits)
    assert torch.equal(logits, before)
    assert torch.equal(em_inf(logits.T.contiguous().T), expected)
    assert torch.equal(em_inf(torch.stack([logits, logits], -1)[..., 0]), expected)
    assert torch.equal(em_inf(logits[:1].expand(3, -1)), expected[:1].expand(3, -1))


def test_an_empty_batch_stays_empty():
    assert em_inf(torch.zeros(0, 5000)).shape == (0, 5000)


def test_wrong_shapes_and_dtypes_are_refused():
    with pytest.raises(ValueError, match="batch, vocabulary"):
        em_inf(torch.zeros(5))
    with pytest.raises(TypeError, match="floating"):
        em_inf(torch.zeros(2, 5, dtype=torch.int64))
