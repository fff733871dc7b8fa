"""Entropy of a row of logits."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.core.reference import entropy_of
from tests.core.rows import KINDS, real_rows, rows_of_kind

from entmin.core import entropy, entropy_and_logprob


def reference_entropy(logits):
    return torch.stack([entropy_of(row[row != -torch.inf].double()) for row in logits])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("vocabulary", [2, 3, 1000, 151_936])
@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_float64(kind, vocabulary, dtype):
    logits = rows_of_kind(kind, vocabulary, count=2).to(dtype)
    ours = entropy(logits)
    assert ours.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    tolerance = 1e-12 if dtype == torch.float64 else 2e-6
    torch.testing.assert_close(ours.double(), reference_entropy(logits), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("vocabulary", [1000, 151_936])
@pytest.mark.parametrize("kind", KINDS)
def test_log_probabilities_agree_with_float64(kind, vocabulary, dtype):
    logits = rows_of_kind(kind, vocabulary, count=3).to(dtype)
    ids = torch.tensor([0, vocabulary // 2, vocabulary - 1])
    expected = logits.double().log_softmax(-1).gather(-1, ids[:, None]).squeeze(-1)
    found, logprobs = entropy_and_logprob(logits, ids, impl="numba")
    assert found.dtype == logprobs.dtype == torch.float32
    torch.testing.assert_close(found, entropy(logits, impl="numba"), rtol=0, atol=0)
    torch.testing.assert_close(logprobs.double(), expected, rtol=2e-6, atol=2e-6)


def test_a_masked_token_has_no_probability_and_a_broken_row_no_number():
    logits = torch.randn(3, 5000)
    logits[0, 7], logits[1, 3] = -torch.inf, torch.nan
    found, logprobs = entropy_and_logprob(logits, torch.tensor([7, 4, 4]), impl="numba")
    assert logprobs[0] == -torch.inf
    assert found.isnan().tolist() == logprobs.isnan().tolist() == [False, True, False]


def test_agrees_with_float64_on_logits_of_a_real_model():
    torch.testing.assert_close(entropy(real_rows()).double(), reference_entropy(real_rows()), rtol=2e-6, atol=2e-6)


def test_known_values():
    logits = torch.tensor([[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, -torch.inf, -torch.inf], [5.0, *[-torch.inf] * 3]])
    torch.testing.assert_close(entropy(logits), torch.tensor([math.log(4), math.log(2), 0.0]))


def test_enormous_logits_do_not_overflow():
    logits = torch.tensor([[3e38, 0.0, -3e38], [-3e38, -3e38, -3e38]])
    torch.testing.assert_close(entropy(logits), torch.tensor([0.0, math.log(3)]))


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_rows_with_nan_or_infinity_are_nan_and_others_are_not(bad):
    logits = torch.zeros(3, 8)
    logits[1, 3] = bad
    assert entropy(logits).isnan().tolist() == [False, True, False]
    logits[1] = -torch.inf
    assert entropy(logits).isnan().tolist() == [False, True, False]


@given(st.integers(0, 10_000), st.integers(2, 300), st.floats(0.01, 30))
def test_lies_between_zero_and_log_of_the_vocabulary(seed, vocabulary, scale):
    logits = torch.randn(4, vocabulary, generator=torch.Generator().manual_seed(seed)) * scale
    h = entropy(logits)
    assert (h >= -1e-6).all()
    assert (h <= math.log(vocabulary) + 1e-6).all()


def test_any_leading_shape():
    logits = rows_of_kind("random", 100, count=6)
    assert torch.equal(entropy(logits.view(2, 3, 100)), entropy(logits).view(2, 3))
    assert torch.equal(entropy(logits[4]), entropy(logits)[4])


def test_integer_logits_are_refused():
    with pytest.raises(TypeError, match="floating"):
        entropy(torch.zeros(2, 5, dtype=torch.int64))
