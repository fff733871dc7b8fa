import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from entmin.core import entropy_and_logprob, self_certainty


@given(st.lists(st.floats(-60, 60), min_size=2, max_size=40), st.integers(0, 39))
@settings(deadline=None)
def test_both_agree_with_float64_and_sum_by_definition(row, token):
    token %= len(row)
    exact = [x - max(row) for x in row]
    norm = math.log(math.fsum(math.exp(x) for x in exact))
    log_p = [x - norm for x in exact]
    logits = torch.tensor([row], dtype=torch.float32)
    assert entropy_and_logprob(logits, torch.tensor([token]))[1].item() == pytest.approx(log_p[token], abs=1e-4)
    divergence = math.fsum((math.log(1 / len(row)) - lp) / len(row) for lp in log_p)
    assert self_certainty(logits).item() == pytest.approx(divergence, abs=1e-4)
    assert self_certainty(logits).item() >= -1e-5


def test_a_uniform_row_is_not_certain_at_all_and_masked_tokens_are_left_out():
    rows = torch.zeros(1, 10)
    assert self_certainty(rows).item() == pytest.approx(0, abs=1e-7)
    masked = torch.tensor([[1.0, 2.0, -torch.inf]])
    assert self_certainty(masked).item() == pytest.approx(self_certainty(torch.tensor([[1.0, 2.0]])).item())


def test_half_precision_is_measured_in_single():
    logits = torch.randn(3, 500).mul(8).bfloat16()
    assert torch.allclose(self_certainty(logits), self_certainty(logits.double()).float(), atol=1e-5)
    assert self_certainty(logits).dtype == torch.float32
