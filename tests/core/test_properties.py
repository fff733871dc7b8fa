"""Laws that hold for any row: independence, permutation, shift, padding; and the theorems about entropy descent."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.reference import Settings, adam_rows, total_variation
from tests.core.rows import KINDS, real_rows, rows_of_kind

from entmin.core import adaptive_temperature, em_inf, entropy

METHODS = pytest.mark.parametrize("method", [em_inf, adaptive_temperature])
VOCABULARIES = st.sampled_from([2, 9, 257, 4095, 4096, 5003])
SEEDS = st.integers(0, 10_000)
few = settings(deadline=None, max_examples=25)


def mixed_rows(vocabulary, seed, bf16_valued=False):
    """One row of every kind: heads of every width, masks, ties; in float32 numbers, bf16 numbers or both by turns."""
    rows = torch.cat([rows_of_kind(kind, vocabulary, count=1, seed=seed) for kind in KINDS])
    if bf16_valued == "alternating":
        return torch.cat([rows[:4].bfloat16().float(), rows[4:], rows[:2]])
    return rows.bfloat16().float() if bf16_valued else rows


@METHODS
@pytest.mark.parametrize("bf16_valued", [False, True, "alternating"])
@given(seed=SEEDS, vocabulary=VOCABULARIES)
@few
def test_rows_do_not_influence_each_other(method, bf16_valued, seed, vocabulary):
    logits = mixed_rows(vocabulary, seed, bf16_valued)
    together = method(logits)
    assert torch.equal(torch.cat([method(row[None]) for row in logits]), together)
    order = torch.randperm(len(logits), generator=torch.Generator().manual_seed(seed))
    assert torch.equal(method(logits[order]), together[order])


@METHODS
@pytest.mark.parametrize("bf16_valued", [False, True])
def test_real_rows_do_not_influence_each_other(method, bf16_valued):
    logits = real_rows().float() if bf16_valued else real_rows().float() * 1.0001
    together = method(logits)
    assert torch.equal(torch.cat([method(row[None]) for row in logits]), together)
    assert torch.equal(method(torch.cat([logits.flip(0)] * 3)), torch.cat([together.flip(0)] * 3))


@METHODS
@pytest.mark.parametrize("bf16_valued", [False, True])
@given(seed=SEEDS, vocabulary=VOCABULARIES)
@few
def test_renaming_the_tokens_renames_the_result(method, bf16_valued, seed, vocabulary):
    logits = mixed_rows(vocabulary, seed, bf16_valued)
    order = torch.randperm(vocabulary, generator=torch.Generator().manual_seed(seed))
    assert total_variation(method(logits[:, order]), method(logits)[:, order]) < 1e-6


@METHODS
@given(seed=SEEDS, vocabulary=VOCABULARIES, shift=st.integers(-64, 64))
@few
def test_a_constant_added_to_every_logit_changes_nothing(method, seed, vocabulary, shift):
    # Multiples of 2^-9 under 128, so that adding the shift is exact in float32.
    logits = (mixed_rows(vocabulary, seed).clamp(max=60) * 512).round() / 512
    assert total_variation(method(logits + shift), method(logits)) < 2e-5


@METHODS
@pytest.mark.parametrize("bf16_valued", [False, True])
@given(seed=SEEDS, vocabulary=VOCABULARIES, padding=st.integers(1, 200))
@few
def test_padding_the_vocabulary_with_masked_entries_changes_nothing(method, bf16_valued, seed, vocabulary, padding):
    logits = mixed_rows(vocabulary, seed, bf16_valued)
    padded = method(torch.nn.functional.pad(logits, (0, padding), value=-torch.inf))
    assert (padded[:, vocabulary:] == -torch.inf).all()
    assert total_variation(padded[:, :vocabulary], method(logits)) < 1e-6


@METHODS
@given(seed=SEEDS, vocabulary=st.sampled_from([9, 4096, 5003]))
@few
def test_equal_logits_stay_equal(method, seed, vocabulary):
    logits = mixed_rows(vocabulary, seed)
    twin = torch.cat([logits, logits], -1)
    out = method(twin)
    assert torch.equal(out[:, :vocabulary], out[:, vocabulary:])


def gradient_descent(logits, rate, steps):
    """Plain descent on H in closed form: the algorithm of the paper's text, for which it has a theorem."""
    x = logits.double()
    for _ in range(steps):
        log_p = x.log_softmax(-1)
        p, h = log_p.exp(), -(log_p.exp() * log_p).sum(-1, keepdim=True)
        x = x + rate * p * (log_p + h)
    return x


@given(seed=SEEDS, vocabulary=st.sampled_from([2, 3, 9, 257]), scale=st.floats(0.05, 8), rate=st.floats(1e-3, 0.5))
@settings(deadline=None)
def test_gradient_descent_keeps_the_argmax_and_never_raises_entropy(seed, vocabulary, scale, rate):
    logits = torch.randn(4, vocabulary, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * scale
    before = logits
    for _ in range(5):
        after = gradient_descent(before, rate, 1)
        assert torch.equal(after.argmax(-1), logits.argmax(-1))
        top = logits.argmax(-1, keepdim=True)
        assert (after.softmax(-1).gather(-1, top) >= before.softmax(-1).gather(-1, top) - 1e-12).all()
        assert (entropy(after) <= entropy(before) + 1e-12).all()
        before = after


@given(seed=SEEDS, vocabulary=st.sampled_from([3, 9, 257, 5003]), scale=st.floats(0.2, 8))
@few
def test_small_adam_steps_keep_the_argmax_and_lower_entropy(seed, vocabulary, scale):
    # No theorem: Adam's first step is learning_rate * sign(gradient). Measured for larger steps in docs/deviations.md.
    logits = torch.randn(4, vocabulary, generator=torch.Generator().manual_seed(seed)) * scale
    out = em_inf(logits, learning_rate=0.01, n_grad_steps=3, kl_weight=0.0)
    assert torch.equal(out.argmax(-1), logits.argmax(-1))
    assert (entropy(out) <= entropy(logits) + 1e-6).all()


def test_adam_on_real_rows_at_the_defaults_keeps_the_argmax_and_lowers_entropy():
    logits = real_rows()
    out = em_inf(logits)
    top = logits.float().amax(-1)
    assert torch.equal(out.gather(-1, logits.argmax(-1, keepdim=True)).squeeze(-1), out.amax(-1))
    assert ((out == out.amax(-1, keepdim=True)) == (logits == top[:, None])).all()
    moved = entropy(logits) >= 0.3
    assert (entropy(out)[moved] < entropy(logits)[moved] - 0.01).all()


def test_the_reference_itself_depends_on_every_setting():
    logits = rows_of_kind("random", 50)
    base = adam_rows(logits, Settings())
    changed = Settings(threshold=2.5), Settings(kl_weight=1.0), Settings(learning_rate=0.2), Settings(n_grad_steps=5)
    assert all(total_variation(adam_rows(logits, other), base) > 1e-4 for other in changed)
